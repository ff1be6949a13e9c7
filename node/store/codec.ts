/**
 * How every value is stored: version byte, checksum, payload. LevelDB verifies nothing when it reads and signs damaged
 * bytes anew when it compacts, so each value carries its own checksum over key, version and payload: bytes that were
 * changed, or that moved to another key, are found at each read.
 */
import { contentHash } from '../../cluster/content-hash.ts'
import { ClusterError } from '../../cluster/errors.ts'

/** BLAKE3, truncated: enough against damage; nobody forges values here. */
const CHECKSUM_BYTES = 16
const CHECKSUM_AT = 1
const PAYLOAD_AT = CHECKSUM_AT + CHECKSUM_BYTES

/** A payload and the version of its layout. */
export interface Sealed {
  version: number
  payload: Buffer
}

/** The stored form of `payload` under `key`. */
export function seal(key: Uint8Array, version: number, payload: Uint8Array): Buffer {
  const versionByte = Uint8Array.of(version)
  return Buffer.concat([versionByte, checksum(key, versionByte, payload), payload])
}

/** Checks a stored value and takes it apart. Throws CORRUPT_VALUE naming the key. */
export function unseal(key: Uint8Array, stored: Buffer): Sealed {
  if (stored.length < PAYLOAD_AT) throw corruptValue(key, 'it is too short')
  const payload = stored.subarray(PAYLOAD_AT)
  const expected = checksum(key, stored.subarray(0, CHECKSUM_AT), payload)
  if (!expected.equals(stored.subarray(CHECKSUM_AT, PAYLOAD_AT)))
    throw corruptValue(key, 'its checksum fails')
  return { version: stored.readUInt8(0), payload }
}

/** Takes a stored value apart unchecked; null when it is too short. For whoever checks all rows of a space together. */
export function unsealUnchecked(stored: Buffer): Sealed | null {
  if (stored.length < PAYLOAD_AT) return null
  return { version: stored.readUInt8(0), payload: stored.subarray(PAYLOAD_AT) }
}

export function corruptValue(key: Uint8Array, why: string, cause?: unknown): ClusterError {
  const shown = printableKey(key)
  return new ClusterError(
    'CORRUPT_VALUE',
    `the stored value of ${shown} is damaged: ${why}`,
    { key: shown },
    cause,
  )
}

/** The tag in hexadecimal, then the rest as text where it is text, else in hexadecimal. */
export function printableKey(key: Uint8Array): string {
  const bytes = Buffer.from(key.buffer, key.byteOffset, key.byteLength)
  const rest = bytes.subarray(1)
  const text = rest.toString('latin1')
  return `${bytes.toString('hex', 0, 1)}:${/^[\x20-\x7e]*$/.test(text) ? text : rest.toString('hex')}`
}

function checksum(key: Uint8Array, version: Uint8Array, payload: Uint8Array): Buffer {
  return contentHash(joined(key, version, payload)).subarray(0, CHECKSUM_BYTES)
}

/** Room to put together what is hashed at once: rows are hashed by the hundred thousand, and few are larger. */
const scratch = Buffer.allocUnsafeSlow(64 * 1024)

/** The parts one after the other; valid until the next call. */
export function joined(...parts: readonly Uint8Array[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  if (length > scratch.length) return Buffer.concat(parts, length)
  let at = 0
  for (const part of parts) {
    scratch.set(part, at)
    at += part.length
  }
  return scratch.subarray(0, length)
}
