/** The newest entries of this node's change log, in memory as on disk (rule R11). */
import type { ChangeCursor, ChangeEntry, ChangePage } from '../../cluster/register/storage.ts'
import type { Ballot } from '../../cluster/register/ballot.ts'

/**
 * Entries kept: some 10 MiB of memory. A peer that was away for more changes than this compares digests instead, which
 * costs it one walk over all keys.
 */
export const CHANGE_LOG_ENTRIES_MAX = 100_000
/** Trimmed in runs, so that shifting the list stays cheap. */
const TRIM_RUN = 1000

export class ChangeLog {
  readonly #dbUuid: string
  readonly #entriesMax: number
  #entries: ChangeEntry[] = []
  #head = 0

  constructor(dbUuid: string, entriesMax = CHANGE_LOG_ENTRIES_MAX) {
    this.#dbUuid = dbUuid
    this.#entriesMax = entriesMax
  }

  get head(): number {
    return this.#head
  }

  /** The next entry; it is not in the log before `append`. */
  next(key: string, ballot: Ballot, ahead: number): ChangeEntry {
    return { sequence: this.#head + ahead + 1, key, ballot }
  }

  append(entry: ChangeEntry): void {
    this.#entries.push(entry)
    this.#head = entry.sequence
  }

  /** Sequences that are no longer kept; the caller removes their rows too. */
  trim(): number[] {
    const excess = this.#entries.length - this.#entriesMax
    if (excess < TRIM_RUN) return []
    return this.#entries.splice(0, excess).map(({ sequence }) => sequence)
  }

  /** Entries after the cursor; `trimmed` when the log cannot tell what happened since. */
  since(cursor: ChangeCursor | null, limit: number): ChangePage {
    const from = cursor?.sequence ?? 0
    const oldest = this.#entries[0]?.sequence ?? this.#head + 1
    const isForeign = cursor !== null && (cursor.dbUuid !== this.#dbUuid || from > this.#head)
    const trimmed = isForeign || from + 1 < oldest
    // Sequences have no gaps, so the place follows from the number.
    const entries = trimmed ? [] : this.#entries.slice(from + 1 - oldest, from + 1 - oldest + limit)
    return { dbUuid: this.#dbUuid, head: this.#head, entries, trimmed }
  }
}
