/** The live records of one node, from settled learner rows: what lists are answered from, as node/images does it. */
import type { LearnerRow } from '../../../cluster/register/storage.ts'
import { logTextOf, type LogText } from './log-operations.ts'

/** Registers of clients; others are not listed. */
export const RECORD_PREFIX = 'record/'

export class RecordIndex {
  readonly #logs = new Map<string, LogText>()
  readonly #deleted = new Set<string>()
  readonly #isIndexed: (row: LearnerRow) => boolean

  /** `isIndexed`: whether a row counts; an unsettled one may yet come to nothing. */
  constructor(isIndexed: (row: LearnerRow) => boolean) {
    this.#isIndexed = isIndexed
  }

  /** `row` null: the register is no more. */
  note(key: string, row: LearnerRow | null): void {
    if (!key.startsWith(RECORD_PREFIX) || (row && !this.#isIndexed(row))) return
    const text = row ? logTextOf(row.value) : ''
    if (text.startsWith('+')) this.#logs.set(key, text)
    else this.#logs.delete(key)
    if (text.startsWith('-')) this.#deleted.add(key)
    else this.#deleted.delete(key)
  }

  /** Of tombstones. */
  deletedKeys(): string[] {
    return [...this.#deleted]
  }

  list(): Map<string, LogText> {
    return new Map(this.#logs)
  }
}
