/** One abort signal for "the caller gave up" and "the time is over". */
import { ClusterError } from '../errors.ts'
import type { Clock } from '../runtime.ts'

export interface Deadline {
  /** Aborted with RPC_TIMEOUT, or with the reason of the caller's own signal. */
  readonly signal: AbortSignal
  /** Frees the timer and the listener. */
  clear(): void
}

export function startDeadline(clock: Clock, timeoutMs: number, outer?: AbortSignal): Deadline {
  const controller = new AbortController()
  const cancel = clock.after(timeoutMs, () => {
    controller.abort(new ClusterError('RPC_TIMEOUT', `no answer within ${timeoutMs} ms`, { timeoutMs }))
  })
  const onAbort = () => controller.abort(outer?.reason)
  if (outer?.aborted) onAbort()
  else outer?.addEventListener('abort', onAbort, { once: true })
  return {
    signal: controller.signal,
    clear() {
      cancel()
      outer?.removeEventListener('abort', onAbort)
    },
  }
}

/** Settles as `promise` does, or rejects with the signal's reason when that comes first. */
export function withSignal<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason as Error)
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
