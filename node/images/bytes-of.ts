import type { OpenImage } from '../data/open-image.ts'

/** All the bytes of an image, each piece good until the next is asked for. */
export async function* bytesOf(image: OpenImage, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  for await (const lease of image.read(0, image.sizeBytes - 1, signal)) {
    try {
      yield lease.bytes
    } finally {
      lease.release()
    }
  }
}
