/** The rows of `chunks/`, as they look on disk. All are small and many, so they are fixed binary; little-endian. */
import { decode, encode } from 'cborg'
import type { ChunkHash, UploadId } from '../../cluster/transfer/local-chunks.ts'
import { HASH_BYTES } from '../../cluster/content-hash.ts'
import { KEYSPACES, type Keyspace } from './keyspaces.ts'
import type { RowFormat } from './table.ts'

const UPLOAD_BYTES = 16
const LOCATION_BYTES = 13
const CODEC_STORED = 0
const NOTHING = new Uint8Array()

/** Where a chunk's record begins, and how long its payload is. */
export interface Location {
  segment: number
  offset: number
  /** Bytes of payload; equal to the chunk's, as long as nothing is compressed. */
  length: number
}

/** segment (4), offset (4: segments are far below 4 GiB), payload length (4), codec (1). */
export const locationRows: RowFormat<ChunkHash, Location> = {
  ...byHash(KEYSPACES.location),
  encode({ segment, offset, length }) {
    const bytes = Buffer.alloc(LOCATION_BYTES)
    bytes.writeUInt32LE(segment, 0)
    bytes.writeUInt32LE(offset, 4)
    bytes.writeUInt32LE(length, 8)
    bytes.writeUInt8(CODEC_STORED, 12)
    return bytes
  },
  decode(payload) {
    if (payload.readUInt8(12) !== CODEC_STORED) throw new Error(`codec ${payload.readUInt8(12)} is unknown`)
    return {
      segment: payload.readUInt32LE(0),
      offset: payload.readUInt32LE(4),
      length: payload.readUInt32LE(8),
    }
  },
}

export interface ReferenceKey {
  hash: ChunkHash
  root: ChunkHash
}

export const referenceRows: RowFormat<ReferenceKey, null> = {
  space: KEYSPACES.reference,
  keyParts: ({ hash, root }) => [hex(hash), hex(root)],
  parseKey: (bytes) => ({
    hash: bytes.toString('hex', 0, HASH_BYTES),
    root: bytes.toString('hex', HASH_BYTES),
  }),
  ...emptyValue(),
}

export interface PinKey {
  hash: ChunkHash
  upload: UploadId
}

/** The value is the wall time of pinning, ms since 1970: it proposes, never decides. */
export const pinRows: RowFormat<PinKey, number> = {
  space: KEYSPACES.pin,
  keyParts: ({ hash, upload }) => [hex(hash), hex(upload)],
  parseKey: (bytes) => ({
    hash: bytes.toString('hex', 0, HASH_BYTES),
    upload: bytes.toString('hex', HASH_BYTES),
  }),
  ...wallTime(),
}

export const uploadPinRows: RowFormat<PinKey, number> = {
  space: KEYSPACES.uploadPin,
  keyParts: ({ hash, upload }) => [hex(upload), hex(hash)],
  parseKey: (bytes) => ({
    upload: bytes.toString('hex', 0, UPLOAD_BYTES),
    hash: bytes.toString('hex', UPLOAD_BYTES),
  }),
  ...wallTime(),
}

/** A row of the segment table. */
export interface SegmentRow {
  /** Nothing is appended any more. */
  sealed: boolean
}

export const segmentRows: RowFormat<number, SegmentRow> = {
  space: KEYSPACES.segment,
  keyParts(number) {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(number)
    return [bytes]
  },
  parseKey: (bytes) => bytes.readUInt32BE(),
  encode: ({ sealed }) => Uint8Array.of(sealed ? 1 : 0),
  decode: (payload) => ({ sealed: payload.readUInt8() === 1 }),
}

export const heldRootRows: RowFormat<ChunkHash, null> = { ...byHash(KEYSPACES.heldRoot), ...emptyValue() }

/**
 * What is wrong with a quarantined chunk: `bytes` are not those that were stored, the disk has `lost` them, or its index
 * `row` is damaged; `unknown`: an earlier release has found it.
 */
export type DamageReason = 'bytes' | 'lost' | 'row' | 'unknown'

/** Where damaged bytes lie, for whoever wants to look at them; null = the row that said it was damaged itself. */
export interface QuarantineRow {
  location: Location | null
  /** Wall time, ms since 1970. */
  foundMs: number
  reason: DamageReason
}

export const quarantineRows: RowFormat<ChunkHash, QuarantineRow> = {
  ...byHash(KEYSPACES.quarantine),
  encode: ({ location, foundMs, reason }) =>
    encode([location && [location.segment, location.offset, location.length], foundMs, reason]),
  decode(payload) {
    const [place, foundMs, reason = 'unknown'] = decode(payload) as [
      [number, number, number] | null,
      number,
      DamageReason?,
    ]
    return { location: place && { segment: place[0], offset: place[1], length: place[2] }, foundMs, reason }
  },
}

/** How far the auditor has come. Times are wall time, ms since 1970: they pace and show, nothing more. */
export interface AuditMark {
  /** Counts from 1; 0 before the first. */
  pass: number
  /** The pass has ended and the next has not begun. */
  isOver: boolean
  passBeganMs: number
  /** The last chunk looked at; null: none of this pass yet. */
  after: ChunkHash | null
  /** When the last whole pass ended; null: never. */
  lastPassEndedMs: number | null
}

export const auditRows: RowFormat<null, AuditMark> = {
  space: KEYSPACES.audit,
  keyParts: () => [],
  parseKey: () => null,
  encode: ({ pass, isOver, passBeganMs, after, lastPassEndedMs }) =>
    encode([pass, isOver, passBeganMs, after, lastPassEndedMs]),
  decode(payload) {
    const [pass, isOver, passBeganMs, after, lastPassEndedMs] = decode(payload) as [
      number,
      boolean,
      number,
      string | null,
      number | null,
    ]
    return { pass, isOver, passBeganMs, after, lastPassEndedMs }
  },
}

function byHash(space: Keyspace) {
  return {
    space,
    keyParts: (hash: ChunkHash) => [hex(hash)],
    parseKey: (bytes: Buffer): ChunkHash => bytes.toString('hex'),
  }
}

function emptyValue() {
  return { encode: () => NOTHING, decode: () => null }
}

function wallTime() {
  return {
    encode(wallMs: number) {
      const bytes = Buffer.alloc(8)
      bytes.writeDoubleLE(wallMs)
      return bytes
    },
    decode: (payload: Buffer) => payload.readDoubleLE(),
  }
}

/** Throws unless it is whole hexadecimal: a truncated key would name another row. */
function hex(text: string): Buffer {
  const bytes = Buffer.from(text, 'hex')
  if (bytes.length * 2 !== text.length) throw new TypeError(`${text} is not hexadecimal`)
  return bytes
}
