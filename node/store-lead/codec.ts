/**
 * Every stored value carries its own version and checksum: LevelDB verifies nothing when it reads. The checksum covers
 * the key too, so that a value under the wrong key is noticed.
 */
import { decode, encode } from 'cborg'
import { contentHash } from '../../cluster/content-hash.ts'
import { ClusterError } from '../../cluster/errors.ts'

/** Enough of a BLAKE3 digest to notice any damage. */
const CHECKSUM_BYTES = 16
const PREFIX_BYTES = 1 + CHECKSUM_BYTES

/** version byte, checksum over (key, version, payload), payload. */
export function seal(key: Buffer, version: number, payload: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(version), checksum(key, version, payload), payload])
}

/** The payload of a sealed value. Throws CORRUPT_VALUE when the checksum or the version does not fit. */
export function unseal(key: Buffer, version: number, sealed: Buffer): Buffer {
  const payload = sealed.subarray(PREFIX_BYTES)
  const isWhole =
    sealed.length >= PREFIX_BYTES &&
    sealed[0] === version &&
    checksum(key, version, payload).equals(sealed.subarray(1, PREFIX_BYTES))
  if (!isWhole)
    throw new ClusterError('CORRUPT_VALUE', `the stored value of ${printable(key)} is damaged`, { key: printable(key) })
  return payload
}

export function sealRecord(key: Buffer, version: number, record: unknown): Buffer {
  return seal(key, version, encode(record))
}

export function unsealRecord(key: Buffer, version: number, sealed: Buffer): unknown {
  return decode(unseal(key, version, sealed))
}

function checksum(key: Buffer, version: number, payload: Uint8Array): Buffer {
  return contentHash(Buffer.concat([key, Buffer.of(version), payload])).subarray(0, CHECKSUM_BYTES)
}

function printable(key: Buffer): string {
  return key.toString('latin1').replace(/[^\x20-\x7e]/g, '.')
}
