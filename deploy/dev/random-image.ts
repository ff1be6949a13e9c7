/** Bytes that no compression and no deduplication can make smaller. */
import { randomBytes } from 'node:crypto'

const PIECE_BYTES = 1024 ** 2

export async function* randomImage(sizeBytes: number): AsyncGenerator<Uint8Array> {
  for (let sentBytes = 0; sentBytes < sizeBytes; sentBytes += PIECE_BYTES) {
    yield randomBytes(Math.min(PIECE_BYTES, sizeBytes - sentBytes))
  }
}
