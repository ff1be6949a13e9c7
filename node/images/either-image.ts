/** An image that may be had in two places: the cluster itself, and a location elsewhere for what no node delivers. */
import { hasCode } from '../../cluster/errors.ts'
import type { Log } from '../../cluster/runtime.ts'
import { UNDELIVERED } from './followed-image.ts'
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
    const ways = isElsewhereFirst ? [fromElsewhere, fromKept] : [fromKept, fromElsewhere]
    return {
      sizeBytes: image.sizeBytes,
      read: (...range) => readEither(ways, range, noteFailure),
    }
  } catch (error) {
    noteFailure(error)
    return elsewhere
  }
}

/** The second way begins where the first one breaks off. */
async function* readEither(
  [first, second]: OpenImage['read'][],
  [start, end, signal]: Parameters<OpenImage['read']>,
  noteFailure: (error: unknown) => void,
): AsyncGenerator<ByteLease> {
  let at = start
  try {
    for await (const lease of first!(start, end, signal)) {
      at += lease.bytes.length
      yield lease
    }
    return
  } catch (error) {
    noteFailure(error)
  }
  yield* second!(at, end, signal)
}
