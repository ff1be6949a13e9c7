/**
 * This node's change log (R11): what was accepted here, numbered without gaps, bounded. Peers follow it; one that asks
 * for what is no longer there, or cannot be read, is told so and compares digests instead.
 */
import type { ChangeCursor, ChangeEntry, ChangePage } from '../../cluster/register/storage.ts'
import type { Database, WriteOp } from './database.ts'
import { changeRows } from './register-rows.ts'
import { Table } from './table.ts'

/** Some 10 MiB on disk; a node that was away for longer compares digests, which costs one page per 1000 registers. */
export const CHANGE_LOG_ENTRIES_MAX = 100_000
/** Old rows removed with one batch, so that a long tail does not hold up votes. */
const REMOVED_PER_BATCH_MAX = 1024
/** The newest entries are kept: peers that follow ask for them within the second. Some 0.2 KiB each. */
const KEPT_ENTRIES = 4096

type Change = Omit<ChangeEntry, 'sequence'>

export class ChangeLog {
  readonly #rows: Table<number, Change>
  readonly #newest = new Map<number, Change>()
  readonly #entriesMax: number
  #head = 0
  /** Entries up to here are not given out any more. */
  #trimmedTo = 0
  /** Rows up to here have left the disk. */
  #removedTo = 0

  constructor(database: Database, entriesMax: number) {
    this.#rows = new Table(database, changeRows)
    this.#entriesMax = entriesMax
  }

  get head(): number {
    return this.#head
  }

  /**
   * Finds the ends of the log. What is damaged or missing between them is found by who reads it: all up to there counts
   * as trimmed from then on. So does everything when the newest rows, up to `headAtLeast`, are missing: no sequence is
   * ever given out twice.
   */
  async load(headAtLeast: number): Promise<void> {
    const ends = await this.#rows.ends()
    if (ends) {
      this.#removedTo = ends.first - 1
      this.#trimmedTo = ends.first - 1
      this.#head = ends.last
    }
    if (this.#head >= headAtLeast) return
    this.#head = headAtLeast
    this.#trimmedTo = headAtLeast
  }

  /** The operations that append `entries` and trim the old end. Takes effect with `publish`. */
  append(entries: readonly Change[]): WriteOp[] {
    const operations: WriteOp[] = entries.map((entry, i) => this.#rows.put(this.#head + 1 + i, entry))
    const removeTo = this.#removeTarget(entries.length)
    for (let sequence = this.#removedTo + 1; sequence <= removeTo; sequence++)
      operations.push(this.#rows.del(sequence))
    return operations
  }

  /** The entries of `append` are durable. */
  publish(entries: readonly Change[]): void {
    this.#removedTo = this.#removeTarget(entries.length)
    this.#trimmedTo = this.#trimTarget(entries.length)
    for (const entry of entries) {
      this.#newest.set(++this.#head, entry)
      this.#newest.delete(this.#head - KEPT_ENTRIES)
    }
  }

  /** `dbUuid`: the database that this log belongs to. */
  since(dbUuid: string, cursor: ChangeCursor | null, limit: number): ChangePage {
    const after = cursor?.sequence ?? 0
    const isForeign = cursor !== null && cursor.dbUuid !== dbUuid
    // A cursor beyond the head was given out by a log that has lost its end.
    const entries = isForeign || after > this.#head ? null : this.#read(after, limit)
    return { dbUuid, head: this.#head, entries: entries ?? [], trimmed: entries === null }
  }

  /** Null: what comes next is gone. */
  #read(after: number, limit: number): ChangeEntry[] | null {
    if (after < this.#trimmedTo) return null
    const entries: ChangeEntry[] = []
    for (let sequence = after + 1; sequence <= this.#head && entries.length < limit; sequence++) {
      const entry = this.#readOne(sequence)
      if (!entry) {
        this.#trimmedTo = sequence
        return null
      }
      entries.push({ sequence, ...entry })
    }
    return entries
  }

  #readOne(sequence: number): Change | null {
    try {
      return this.#newest.get(sequence) ?? this.#rows.get(sequence)
    } catch {
      return null
    }
  }

  #trimTarget(added: number): number {
    return Math.max(this.#trimmedTo, this.#head + added - this.#entriesMax)
  }

  #removeTarget(added: number): number {
    const target = Math.min(this.#trimTarget(added), this.#removedTo + REMOVED_PER_BATCH_MAX)
    return Math.max(this.#removedTo, target)
  }
}
