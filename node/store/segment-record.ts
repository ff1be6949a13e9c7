/**
 * One record of a segment file: a 64-byte header, the payload, zeros up to the next 4 KiB. The index can be rebuilt from
 * the headers, and a record is written with O_DIRECT as it stands in a ChunkBuffer.
 *
 * | offset | bytes | what |
 * |---|---|---|
 * | 0 | 4 | magic `SRCK` |
 * | 4 | 1 | version, 1 |
 * | 5 | 1 | codec, 0 = stored as it is |
 * | 6 | 2 | zero |
 * | 8 | 4 | length of the payload as stored |
 * | 12 | 4 | length of the chunk |
 * | 16 | 32 | BLAKE3 of the chunk |
 * | 48 | 12 | zero |
 * | 60 | 4 | CRC-32 of bytes 0 to 59 |
 *
 * Numbers are little-endian. Nothing has been compressed yet: images mostly are already, see the codec byte.
 */
import { crc32 } from 'node:zlib'
import { HASH_BYTES } from '../../cluster/content-hash.ts'
import {
  alignUp,
  CHUNK_BYTES_MAX,
  RECORD_HEADER_BYTES,
  type ChunkBuffer,
} from '../../cluster/transfer/chunk-buffer.ts'
import type { ChunkHash } from '../../cluster/transfer/local-chunks.ts'

const MAGIC = Buffer.from('SRCK')
const VERSION = 1
const CODEC_STORED = 0
const VERSION_AT = 4
const CODEC_AT = 5
const STORED_LENGTH_AT = 8
const CHUNK_LENGTH_AT = 12
const HASH_AT = 16
const CRC_AT = 60

export interface RecordHeader {
  hash: ChunkHash
  /** Bytes of payload. */
  length: number
}

/** Bytes on disk of a record with this payload. */
export function recordBytes(payloadBytes: number): number {
  return alignUp(RECORD_HEADER_BYTES + payloadBytes)
}

/** Fills in what surrounds the payload of `buffer`; answers the whole record, a part of the same memory. */
export function composeRecord(buffer: ChunkBuffer, hash: ChunkHash): Buffer {
  const record = buffer.record.subarray(0, recordBytes(buffer.length))
  const header = record.subarray(0, RECORD_HEADER_BYTES).fill(0)
  MAGIC.copy(header)
  header.writeUInt8(VERSION, VERSION_AT)
  header.writeUInt8(CODEC_STORED, CODEC_AT)
  header.writeUInt32LE(buffer.length, STORED_LENGTH_AT)
  header.writeUInt32LE(buffer.length, CHUNK_LENGTH_AT)
  header.write(hash, HASH_AT, 'hex')
  header.writeUInt32LE(headerCrc(header), CRC_AT)
  record.fill(0, RECORD_HEADER_BYTES + buffer.length)
  return record
}

/** The header at the start of `bytes`, or null where no record begins. */
export function parseHeader(bytes: Buffer): RecordHeader | null {
  if (bytes.length < RECORD_HEADER_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return null
  if (bytes.readUInt32LE(CRC_AT) !== headerCrc(bytes)) return null
  const length = bytes.readUInt32LE(STORED_LENGTH_AT)
  const isKnown = bytes.readUInt8(VERSION_AT) === VERSION && bytes.readUInt8(CODEC_AT) === CODEC_STORED
  if (!isKnown || length > CHUNK_BYTES_MAX) return null
  return { hash: bytes.toString('hex', HASH_AT, HASH_AT + HASH_BYTES), length }
}

function headerCrc(header: Buffer): number {
  return crc32(header.subarray(0, CRC_AT))
}
