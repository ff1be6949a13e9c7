/**
 * One cached image on disk: its bytes in pieces, and behind them a tail that says whose they are, the BLAKE3 of each piece, and
 * a seal over both. A file without a tail that fits is none, and of one that has it each piece is compared before it is given
 * out: so nothing is ever synced, and what a crash or a power cut leaves is found out, whatever it is.
 *
 *     pieces | JSON of CacheHead | 32 bytes a piece | seal 32 | length of the JSON u32 | "SERACIC1" | hits u32 | used f64
 */
import type { FileHandle } from 'node:fs/promises'
import { contentHash, HASH_BYTES } from '../../cluster/content-hash.ts'
import { CHUNK_BYTES_MAX } from '../../cluster/transfer/chunk-buffer.ts'

/** Whose bytes they are. */
export interface CacheHead {
  imageId: string
  /** What the record says of the bytes: other bytes have another one. */
  identity: string
  sizeBytes: number
}

/** For lists and for choosing whom to evict. It changes in place, and nothing but the order of eviction rests on it. */
export interface CacheUse {
  hits: number
  /** Wall time. */
  lastAccessedMs: number
}

export interface CacheTail extends CacheHead, CacheUse {
  /** Of each piece, one behind the other. */
  hashes: Buffer
}

/** What is read and compared at once. */
export const PIECE_BYTES = CHUNK_BYTES_MAX

const MAGIC = Buffer.from('SERACIC1')
const LENGTH_BYTES = 4
const USE_BYTES = 12
const FOOT_BYTES = HASH_BYTES + LENGTH_BYTES + MAGIC.length + USE_BYTES
/** An id, a digest and a number. */
const HEAD_BYTES_MAX = 4096

/** The file is not what it was, or cannot be read: it is to be dropped, and the image to be had elsewhere. */
export class CacheDamagedError extends Error {
  override readonly name = 'CacheDamagedError'
}

export function pieceCount(sizeBytes: number): number {
  return Math.ceil(sizeBytes / PIECE_BYTES)
}

/** How long the file of an image is. */
export function fileBytesOf(head: CacheHead): number {
  return head.sizeBytes + encodeHead(head).length + pieceCount(head.sizeBytes) * HASH_BYTES + FOOT_BYTES
}

export function encodeTail({ hashes, hits, lastAccessedMs, ...head }: CacheTail): Buffer {
  const json = encodeHead(head)
  const length = Buffer.alloc(LENGTH_BYTES)
  length.writeUInt32LE(json.length)
  const seal = contentHash(Buffer.concat([json, hashes]))
  return Buffer.concat([json, hashes, seal, length, MAGIC, encodeUse({ hits, lastAccessedMs })])
}

/** Throws CacheDamagedError. */
export async function readTail(file: FileHandle): Promise<CacheTail> {
  const { size } = await file.stat()
  const foot = await readAt(file, size - FOOT_BYTES, FOOT_BYTES)
  const useAt = FOOT_BYTES - USE_BYTES
  const seal = foot.subarray(0, HASH_BYTES)
  const jsonBytes = foot.readUInt32LE(HASH_BYTES)
  const isOurs = foot.subarray(useAt - MAGIC.length, useAt).equals(MAGIC)
  if (!isOurs || jsonBytes > HEAD_BYTES_MAX) throw new CacheDamagedError('the file has no tail')
  // What the rest is too short or too long for is found by the seal.
  const hashBytes = Math.ceil((size - jsonBytes - FOOT_BYTES) / (PIECE_BYTES + HASH_BYTES)) * HASH_BYTES
  const sealed = await readAt(file, size - FOOT_BYTES - hashBytes - jsonBytes, jsonBytes + hashBytes)
  if (!contentHash(sealed).equals(seal)) throw new CacheDamagedError('the tail of the file is damaged')
  const head = JSON.parse(sealed.subarray(0, jsonBytes).toString()) as CacheHead
  const hashes = sealed.subarray(jsonBytes)
  if (fileBytesOf(head) !== size) throw new CacheDamagedError('the file has another length than it had')
  return { ...head, hashes, hits: foot.readUInt32LE(useAt), lastAccessedMs: foot.readDoubleLE(useAt + 4) }
}

export async function writeUse(file: FileHandle, head: CacheHead, use: CacheUse): Promise<void> {
  await file.write(encodeUse(use), 0, USE_BYTES, fileBytesOf(head) - USE_BYTES)
}

/** Fills `room`. Throws CacheDamagedError where the file ends before. */
export async function readInto(file: FileHandle, room: Buffer, position: number): Promise<void> {
  for (let at = 0; at < room.length;) {
    const { bytesRead } = await file.read(room, at, room.length - at, position + at)
    if (bytesRead === 0) throw new CacheDamagedError('the file ends too early')
    at += bytesRead
  }
}

async function readAt(file: FileHandle, position: number, lengthBytes: number): Promise<Buffer> {
  if (position < 0) throw new CacheDamagedError('the file is too short')
  const room = Buffer.alloc(lengthBytes)
  await readInto(file, room, position)
  return room
}

function encodeHead({ imageId, identity, sizeBytes }: CacheHead): Buffer {
  return Buffer.from(JSON.stringify({ imageId, identity, sizeBytes }))
}

function encodeUse({ hits, lastAccessedMs }: CacheUse): Buffer {
  const use = Buffer.alloc(USE_BYTES)
  use.writeUInt32LE(hits % 2 ** 32)
  use.writeDoubleLE(lastAccessedMs, LENGTH_BYTES)
  return use
}
