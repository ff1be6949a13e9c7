/** Reads an image out of its file in the cache: each piece is compared before a byte of it is given out. */
import { open, type FileHandle } from 'node:fs/promises'
import { HASH_BYTES } from '../../cluster/content-hash.ts'
import type { ChunkBuffer, ChunkBufferPool } from '../../cluster/transfer/chunk-buffer.ts'
import type { ChunkHasher } from '../../cluster/transfer/chunk-hasher.ts'
import type { ByteLease } from '../data/open-image.ts'
import {
  CacheDamagedError,
  PIECE_BYTES,
  pieceCount,
  readInto,
  readTail,
  writeUse,
  type CacheHead,
  type CacheTail,
  type CacheUse,
} from './cache-file.ts'

export interface CachedBytesParts {
  pool: ChunkBufferPool
  hasher: ChunkHasher
}

/** The file of an image. */
export interface CachedFile {
  path: string
  head: CacheHead
  /** How it is used from now on. */
  use: CacheUse
}

/** The bytes `start` to `end` (inclusive). Throws CacheDamagedError for whatever is wrong, or the signal's reason. */
export async function* readCached(
  parts: CachedBytesParts,
  { path, head, use }: CachedFile,
  start: number,
  end: number,
  signal: AbortSignal,
): AsyncGenerator<ByteLease> {
  const file = await open(path, 'r+').catch(asDamage)
  let ahead: Promise<ChunkBuffer> | null = null
  try {
    const tail = await readTail(file).catch(asDamage)
    if (!isOf(tail, head)) throw new CacheDamagedError('the file is of another image')
    await writeUse(file, head, use).catch(() => {})
    const last = Math.floor(end / PIECE_BYTES)
    for (let piece = Math.floor(start / PIECE_BYTES); piece <= last; piece++) {
      const slot: ChunkBuffer = await (ahead ?? readPiece(parts, file, tail, piece, signal))
      ahead = null
      if (piece < last && !isShort(parts.pool)) {
        ahead = readPiece(parts, file, tail, piece + 1, signal)
        ahead.catch(() => {})
      }
      const from = Math.max(0, start - piece * PIECE_BYTES)
      const to = Math.min(slot.length, end + 1 - piece * PIECE_BYTES)
      yield { bytes: slot.payload.subarray(from, to), release: () => slot.release() }
    }
  } finally {
    // It reads from the file until then.
    await ahead?.then((slot) => slot.release()).catch(() => {})
    await file.close().catch(() => {})
  }
}

/** Whether every piece of a file is right. Throws the signal's reason. */
export async function isSound(
  parts: CachedBytesParts,
  file: CachedFile,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    for await (const lease of readCached(parts, file, 0, file.head.sizeBytes - 1, signal)) lease.release()
    return true
  } catch (error) {
    if (error instanceof CacheDamagedError) return false
    throw error
  }
}

async function readPiece(
  { pool, hasher }: CachedBytesParts,
  file: FileHandle,
  { hashes, sizeBytes }: CacheTail,
  piece: number,
  signal: AbortSignal,
): Promise<ChunkBuffer> {
  const slot = await pool.acquire(signal)
  try {
    slot.length = Math.min(PIECE_BYTES, sizeBytes - piece * PIECE_BYTES)
    await readInto(file, slot.payload, piece * PIECE_BYTES).catch(asDamage)
    const expected = hashes.subarray(piece * HASH_BYTES, (piece + 1) * HASH_BYTES).toString('hex')
    if ((await hasher(slot)) !== expected) throw new CacheDamagedError('a piece of the file is damaged')
    return slot
  } catch (error) {
    slot.release()
    throw error
  }
}

/** Many slow readers leave room for each other. */
function isShort({ slotsInUse, slotsMax }: ChunkBufferPool): boolean {
  return slotsInUse * 4 > slotsMax * 3
}

function isOf(tail: CacheTail, { imageId, identity, sizeBytes }: CacheHead): boolean {
  return (
    tail.imageId === imageId &&
    tail.identity === identity &&
    tail.sizeBytes === sizeBytes &&
    tail.hashes.length === pieceCount(sizeBytes) * HASH_BYTES
  )
}

/** What the disk says: another place has the bytes. */
function asDamage(error: unknown): never {
  throw error instanceof CacheDamagedError ? error : new CacheDamagedError(String(error), { cause: error })
}
