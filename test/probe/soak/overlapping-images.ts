/** Images out of a small stock of pieces, so that most of their chunks belong to several of them at once. */
import { createHash } from 'node:crypto'
import { contentHashHex } from '../../../cluster/content-hash.ts'
import { CHUNK_BYTES_MAX } from '../../../cluster/transfer/chunk-buffer.ts'
import type { ChunkHash } from '../../../cluster/transfer/local-chunks.ts'
import { ManifestBuilder } from '../../../node/data/manifest-builder.ts'
import { recordBytes } from '../../../node/store/segment-record.ts'
import type { ImageChunks } from '../../helpers/stored-chunks.ts'
import type { SeededRandom } from '../../sim/world/seeded-random.ts'

/** Bytes of an image and what is known of them. */
export interface OverlappingImage extends ImageChunks {
  pieces: readonly Buffer[]
  sizeBytes: number
  /** Hexadecimal. */
  sha512: string
  /** What each chunk, the manifest included, takes of a disk. */
  bytesOnDisk: ReadonlyMap<ChunkHash, number>
}

/** Whole chunks, and what an image may end with; a chunk of one byte is a chunk, too. */
const WHOLE = 4
const TAIL_BYTES = [1, 4032, 4033, 65_536, 100_000, CHUNK_BYTES_MAX - 1]
/** Most images are one short chunk: what costs little meets more often. */
const WHOLE_ODDS = 0.3
const WHOLE_MAX = 3
const NO_TAIL_ODDS = 0.15
/** Of a whole chunk that no image had before. */
const NEW_ODDS = 0.2

export class OverlappingImages {
  readonly #random: SeededRandom
  readonly #whole = Array.from({ length: WHOLE }, (_, index) => noise(`whole ${index}`, CHUNK_BYTES_MAX))
  #new = 0
  readonly #tails = TAIL_BYTES.map((sizeBytes, index) => noise(`tail ${index}`, sizeBytes))

  constructor(random: SeededRandom) {
    this.#random = random
  }

  next(): OverlappingImage {
    const random = this.#random
    const whole = random.chance(WHOLE_ODDS) ? 1 + random.below(WHOLE_MAX) : 0
    const pieces = Array.from({ length: whole }, () => this.#wholePiece())
    if (!random.chance(NO_TAIL_ODDS)) pieces.push(random.pick(this.#tails))
    return describe(pieces)
  }

  #wholePiece(): Buffer {
    if (!this.#random.chance(NEW_ODDS)) return this.#random.pick(this.#whole)
    return noise(`new ${++this.#new}`, CHUNK_BYTES_MAX)
  }
}

function describe(pieces: readonly Buffer[]): OverlappingImage {
  const sizeBytes = pieces.reduce((sum, piece) => sum + piece.length, 0)
  const builder = new ManifestBuilder(CHUNK_BYTES_MAX)
  const bytesOnDisk = new Map<ChunkHash, number>()
  for (const piece of pieces) {
    const name = contentHashHex(piece)
    builder.add(name)
    bytesOnDisk.set(name, recordBytes(piece.length))
  }
  const { root } = builder.finish(sizeBytes)
  bytesOnDisk.set(root.hash, recordBytes(root.bytes.length))
  const sha512 = pieces.reduce((hash, piece) => hash.update(piece), createHash('sha512')).digest('hex')
  return { pieces, sizeBytes, sha512, root: root.hash, hashes: new Set(bytesOnDisk.keys()), bytesOnDisk }
}

/** Bytes that depend on the name only; never with the signature of a boot sector, whose partitions would be looked at. */
function noise(name: string, sizeBytes: number): Buffer {
  const block = createHash('sha512').update(name).digest()
  block[block.length - 1] = 0
  return Buffer.alloc(sizeBytes, block)
}
