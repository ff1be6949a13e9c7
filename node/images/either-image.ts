/** An image that may be had in two places, of which the first is tried first: as Glance does it, until one opens. */
import { hasCode } from '../../cluster/errors.ts'
import type { Log } from '../../cluster/runtime.ts'
import type { ByteLease, OpenImage } from '../data/image-reader.ts'

export interface EitherImageComponents {
  log: Log
  imageId: string
}

/**
 * The image as `first` opens it. When that fails, or gives no first byte, it is read from `second`: later nothing could
 * tell whether the bytes of both fit together, and the reader is told that it failed.
 */
export async function openEither(
  { log, imageId }: EitherImageComponents,
  first: Promise<OpenImage>,
  second: OpenImage,
): Promise<OpenImage> {
  const noteFailure = (error: unknown) => {
    if (!hasCode(error, 'CHUNK_UNAVAILABLE', 'CORRUPT_VALUE', 'UNAVAILABLE')) throw error
    log.warn(
      { image: imageId, error: String(error) },
      'no node delivers an image: it comes from its location',
    )
  }
  try {
    const image = await first
    return { sizeBytes: image.sizeBytes, read: (...range) => readEither(image, second, range, noteFailure) }
  } catch (error) {
    noteFailure(error)
    return second
  }
}

async function* readEither(
  first: OpenImage,
  second: OpenImage,
  range: Parameters<OpenImage['read']>,
  noteFailure: (error: unknown) => void,
): AsyncGenerator<ByteLease> {
  let hasBegun = false
  try {
    for await (const lease of first.read(...range)) {
      hasBegun = true
      yield lease
    }
    return
  } catch (error) {
    if (hasBegun) throw error
    noteFailure(error)
  }
  yield* second.read(...range)
}
