/** Where this node computes the names of chunks that it receives or reads back. */
import { hashEngine } from '../../cluster/content-hash.ts'
import { inlineHasher, type ChunkHasher } from '../../cluster/transfer/chunk-hasher.ts'
import type { HashPool } from '../data/hash-pool.ts'

/** What native code does in 0.6 ms takes longer by way of another core's cache: measured, 0.8 of the speed of a download. */
export function chunkHasher(hashes: HashPool): ChunkHasher {
  return hashEngine.kind === 'native' ? inlineHasher : (buffer) => hashes.hashChunk(buffer)
}
