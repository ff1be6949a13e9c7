/**
 * The accumulator (rule R1): XOR of the hashes of all acceptor rows, written with every vote. A row that was lost,
 * rolled back or changed behind our back makes it differ from a full scan.
 */
import { contentHash, HASH_BYTES } from '../../cluster/content-hash.ts'

export class VoteAccumulator {
  readonly #bytes: Buffer

  constructor(bytes: Uint8Array = Buffer.alloc(HASH_BYTES)) {
    this.#bytes = Buffer.from(bytes)
  }

  /** A row comes or goes: both are the same operation. */
  toggle(key: Buffer, row: Buffer): void {
    const hash = contentHash(Buffer.concat([key, row]))
    for (let i = 0; i < HASH_BYTES; i++) this.#bytes[i] = (this.#bytes[i] as number) ^ (hash[i] as number)
  }

  bytes(): Buffer {
    return Buffer.from(this.#bytes)
  }
}
