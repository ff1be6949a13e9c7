/** What an operator changes by the page. */
import { send } from './operator-api.ts'
import type { Shown } from './shown.ts'

export interface Change {
  method: 'POST' | 'PUT' | 'DELETE'
  path: string
  body?: object
  /** What the operator is told when it is done. */
  done: string
  /** How that begins when it is not; the reason follows. */
  failed: string
}

/** Asks the node for it, tells what came of it, and shows the status as it is then. Never rejects. */
export async function make(
  { method, path, body, done, failed }: Change,
  { say, refresh }: Pick<Shown, 'say' | 'refresh'>,
): Promise<void> {
  try {
    await send(method, path, body)
    say(done)
  } catch (error) {
    say(`${failed}: ${(error as Error).message}`)
  }
  refresh()
}
