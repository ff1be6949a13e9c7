/** Ends the wait for bytes that do not come. */

/**
 * The pieces of `body` until the signal ends it, also in the midst of a wait for a client that sends nothing. It listens to
 * the signal once, not for each piece.
 */
export async function* until(
  signal: AbortSignal,
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const iterator = body[Symbol.asyncIterator]()
  let ended = false
  let interrupt: (reason: unknown) => void = () => {}
  const onAbort = () => interrupt(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    for (;;) {
      signal.throwIfAborted()
      const next = await new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
        interrupt = reject
        iterator.next().then(resolve, reject)
      })
      ended = next.done === true
      if (next.done) return
      yield next.value
    }
  } finally {
    signal.removeEventListener('abort', onAbort)
    // Not awaited: a source that hangs in next() would hang here as well.
    if (!ended) iterator.return?.().catch(() => {})
  }
}
