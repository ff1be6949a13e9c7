/**
 * The binary form of one manifest page. All pages have the same form: a header, then fixed 36-byte entries.
 *
 * | bytes | header field |
 * |---|---|
 * | 4 | magic "SRCM" |
 * | 1 | version |
 * | 1 | level: 0 = entries are chunks, 1 = entries are pages of level 0 |
 * | 2 | zero |
 * | 4 | chunk size |
 * | 8 | image bytes that this page covers |
 * | 4 | count of entries |
 *
 * An entry is the BLAKE3 hash (32 bytes) and the stored length (u32, big-endian like all numbers here). A chunk of zeros
 * is not stored: its entry is the flag ZERO_FLAG alone. Every field follows from the header and the entry's place, so
 * decoding can demand each one: what decodes is a page that this code could have written.
 */
import { HASH_BYTES } from '../../cluster/content-hash.ts'
import { ClusterError } from '../../cluster/errors.ts'
import { CHUNK_BYTES_MAX } from '../../cluster/transfer/chunk-buffer.ts'
import type { ChunkHash } from '../../cluster/transfer/local-chunks.ts'

/** A stored chunk or page, or null for a chunk of zeros. */
export type ManifestEntry = ChunkHash | null

export interface ManifestPage {
  level: 0 | 1
  chunkSizeBytes: number
  /** Image bytes that the page covers; of the root, the image's size. */
  sizeBytes: number
  entries: ManifestEntry[]
}

/** Small enough to read at once for any range, large enough that an image of 28 GiB needs one page only. */
export const PAGE_BYTES_MAX = 256 * 1024
const MAGIC = Buffer.from('SRCM')
const VERSION = 1
const HEADER_BYTES = 24
const ENTRY_BYTES = HASH_BYTES + 4
/** 7281. */
export const ENTRIES_PER_PAGE = Math.floor((PAGE_BYTES_MAX - HEADER_BYTES) / ENTRY_BYTES)
/** One root of pages: 53 million chunks. An image of 4 MiB chunks may so have 202 TiB. */
export const CHUNKS_MAX = ENTRIES_PER_PAGE * ENTRIES_PER_PAGE
const ZERO_FLAG = 0x8000_0000

const LEVEL_AT = 5
const RESERVED_AT = 6
const CHUNK_SIZE_AT = 8
const SIZE_AT = 12
const COUNT_AT = 20

/** The chunks of an image of `sizeBytes`. */
export function chunkCount(sizeBytes: number, chunkSizeBytes: number): number {
  return Math.ceil(sizeBytes / chunkSizeBytes)
}

/** Bytes of the chunk at `index`; all but the last are full. */
export function chunkLength(index: number, { sizeBytes, chunkSizeBytes }: ManifestPage): number {
  return Math.min(chunkSizeBytes, sizeBytes - index * chunkSizeBytes)
}

export function encodePage(page: ManifestPage): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES + page.entries.length * ENTRY_BYTES)
  MAGIC.copy(bytes)
  bytes.writeUInt8(VERSION, MAGIC.length)
  bytes.writeUInt8(page.level, LEVEL_AT)
  bytes.writeUInt32BE(page.chunkSizeBytes, CHUNK_SIZE_AT)
  bytes.writeBigUInt64BE(BigInt(page.sizeBytes), SIZE_AT)
  bytes.writeUInt32BE(page.entries.length, COUNT_AT)
  page.entries.forEach((hash, index) => {
    const at = HEADER_BYTES + index * ENTRY_BYTES
    if (hash !== null) bytes.write(hash, at, 'hex')
    bytes.writeUInt32BE(hash === null ? ZERO_FLAG : entryLength(index, page), at + HASH_BYTES)
  })
  return bytes
}

/** Throws CORRUPT_VALUE for anything that `encodePage` cannot have written. */
export function decodePage(bytes: Buffer): ManifestPage {
  const page = decodeHeader(bytes)
  const count = bytes.readUInt32BE(COUNT_AT)
  demand(count === expectedCount(page), 'count of entries')
  demand(bytes.length === HEADER_BYTES + count * ENTRY_BYTES, 'length of the page')
  for (let index = 0; index < count; index++) page.entries.push(decodeEntry(bytes, index, page))
  return page
}

function decodeHeader(bytes: Buffer): ManifestPage {
  demand(bytes.length >= HEADER_BYTES && bytes.length <= PAGE_BYTES_MAX, 'length of the page')
  demand(bytes.subarray(0, MAGIC.length).equals(MAGIC), 'magic')
  demand(bytes.readUInt8(MAGIC.length) === VERSION, 'version')
  demand(bytes.readUInt16BE(RESERVED_AT) === 0, 'reserved field')
  const level = bytes.readUInt8(LEVEL_AT)
  const chunkSizeBytes = bytes.readUInt32BE(CHUNK_SIZE_AT)
  demand(chunkSizeBytes > 0 && chunkSizeBytes <= CHUNK_BYTES_MAX, 'chunk size')
  const sizeBytes = Number(bytes.readBigUInt64BE(SIZE_AT))
  demand(Number.isSafeInteger(sizeBytes), 'image size')
  if (level !== 0 && level !== 1) throw corrupt('level')
  return { level, chunkSizeBytes, sizeBytes, entries: [] }
}

function decodeEntry(bytes: Buffer, index: number, page: ManifestPage): ManifestEntry {
  const at = HEADER_BYTES + index * ENTRY_BYTES
  const hash = bytes.toString('hex', at, at + HASH_BYTES)
  const length = bytes.readUInt32BE(at + HASH_BYTES)
  if (length === ZERO_FLAG && page.level === 0) {
    demand(NO_HASH === hash, 'chunk of zeros')
    return null
  }
  demand(length === entryLength(index, page), 'stored length')
  return hash
}

const NO_HASH = '0'.repeat(2 * HASH_BYTES)

function expectedCount({ level, sizeBytes, chunkSizeBytes }: ManifestPage): number {
  const chunks = chunkCount(sizeBytes, chunkSizeBytes)
  if (level === 0) return chunks
  // A root of pages is written only where one page is not enough.
  demand(chunks > ENTRIES_PER_PAGE, 'level')
  return Math.ceil(chunks / ENTRIES_PER_PAGE)
}

/** Stored bytes of the entry: of a chunk its length, of a page its encoded size. */
function entryLength(index: number, page: ManifestPage): number {
  if (page.level === 0) return chunkLength(index, page)
  const chunks = chunkCount(page.sizeBytes, page.chunkSizeBytes)
  return HEADER_BYTES + Math.min(ENTRIES_PER_PAGE, chunks - index * ENTRIES_PER_PAGE) * ENTRY_BYTES
}

function demand(holds: boolean, what: string): void {
  if (!holds) throw corrupt(what)
}

function corrupt(what: string): ClusterError {
  return new ClusterError('CORRUPT_VALUE', `a manifest page is not valid: ${what}`)
}
