/** An image's bytes out of another place, for those that no node delivers: the manifest tells them from any others. */
import { contentHashHex } from '../../cluster/content-hash.ts'
import { ImageError } from '../errors.ts'
import type { ByteLease, OpenImage } from './open-image.ts'
import type { Manifest } from './manifest.ts'

/**
 * The bytes `start` to `end` (inclusive) of the image that `manifest` lists, read from `other`. Whole chunks are read, and each
 * is compared with its hash before a byte of it is given out. The hash is computed here and not in a worker: it is a rare
 * path. Throws UNAVAILABLE when other bytes come, and what `other` and the manifest's pages throw.
 */
export async function* checkedChunks(
  manifest: Manifest,
  other: OpenImage,
  start: number,
  end: number,
  signal: AbortSignal,
): AsyncGenerator<ByteLease> {
  const { sizeBytes, chunkSizeBytes } = manifest
  if (other.sizeBytes !== sizeBytes) throw otherBytes()
  const first = start - (start % chunkSizeBytes)
  const last = Math.min(sizeBytes, end - (end % chunkSizeBytes) + chunkSizeBytes) - 1
  const slices = manifest.slices(start, end, signal)
  for await (const chunk of runsOf(other.read(first, last, signal), chunkSizeBytes)) {
    const next = await slices.next()
    const slice = next.done ? null : next.value
    if (!slice || (slice.hash !== null && contentHashHex(chunk) !== slice.hash)) throw otherBytes()
    // Of zeros no hash is kept: they need not be looked at.
    if (slice.hash === null) chunk.fill(0)
    yield { bytes: chunk.subarray(slice.from, slice.to), release: () => {} }
  }
}

/** Runs of `lengthBytes`, the last one shorter, each in memory of its own. */
async function* runsOf(pieces: AsyncIterable<ByteLease>, lengthBytes: number): AsyncGenerator<Buffer> {
  let run = Buffer.allocUnsafe(lengthBytes)
  let filled = 0
  for await (const lease of pieces) {
    for (let taken = 0; taken < lease.bytes.length;) {
      const part = lease.bytes.subarray(taken, taken + lengthBytes - filled)
      run.set(part, filled)
      taken += part.length
      filled += part.length
      if (filled < lengthBytes) continue
      yield run
      run = Buffer.allocUnsafe(lengthBytes)
      filled = 0
    }
    lease.release()
  }
  if (filled > 0) yield run.subarray(0, filled)
}

function otherBytes(): ImageError {
  return new ImageError('UNAVAILABLE', 'The location of the image has other bytes than the image.')
}
