/** Ends waits that have no signal of their own. */

/**
 * `promise`, or the signal's reason if that comes first. Not Promise.race against one long-lived promise: that would
 * keep a reaction for every wait until the signal ends.
 */
export function abortable<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (!signal) return promise
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason as Error)
    if (signal.aborted) return onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    const settle = (act: () => void) => {
      signal.removeEventListener('abort', onAbort)
      act()
    }
    promise.then(
      (value) => settle(() => resolve(value)),
      (error: Error) => settle(() => reject(error)),
    )
  })
}
