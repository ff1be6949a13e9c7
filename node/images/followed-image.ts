/** An image of the cluster that may go to another store while somebody reads it: its reader goes after it. */
import { hasCode } from '../../cluster/errors.ts'
import { goingOn, withoutFirst, type ReadRange } from '../data/broken-read.ts'
import type { KeptImage, OpenImage } from '../data/open-image.ts'

/** What a reader throws when no node delivers. */
export const UNDELIVERED = ['CHUNK_UNAVAILABLE', 'CORRUPT_VALUE', 'UNAVAILABLE'] as const

/**
 * `moved`: the image where it is by now, asked when no node delivers a chunk; null: it has not moved. What was given out was
 * verified. A whole image is read from its beginning there, and what its reader has already is left out: so its digest
 * is seen to be right before the last piece is given out.
 */
export function followed(kept: KeptImage, moved: () => Promise<OpenImage | null>): OpenImage {
  const { sizeBytes } = kept
  const afterIt = async (error: unknown, at: number, [start, end, signal]: ReadRange) => {
    signal.throwIfAborted()
    if (!hasCode(error, ...UNDELIVERED)) throw error
    const elsewhere = await moved()
    if (elsewhere?.sizeBytes !== sizeBytes) throw error
    const isWhole = start === 0 && end === sizeBytes - 1
    return isWhole ? withoutFirst(elsewhere.read(0, end, signal), at) : elsewhere.read(at, end, signal)
  }
  return {
    sizeBytes,
    read: (...range) =>
      goingOn(
        (...all) => kept.read(...all),
        range,
        (error, at) => afterIt(error, at, range),
      ),
  }
}
