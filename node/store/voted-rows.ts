/**
 * Votes as the acceptor sees them: those that were written last are kept, so that a register that is changed again and
 * again is neither read nor decoded nor hashed for it. Memory says what is on disk, since it follows each batch.
 */
import type { AcceptorState } from '../../cluster/register/storage.ts'
import type { RegisterTables } from './register-tables.ts'
import { RowCache } from './row-cache.ts'
import { voteHash } from './vote-accumulator.ts'

/** Some 2000 images of ordinary size; mostly the bytes are those of the learner row, and are there once. */
const CACHED_BYTES_MAX = 2 * 1024 * 1024

export interface VotedRow {
  state: AcceptorState
  /** Of the row as it is stored: what it is in the accumulator. */
  hash: Buffer
}

export class VotedRows {
  readonly #tables: RegisterTables
  readonly #cached = new RowCache<VotedRow>(
    CACHED_BYTES_MAX,
    ({ state }) => state.accepted?.value.length ?? 0,
  )

  constructor(tables: RegisterTables) {
    this.#tables = tables
  }

  /** Null when there is none. Throws CORRUPT_VALUE. */
  state(key: string): AcceptorState | null {
    return this.#cached.get(key)?.state ?? this.#tables.acceptors.get(key)
  }

  /** What the row is in the accumulator, readable or not; null when there is none. */
  hash(key: string): Buffer | null {
    const cached = this.#cached.get(key)
    if (cached) return cached.hash
    const { acceptors } = this.#tables
    const stored = acceptors.stored(key)
    return stored ? voteHash(acceptors.storedKey(key), stored) : null
  }

  /** What was written; null: the row is gone. */
  publish(key: string, row: VotedRow | null): void {
    if (row) this.#cached.put(key, row)
    else this.#cached.delete(key)
  }

  /** Forgets what is kept: the rows are gone, or not to be believed. */
  clear(): void {
    this.#cached.clear()
  }
}
