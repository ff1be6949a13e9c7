/** Image bytes that cost next to nothing to make, and of which no two chunks are alike. */
import { createHash } from 'node:crypto'

const PIECE_BYTES = 1024 ** 2

/**
 * A block of noise, over and over, each time with its number and `seed` in front: images of different seeds share no
 * chunk.
 */
export async function* patternImage(sizeBytes: number, seed: number): AsyncGenerator<Buffer> {
  const noise = noiseOf(seed)
  for (let at = 0; at < sizeBytes; at += PIECE_BYTES) {
    const piece = Buffer.from(noise.subarray(0, Math.min(PIECE_BYTES, sizeBytes - at)))
    if (piece.length >= 8) piece.writeDoubleLE(at / PIECE_BYTES, 0)
    yield piece
  }
}

/** The bytes `start` to `end` (inclusive) of what `whole` gives. */
export async function* partOf(
  whole: AsyncIterable<Buffer>,
  start: number,
  end: number,
): AsyncGenerator<Buffer> {
  let at = 0
  for await (const piece of whole) {
    const part = piece.subarray(Math.max(0, start - at), Math.max(0, end + 1 - at))
    if (part.length > 0) yield part
    at += piece.length
  }
}

export interface Digest {
  sizeBytes: number
  /** Hexadecimal. */
  sha512: string
}

export async function digestOf(bytes: AsyncIterable<Uint8Array>): Promise<Digest> {
  const meter = new Meter()
  for await (const _ of meter.count(bytes)) continue
  return meter.result()
}

/** Takes the digest of bytes that pass by. */
export class Meter {
  readonly #hash = createHash('sha512')
  #sizeBytes = 0

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  async *count<T extends Uint8Array>(source: AsyncIterable<T>): AsyncGenerator<T> {
    for await (const bytes of source) {
      this.#hash.update(bytes)
      this.#sizeBytes += bytes.length
      yield bytes
    }
  }

  result(): Digest {
    return { sizeBytes: this.#sizeBytes, sha512: this.#hash.digest('hex') }
  }
}

/** A hash chain of `seed`: the same in every run. */
function noiseOf(seed: number): Buffer {
  const blocks: Buffer[] = []
  let block = Buffer.from(String(seed))
  for (let sizeBytes = 0; sizeBytes < PIECE_BYTES; sizeBytes += block.length) {
    block = createHash('sha512').update(block).digest()
    blocks.push(block)
  }
  const noise = Buffer.concat(blocks, PIECE_BYTES)
  // Never the signature of a boot sector: with no partitions behind it, it would be refused.
  noise[511] = 0
  return noise
}
