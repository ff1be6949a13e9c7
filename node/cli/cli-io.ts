/** How commands meet the outside, and how they end. */
import type { Environment } from '../config/environment.ts'

export interface CliIo {
  environment: Environment
  /** To stdout; the text brings its line feeds. */
  print: (text: string) => void
  /** To stderr. */
  complain: (text: string) => void
  /** Asks the person at the terminal; null when there is none. */
  ask: (question: string) => Promise<string | null>
  /** Whether stderr is a terminal, where a line may be written over. */
  isTerminal: boolean
}

/** Thrown when the node to ask does not answer. */
export class NotAskedError extends Error {}

export const EXIT_OK = 0
export const EXIT_FAILED = 1
/** Above the verdicts of `serac status`. */
export const EXIT_NOT_ASKED = 4
/** EX_USAGE of sysexits.h: the low codes are verdicts of `serac status`. */
export const EXIT_USAGE = 64
