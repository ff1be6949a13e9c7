/** An image that may be had in two places: the cluster itself, and a location elsewhere for what no node delivers. */
import { hasCode } from '../../cluster/errors.ts'
import type { Log } from '../../cluster/runtime.ts'
import { UNDELIVERED } from './followed-image.ts'
import { goingOn } from '../data/broken-read.ts'
import type { KeptImage, OpenImage } from '../data/open-image.ts'

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
  { isElsewhereFirst = false } = {},
): Promise<OpenImage> {
  const noteFailure = (error: unknown) => {
    if (!hasCode(error, ...UNDELIVERED)) throw error
    log.warn(
      { image: imageId, error: String(error) },
      'a place does not deliver an image: it comes from the other one',
    )
  }
  try {
    const image = await kept
    const fromKept: OpenImage['read'] = (...range) => image.read(...range)
    const fromElsewhere: OpenImage['read'] = (...range) => image.readFrom(elsewhere, ...range)
    const [first, second] = isElsewhereFirst ? [fromElsewhere, fromKept] : [fromKept, fromElsewhere]
    return {
      sizeBytes: image.sizeBytes,
      read: (start, end, signal) =>
        goingOn(first, [start, end, signal], async (error, at) => {
          noteFailure(error)
          return second(at, end, signal)
        }),
    }
  } catch (error) {
    noteFailure(error)
    return elsewhere
  }
}
