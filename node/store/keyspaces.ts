/**
 * Every key space of both databases. A stored key is the tag byte, then the parts given here. A tag once used is never
 * used again, for anything: an old row must not be taken for something else.
 */

/** `meta` holds register state and what is derived from it; `chunks` says where chunks are and who wants them. */
export type DatabaseName = 'meta' | 'chunks'

export interface Keyspace {
  /** One byte, unique over both databases. */
  readonly tag: number
  readonly database: DatabaseName
  /** What stands in errors and dumps. */
  readonly name: string
}

function keyspace(tag: number, database: DatabaseName, name: string): Keyspace {
  return { tag, database, name }
}

export const KEYSPACES = {
  /** register key → promised and accepted ballot, value (R1). Only votes write here. */
  acceptor: keyspace(0x01, 'meta', 'acceptor'),
  /** register key → the highest ballot known, with its value (R2). */
  learner: keyspace(0x02, 'meta', 'learner'),
  /** sequence (8 bytes, big-endian) → what was accepted here (R11). Without gaps; trimmed at the old end. */
  change: keyspace(0x03, 'meta', 'change'),
  /** peer → how far its change log was followed. */
  cursor: keyspace(0x04, 'meta', 'cursor'),
  /** database uuid (16 bytes), peer → highest vote sequence seen of that database of that peer (R8). */
  witness: keyspace(0x05, 'meta', 'witness'),
  /** manifest root (32 bytes), image → nothing: a live image has these bytes. Written with the learner row it follows from. */
  root: keyspace(0x06, 'meta', 'root'),
  /** name → one value each: vote state, floor, what the owner keeps by name. */
  singleton: keyspace(0x07, 'meta', 'singleton'),

  /** chunk (32 bytes) → segment, offset, lengths, codec. */
  location: keyspace(0x40, 'chunks', 'location'),
  /** chunk (32 bytes), manifest root (32 bytes) → nothing: the chunk is wanted by that manifest. */
  reference: keyspace(0x41, 'chunks', 'reference'),
  /** chunk (32 bytes), upload (16 bytes) → when it was pinned. */
  pin: keyspace(0x42, 'chunks', 'pin'),
  /** upload (16 bytes), chunk (32 bytes) → when it was pinned: the way back from an upload to its pins. */
  uploadPin: keyspace(0x43, 'chunks', 'upload-pin'),
  /** segment number (4 bytes, big-endian) → whether it is sealed. Written before the first chunk in it counts. */
  segment: keyspace(0x44, 'chunks', 'segment'),
  /** manifest root (32 bytes) → nothing: this node holds the manifest and every chunk of it. */
  heldRoot: keyspace(0x45, 'chunks', 'held-root'),
  /** chunk (32 bytes) → where its damaged bytes lie and since when; removed when the chunk is stored anew. */
  quarantine: keyspace(0x46, 'chunks', 'quarantine'),
  /** due time and chunk → try again to pull or push it. */
  resync: keyspace(0x47, 'chunks', 'resync'),
  /** nothing → how far the auditor has come: one row. */
  audit: keyspace(0x48, 'chunks', 'audit'),
} as const satisfies Record<string, Keyspace>

/** The stored key: tag, then parts. */
export function keyIn(space: Keyspace, ...parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat([Uint8Array.of(space.tag), ...parts])
}

/** The key of a `root` row. `root` in hexadecimal. */
export function rootKey(root: string, imageId: string): Buffer {
  return keyIn(KEYSPACES.root, Buffer.from(root, 'hex'), Buffer.from(imageId))
}

/** Keys from `gte` on and below `lt`. */
export interface KeyRange {
  gte: Buffer
  lt: Buffer
}

/** All keys of a space that begin with `parts`. */
export function rangeOf(space: Keyspace, ...parts: readonly Uint8Array[]): KeyRange {
  const gte = keyIn(space, ...parts)
  return { gte, lt: nextPrefix(gte) }
}

/** The first key after all that begin with `prefix`. */
export function nextPrefix(prefix: Buffer): Buffer {
  const next = Buffer.from(prefix)
  for (let last = next.length - 1; last >= 0; last--) {
    const byte = next.readUInt8(last)
    if (byte < 0xff) {
      next.writeUInt8(byte + 1, last)
      return next.subarray(0, last + 1)
    }
  }
  throw new RangeError('no key comes after a prefix of 0xff bytes; no tag is 0xff')
}
