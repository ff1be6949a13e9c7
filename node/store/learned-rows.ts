/**
 * Learner rows as the rest of the process sees them: what memory knows of each (RegisterHeads), the values that were used
 * last, and whoever is told of changes. Memory decides which row counts: the disk may be ahead of it by a row that nobody
 * was told of, or behind by a lazy write.
 */
import { ownBytes } from '../../cluster/own-bytes.ts'
import { sameBallot } from '../../cluster/register/ballot.ts'
import type { LearnedListener, LearnerHead, LearnerRow } from '../../cluster/register/storage.ts'
import { learnEffect } from './register-batch.ts'
import type { RegisterHeads } from './register-heads.ts'
import type { RegisterTables } from './register-tables.ts'
import { RowCache } from './row-cache.ts'

/** Some 2000 images of ordinary size. What is settled is served from the index, not from these. */
const CACHED_BYTES_MAX = 2 * 1024 * 1024

export class LearnedRows {
  readonly #tables: RegisterTables
  readonly #heads: RegisterHeads
  readonly #cached = new RowCache<LearnerRow>(CACHED_BYTES_MAX, bytesOf)
  /** Of rows that are not settled: see RegisterStorage.chosenBefore. */
  readonly #chosenBefore = new RowCache<LearnerRow | null>(CACHED_BYTES_MAX, bytesOf)
  readonly #listeners: LearnedListener[] = []

  constructor(tables: RegisterTables, heads: RegisterHeads) {
    this.#tables = tables
    this.#heads = heads
  }

  onChanged(listener: LearnedListener): void {
    this.#listeners.push(listener)
  }

  /** Null when there is none, or none that can be read. */
  get(key: string): LearnerRow | null {
    const head = this.#heads.get(key)
    const cached = this.#cached.get(key)
    if (cached && head && isOf(cached, head)) return cached
    const row = this.#tables.readLearner(key)
    if (!row) return null
    const settled = head !== undefined && head.settled && sameBallot(head.ballot, row.ballot)
    const known = { ...row, settled }
    this.#cached.put(key, known)
    return known
  }

  /** Memory and listeners change in one turn: a row never looks settled before the index has it. */
  publish(key: string, row: LearnerRow): void {
    if (learnEffect(this.#heads.get(key), row) === 'nothing') return
    this.#noteChosenBefore(key, row)
    const kept = { ...row, value: ownBytes(row.value) }
    this.#heads.put(key, kept)
    this.#cached.put(key, kept)
    this.#tell(key, kept)
  }

  chosenBefore(key: string): LearnerRow | null | undefined {
    return this.#chosenBefore.get(key)
  }

  drop(key: string): void {
    this.#chosenBefore.delete(key)
    this.#heads.delete(key)
    this.#cached.delete(key)
    this.#tell(key, null)
  }

  /** While one unsettled row follows another, what was settled before them stays. */
  #noteChosenBefore(key: string, row: LearnerRow): void {
    if (row.settled) return this.#chosenBefore.delete(key)
    const head = this.#heads.get(key)
    const before = this.#cached.get(key)
    if (!head) this.#chosenBefore.put(key, null)
    else if (head.settled && before && isOf(before, head)) this.#chosenBefore.put(key, before)
  }

  #tell(key: string, row: LearnerRow | null): void {
    for (const listener of this.#listeners) listener(key, row)
  }
}

function bytesOf(row: LearnerRow | null): number {
  return row?.value.length ?? 0
}

function isOf(row: LearnerRow, { ballot, settled }: LearnerHead): boolean {
  return row.settled === settled && sameBallot(row.ballot, ballot)
}
