/** Bytes that no compression and no deduplication can make smaller. */
import { randomBytes } from 'node:crypto'

const PIECE_BYTES = 1024 ** 2
/** One in 65 536 of such images would look like a disk with a broken partition table, and be refused. */
const BOOT_SIGNATURE_AT = 511

export async function* randomImage(sizeBytes: number): AsyncGenerator<Uint8Array> {
  for (let sentBytes = 0; sentBytes < sizeBytes; sentBytes += PIECE_BYTES) {
    const piece = randomBytes(Math.min(PIECE_BYTES, sizeBytes - sentBytes))
    if (sentBytes === 0 && piece.length > BOOT_SIGNATURE_AT) piece[BOOT_SIGNATURE_AT] = 0
    yield piece
  }
}
