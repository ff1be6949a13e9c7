/** The value of a register (rule R1): a record or tombstone, its version, and the ring of the last outcomes. */
import { decodeCbor } from '../cbor-decoder.ts'
import { encodeCbor } from '../cbor-encoder.ts'
import { contentHash } from '../content-hash.ts'
import { ClusterError } from '../errors.ts'
import { ownBytes } from '../own-bytes.ts'
import type { RecordState, Refusal } from './operations.ts'

/** The outcome of an operation, by the id its origin minted (R4). */
export interface RingEntry {
  /** 32 hex digits. */
  opId: string
  /** The version that the operation made. */
  version: number
  /** Null: it was applied. */
  refusal: Refusal | null
}

export interface RegisterValue extends RecordState {
  /** Grows by one with every applied operation. */
  version: number
  /** Oldest first. */
  ring: RingEntry[]
}

/** How many outcomes a value remembers. A retry that comes later than this many changes gets "outcome unknown" (R4). */
export const RING_ENTRIES = 16
/** Largest encoded value, bytes (R1): far above any image record, small enough to travel in one message. */
export const VALUE_BYTES_MAX = 1024 * 1024
/** Digest bytes: two values of one ballot differ or are equal; 16 bytes of BLAKE3 leave no doubt. */
const DIGEST_BYTES = 16

/** Throws VALUE_TOO_LARGE. */
export function encodeValue(value: RegisterValue): Uint8Array {
  const bytes = encodeCbor([
    value.live,
    value.record,
    value.version,
    value.ring.map((entry) => [entry.opId, entry.version, entry.refusal]),
  ])
  if (bytes.length > VALUE_BYTES_MAX)
    throw new ClusterError(
      'VALUE_TOO_LARGE',
      `the record would take ${bytes.length} bytes; ${VALUE_BYTES_MAX} is the most`,
    )
  // Rows, votes and notices keep it, and not what it was made in.
  return ownBytes(bytes)
}

/**
 * What was decoded, by its bytes: one change has its value decided on, projected and indexed, and the next one begins with it.
 * Neither is ever changed.
 */
const decoded = new WeakMap<Uint8Array, RegisterValue>()

/** Throws CORRUPT_VALUE. */
export function decodeValue(bytes: Uint8Array): RegisterValue {
  const known = decoded.get(bytes)
  if (known) return known
  const value = decodeAnew(bytes)
  decoded.set(bytes, value)
  return value
}

function decodeAnew(bytes: Uint8Array): RegisterValue {
  try {
    const [live, record, version, ring] = decodeCbor(bytes) as [
      boolean,
      unknown,
      number,
      [string, number, Refusal | null][],
    ]
    return {
      live,
      record,
      version,
      ring: ring.map(([opId, made, refusal]) => ({ opId, version: made, refusal })),
    }
  } catch (error) {
    throw new ClusterError('CORRUPT_VALUE', 'a register value cannot be decoded', {}, error)
  }
}

/** What reads compare instead of whole values. 32 hex digits. */
export function valueDigest(bytes: Uint8Array): string {
  return contentHash(bytes).subarray(0, DIGEST_BYTES).toString('hex')
}

/** The value after an operation: version and ring move on with the record. */
export function nextValue(
  current: RegisterValue | null,
  next: RecordState,
  opId: string,
  refusal: Refusal | null,
): RegisterValue {
  const version = (current?.version ?? 0) + 1
  const ring = [...(current?.ring ?? []), { opId, version, refusal }].slice(-RING_ENTRIES)
  return { live: next.live, record: next.record, version, ring }
}
