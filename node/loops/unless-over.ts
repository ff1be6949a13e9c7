/** Ends what several nodes may end, each once it is due. */
import { hasCode } from '../../cluster/errors.ts'

/** Runs `end`; that another node was faster, or that it has ended by itself or was taken back, is no failure. */
export async function unlessOver(end: () => Promise<unknown>): Promise<void> {
  try {
    await end()
  } catch (error) {
    if (!hasCode(error, 'CONFLICT', 'NOT_FOUND')) throw error
  }
}
