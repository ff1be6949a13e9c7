/**
 * One record of a segment file: a 64-byte header, the payload, zeros up to the next 4 KiB. The index can be rebuilt from
 * the headers alone, and a record can be written with O_DIRECT as it stands in a ChunkBuffer.
 *
 * | offset | bytes | what |
 * |---|---|---|
 * | 0 | 4 | magic `SRCK` |
 * | 4 | 1 | version, 1 |
 * | 5 | 1 | codec, 0 = stored as it is |
 * | 6 | 2 | zero |
 * | 8 | 4 | stored length |
 * | 12 | 4 | length of the chunk |
 * | 16 | 32 | BLAKE3 of the chunk |
 * | 48 | 12 | zero |
 * | 60 | 4 | CRC-32 of bytes 0..59 |
 *
 * Numbers are little-endian.
 */
import { crc32 } from 'node:zlib'
import { alignUp, RECORD_HEADER_BYTES, type ChunkBuffer } from '../../cluster/transfer/chunk-buffer.ts'

const MAGIC = Buffer.from('SRCK')
const VERSION = 1
const CODEC_STORED = 0
const HASH_OFFSET = 16
const CRC_OFFSET = 60

export interface RecordHeader {
  hash: string
  storedBytes: number
}

/** Bytes that a record of this payload takes on disk. */
export function recordBytes(payloadBytes: number): number {
  return alignUp(RECORD_HEADER_BYTES + payloadBytes)
}

/** Writes the header before the payload and zeros behind it; answers the whole record. */
export function sealRecordBuffer(buffer: ChunkBuffer, hash: string): Buffer {
  const { record, length } = buffer
  const header = record.subarray(0, RECORD_HEADER_BYTES).fill(0)
  MAGIC.copy(header)
  header[4] = VERSION
  header[5] = CODEC_STORED
  header.writeUInt32LE(length, 8)
  header.writeUInt32LE(length, 12)
  header.write(hash, HASH_OFFSET, 'hex')
  header.writeUInt32LE(crc32(header.subarray(0, CRC_OFFSET)), CRC_OFFSET)
  const end = recordBytes(length)
  record.fill(0, RECORD_HEADER_BYTES + length, end)
  return record.subarray(0, end)
}

/** The header at the start of `bytes`, or null when there is no valid one. */
export function parseRecordHeader(bytes: Buffer): RecordHeader | null {
  if (bytes.length < RECORD_HEADER_BYTES) return null
  const header = bytes.subarray(0, RECORD_HEADER_BYTES)
  const isValid =
    header.subarray(0, MAGIC.length).equals(MAGIC) &&
    header[4] === VERSION &&
    header[5] === CODEC_STORED &&
    header.readUInt32LE(CRC_OFFSET) === crc32(header.subarray(0, CRC_OFFSET))
  if (!isValid) return null
  return { hash: header.toString('hex', HASH_OFFSET, HASH_OFFSET + 32), storedBytes: header.readUInt32LE(8) }
}
