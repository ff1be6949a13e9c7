/** An image that may be had in two places: the cluster itself, and a location elsewhere for what no node delivers. */
import { hasCode } from '../../cluster/errors.ts'
import type { Log } from '../../cluster/runtime.ts'
import type { ByteLease, KeptImage, OpenImage } from '../data/open-image.ts'

export interface EitherImageComponents {
  log: Log
  imageId: string
}

/**
 * The image as the cluster has it. What no node delivers is read from `elsewhere`, in the middle of a stream as well: the
 * manifest tells whether it fits, and a reader gets the right bytes or none. Without a manifest, before anything was given
 * out, it is read from there as any image that lies elsewhere.
 */
export async function openEither(
  { log, imageId }: EitherImageComponents,
  kept: Promise<KeptImage>,
  elsewhere: OpenImage,
): Promise<OpenImage> {
  const noteFailure = (error: unknown) => {
    if (!hasCode(error, 'CHUNK_UNAVAILABLE', 'CORRUPT_VALUE', 'UNAVAILABLE')) throw error
    log.warn(
      { image: imageId, error: String(error) },
      'no node delivers an image: it comes from its location',
    )
  }
  try {
    const image = await kept
    return {
      sizeBytes: image.sizeBytes,
      read: (...range) => readEither(image, elsewhere, range, noteFailure),
    }
  } catch (error) {
    noteFailure(error)
    return elsewhere
  }
}

async function* readEither(
  kept: KeptImage,
  elsewhere: OpenImage,
  [start, end, signal]: Parameters<OpenImage['read']>,
  noteFailure: (error: unknown) => void,
): AsyncGenerator<ByteLease> {
  let at = start
  try {
    for await (const lease of kept.read(start, end, signal)) {
      at += lease.bytes.length
      yield lease
    }
    return
  } catch (error) {
    noteFailure(error)
  }
  yield* kept.readFrom(elsewhere, at, end, signal)
}
