/**
 * One hash over all acceptor rows: the XOR of the hashes of each (R1). It is stored with every vote, so that a row that
 * was lost, brought back in an older form, or changed, is noticed when all rows are hashed again.
 */
import { contentHash, HASH_BYTES } from '../../cluster/content-hash.ts'
import { joined } from './codec.ts'

export class VoteAccumulator {
  readonly #bytes: Buffer

  constructor(bytes: Uint8Array = new Uint8Array(HASH_BYTES)) {
    this.#bytes = Buffer.from(bytes)
  }

  /** Adds a row, or takes it out again. */
  toggle(storedKey: Buffer, stored: Buffer): void {
    const hash = contentHash(joined(storedKey, stored))
    for (let i = 0; i < HASH_BYTES; i++) this.#bytes[i] = (this.#bytes[i] as number) ^ (hash[i] as number)
  }

  bytes(): Buffer {
    return Buffer.from(this.#bytes)
  }

  equals(other: Uint8Array): boolean {
    return this.#bytes.equals(other)
  }
}
