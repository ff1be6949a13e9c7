/** The keys of live records, from settled learner rows: what the image index is to lists. */
import type { LearnerRow } from '../../../cluster/register/storage.ts'
import type { RegisterStore } from '../../../node/store/register-store.ts'
import { logTextOf } from './log-operations.ts'

/** Registers of clients; others are not listed. */
export const RECORD_PREFIX = 'record/'

export class LiveKeys {
  readonly #keys = new Set<string>()
  readonly #isIndexed: (settled: boolean) => boolean

  constructor(store: RegisterStore, isIndexed: (settled: boolean) => boolean) {
    this.#isIndexed = isIndexed
    for (const [key, row] of store.learnedRows(RECORD_PREFIX)) this.#put(key, row)
    store.onLearned((key, row) => this.#put(key, row))
  }

  /** In key order. */
  keys(): string[] {
    return [...this.#keys].sort()
  }

  #put(key: string, row: LearnerRow | null): void {
    if (!key.startsWith(RECORD_PREFIX) || (row && !this.#isIndexed(row.settled))) return
    if (row && logTextOf(row.value).startsWith('+')) this.#keys.add(key)
    else this.#keys.delete(key)
  }
}
