/** Asks whether something is really to be done. */
import type { CliIo } from './cli-io.ts'

/** False, with the reason on stderr, where there is nobody to ask. */
export async function isAgreed(question: string, { yes }: { yes: boolean }, io: CliIo): Promise<boolean> {
  if (yes) return true
  const answer = await io.ask(question)
  if (answer === null) io.complain('serac: nothing was changed: there is no terminal to ask at; see --yes\n')
  return /^y(es)?$/i.test(answer?.trim() ?? '')
}
