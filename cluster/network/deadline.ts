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
  const cancel = clock.after(timeoutMs, () => controller.abort(tooLate(timeoutMs)))
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

/**
 * Settles as `promise` does, or rejects when the time is over or the caller gave up: as `startDeadline` with `withSignal`,
 * without the signal, which costs more than what this node asks of itself mostly takes.
 */
export function within<T>(
  clock: Clock,
  promise: Promise<T>,
  { timeoutMs, signal }: { timeoutMs: number; signal?: AbortSignal },
): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal?.reason as Error)
    const cancel = clock.after(timeoutMs, () => reject(tooLate(timeoutMs)))
    const settle = () => {
      cancel()
      signal?.removeEventListener('abort', onAbort)
    }
    if (signal?.aborted) onAbort()
    else signal?.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(settle)
  })
}

function tooLate(timeoutMs: number): ClusterError {
  return new ClusterError('RPC_TIMEOUT', `no answer within ${timeoutMs} ms`, { timeoutMs })
}
