/** An image of the cluster that may go to another store while somebody reads it: its reader goes after it. */
import { hasCode } from '../../cluster/errors.ts'
import type { ByteLease, KeptImage, OpenImage } from '../data/open-image.ts'

/** What a reader throws when no node delivers. */
export const UNDELIVERED = ['CHUNK_UNAVAILABLE', 'CORRUPT_VALUE', 'UNAVAILABLE'] as const

/**
 * `moved`: the image where it is by now, asked when no node delivers a chunk; null: it has not moved. What was given out was
 * verified. A whole image is read from its beginning there, and what its reader has already is left out: so its digest
 * is seen to be right before the last piece is given out.
 */
export function followed(kept: KeptImage, moved: () => Promise<OpenImage | null>): OpenImage {
  const { sizeBytes } = kept
  return {
    sizeBytes,
    read: async function* (start, end, signal) {
      let at = start
      let elsewhere: OpenImage
      try {
        for await (const lease of kept.read(start, end, signal)) {
          at += lease.bytes.length
          yield lease
        }
        return
      } catch (error) {
        signal.throwIfAborted()
        if (!hasCode(error, ...UNDELIVERED)) throw error
        const found = await moved()
        if (found?.sizeBytes !== sizeBytes) throw error
        elsewhere = found
      }
      const isWhole = start === 0 && end === sizeBytes - 1
      if (isWhole) yield* tailOf(elsewhere.read(0, end, signal), at)
      else yield* elsewhere.read(at, end, signal)
    },
  }
}

/** What comes after so many bytes. */
async function* tailOf(leases: AsyncIterable<ByteLease>, skippedBytes: number): AsyncGenerator<ByteLease> {
  let left = skippedBytes
  for await (const lease of leases) {
    const { bytes } = lease
    const tail = bytes.subarray(left)
    left = Math.max(0, left - bytes.length)
    if (tail.length > 0) yield { bytes: tail, release: () => lease.release() }
    else lease.release()
  }
}
