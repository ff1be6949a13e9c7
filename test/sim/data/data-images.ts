/** Images of few chunks out of few: most chunks belong to several images at once. */
import { contentHashHex } from '../../../cluster/content-hash.ts'
import { ManifestBuilder } from '../../../node/data/manifest-builder.ts'
import type { ImageChunks } from '../../helpers/stored-chunks.ts'
import type { SeededRandom } from '../world/seeded-random.ts'
import { CHUNK_BYTES } from './data-node.ts'

export interface DataImage extends ImageChunks {
  bytes: Buffer
}

const WHOLE = [1, 2, 3, 4].map((value) => Buffer.alloc(CHUNK_BYTES, value))
const TAILS = [1, 17, CHUNK_BYTES - 1].map((length) => Buffer.alloc(length, 9))
const WHOLE_MAX = 3

export function makeImage(random: SeededRandom): DataImage {
  const pieces = Array.from({ length: random.below(WHOLE_MAX + 1) }, () => random.pick(WHOLE))
  if (random.chance(0.5)) pieces.push(random.pick(TAILS))
  const builder = new ManifestBuilder(CHUNK_BYTES)
  const names = pieces.map((piece) => contentHashHex(piece))
  for (const name of names) builder.add(name)
  const bytes = Buffer.concat(pieces)
  const { root } = builder.finish(bytes.length)
  return { bytes, root: root.hash, hashes: new Set([...names, root.hash]) }
}
