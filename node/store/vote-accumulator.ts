/**
 * One hash over all acceptor rows: the XOR of the hashes of each (R1). It is stored with every vote, so that a row that
 * was lost, brought back in an older form, or changed, is noticed when all rows are hashed again.
 */
import { contentHash, HASH_BYTES } from '../../cluster/content-hash.ts'
import type { AcceptorState } from '../../cluster/register/storage.ts'
import { joined } from './codec.ts'
import type { StoredRow } from './table.ts'

/** Acceptor rows, many at a time. */
export type VoteRows = AsyncGenerator<StoredRow<string, AcceptorState>[]>

export class VoteAccumulator {
  readonly #bytes: Buffer

  constructor(bytes: Uint8Array = new Uint8Array(HASH_BYTES)) {
    this.#bytes = Buffer.from(bytes)
  }

  /** Of all rows; `onPage` is awaited after each page. */
  static async over(
    pages: VoteRows,
    onPage: (page: readonly StoredRow<string, AcceptorState>[]) => Promise<void> | void,
  ): Promise<VoteAccumulator> {
    const accumulator = new VoteAccumulator()
    for await (const page of pages) {
      for (const { storedKey, stored } of page) accumulator.toggle(voteHash(storedKey, stored))
      await onPage(page)
    }
    return accumulator
  }

  /** Adds a row, or takes it out again; `hash` is its `voteHash`. */
  toggle(hash: Buffer): void {
    for (let i = 0; i < HASH_BYTES; i++) this.#bytes[i] = (this.#bytes[i] as number) ^ (hash[i] as number)
  }

  bytes(): Buffer {
    return Buffer.from(this.#bytes)
  }

  equals(other: Uint8Array): boolean {
    return this.#bytes.equals(other)
  }
}

/** What a row is in the accumulator. */
export function voteHash(storedKey: Buffer, stored: Buffer): Buffer {
  return contentHash(joined(storedKey, stored))
}

/** The rows as they are now: the first step of an iteration fixes what it will see. */
export function begunNow(pages: VoteRows): VoteRows {
  return resumed(pages, pages.next())
}

async function* resumed(pages: VoteRows, first: ReturnType<VoteRows['next']>): VoteRows {
  try {
    for (let step = await first; !step.done; step = await pages.next()) yield step.value
  } finally {
    await pages.return(undefined)
  }
}
