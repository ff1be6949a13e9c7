/** Waiting for a state that can only be asked for. */
import { sleep, systemClock } from '../../cluster/runtime.ts'

export interface WaitLimits {
  limitMs: number
  signal?: AbortSignal | undefined
}

/** Short against everything that is waited for here, long against the cost of asking. */
const POLL_INTERVAL_MS = 50

/** Asks until `condition` holds (true) or the time is over (false). Rejects when it throws or the signal is aborted. */
export async function waitFor(
  condition: () => Promise<boolean>,
  { limitMs, signal }: WaitLimits,
): Promise<boolean> {
  const deadlineMs = systemClock.monotonicMs() + limitMs
  while (!(await condition())) {
    if (systemClock.monotonicMs() >= deadlineMs) return false
    await sleep(systemClock, POLL_INTERVAL_MS, signal)
  }
  return true
}
