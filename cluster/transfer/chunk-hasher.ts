/** Computes a chunk's name from its bytes; the composition root chooses where that runs. */
import { contentHashHex } from '../content-hash.ts'
import type { ChunkBuffer } from './chunk-buffer.ts'
import type { ChunkHash } from './local-chunks.ts'

export type ChunkHasher = (buffer: ChunkBuffer) => Promise<ChunkHash>

/**
 * On the event loop: right for the native engine (0.6 ms for 4 MiB, less than handing it to a worker costs in latency).
 * With the WebAssembly engine (5 ms) a worker is the better place: see HashPool.hashChunk.
 */
export const inlineHasher: ChunkHasher = (buffer) => Promise.resolve(contentHashHex(buffer.payload))
