/**
 * All key spaces of both databases, in one place. A key is one tag byte, then the parts. A tag once used is never used
 * for anything else, also when its key space is given up.
 */

/** `meta/`: registers and what follows from them. */
export const META = {
  /** + key: acceptor state, the votes. */
  acceptor: 0x61,
  /** + key: learner row. */
  learner: 0x6c,
  /** + sequence (8 bytes, big-endian): change log. */
  change: 0x63,
  /** + node id: how far that peer's change log was followed. */
  cursor: 0x66,
  /** + node id: the highest identity seen of that voter (R8). */
  witness: 0x77,
  /** + manifest root (32 bytes) + image id: live images by root. */
  root: 0x72,
  /** + name: single values, see SINGLES. */
  single: 0x73,
} as const

/** `chunks/`: what is stored here and who wants it. */
export const CHUNKS = {
  /** + hash: where the bytes are. */
  location: 0x63,
  /** + hash + manifest root: a reference. */
  reference: 0x72,
  /** + hash + upload id: a pin. */
  pin: 0x70,
  /** + upload id + hash: the same pin, by upload. */
  uploadPin: 0x75,
  /** + segment number (4 bytes, big-endian): segment table. */
  segment: 0x73,
  /** + manifest root: all of it is here. */
  held: 0x68,
  /** + hash: bytes that failed their check, and when. */
  quarantine: 0x71,
} as const

/** Single values of `meta/`. */
export const SINGLES = {
  dbUuid: 'db-uuid',
  voteSequence: 'vote-sequence',
  accumulator: 'accumulator',
  floor: 'floor',
} as const

const SEQUENCE_BYTES = 8
const SEGMENT_BYTES = 4

export function textKey(tag: number, text: string): Buffer {
  return Buffer.concat([Buffer.of(tag), Buffer.from(text, 'utf8')])
}

/** Each part is hexadecimal text. */
export function hexKey(tag: number, ...parts: string[]): Buffer {
  return Buffer.concat([Buffer.of(tag), Buffer.from(parts.join(''), 'hex')])
}

export function rootKey(root: string, imageId: string): Buffer {
  return Buffer.concat([hexKey(META.root, root), Buffer.from(imageId, 'utf8')])
}

export function changeKey(sequence: number): Buffer {
  const key = Buffer.alloc(1 + SEQUENCE_BYTES)
  key[0] = META.change
  key.writeBigUInt64BE(BigInt(sequence), 1)
  return key
}

export function segmentKey(segment: number): Buffer {
  const key = Buffer.alloc(1 + SEGMENT_BYTES)
  key[0] = CHUNKS.segment
  key.writeUInt32BE(segment, 1)
  return key
}

/** The text or hexadecimal part behind the tag. */
export function textOf(key: Buffer): string {
  return key.toString('utf8', 1)
}

export function hexOf(key: Buffer): string {
  return key.toString('hex', 1)
}

/** Everything that begins with `prefix`. */
export function rangeOf(prefix: Buffer): { gte: Buffer; lt: Buffer } {
  const end = Buffer.from(prefix)
  for (let i = end.length - 1; i >= 0; i--) {
    const byte = end[i] as number
    if (byte < 0xff) {
      end[i] = byte + 1
      return { gte: prefix, lt: end.subarray(0, i + 1) }
    }
  }
  throw new Error('a key space has no prefix of 0xff bytes only')
}
