/** Reads of images that go on elsewhere, from where they broke off. */
import type { ByteLease, OpenImage } from './open-image.ts'

/** As `OpenImage.read` takes it: first and last byte, and the signal. */
export type ReadRange = Parameters<OpenImage['read']>

/**
 * Reads `range` by `first`. When that throws, `rest` is given the error and the byte where it broke off, and answers with what
 * comes from there on; it throws what cannot be helped.
 */
export async function* goingOn(
  first: OpenImage['read'],
  range: ReadRange,
  rest: (error: unknown, at: number) => Promise<AsyncIterable<ByteLease>>,
): AsyncGenerator<ByteLease> {
  let [at] = range
  let others: AsyncIterable<ByteLease>
  try {
    for await (const lease of first(...range)) {
      at += lease.bytes.length
      yield lease
    }
    return
  } catch (error) {
    others = await rest(error, at)
  }
  yield* others
}

/** What comes after so many bytes. */
export async function* withoutFirst(
  leases: AsyncIterable<ByteLease>,
  skippedBytes: number,
): AsyncGenerator<ByteLease> {
  let left = skippedBytes
  for await (const lease of leases) {
    const { bytes } = lease
    const tail = bytes.subarray(left)
    left = Math.max(0, left - bytes.length)
    if (tail.length > 0) yield { bytes: tail, release: () => lease.release() }
    else lease.release()
  }
}
