/** How commands meet the outside, and how they end. */
import type { Environment } from '../config/environment.ts'

export interface CliIo {
  environment: Environment
  /** To stdout; the text brings its line feeds. */
  print: (text: string) => void
  /** To stderr. */
  complain: (text: string) => void
}

export const EXIT_OK = 0
export const EXIT_FAILED = 1
/** EX_USAGE of sysexits.h: the low codes are verdicts of `serac status`. */
export const EXIT_USAGE = 64
