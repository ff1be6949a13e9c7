/** Opens the bytes that the cluster itself keeps of an image. */
import type { ImageReader, ImageSource } from '../data/image-reader.ts'
import type { KeptImage } from '../data/open-image.ts'
import { ImageError } from '../errors.ts'

/** A manifest that no holder delivers by then makes the image unavailable for now. */
const MANIFEST_TIMEOUT_MS = 10_000

/** Throws UNAVAILABLE, or what the reader threw. */
export async function openManifest(
  reader: Pick<ImageReader, 'open'>,
  source: ImageSource,
): Promise<KeptImage> {
  const patience = AbortSignal.timeout(MANIFEST_TIMEOUT_MS)
  try {
    return await reader.open(source, patience)
  } catch (error) {
    if (patience.aborted)
      throw new ImageError('UNAVAILABLE', 'No node delivers the image now; try again.', {}, error)
    throw error
  }
}
