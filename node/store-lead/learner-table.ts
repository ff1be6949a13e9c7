/** What the learner rows say, without their values, in memory: look-ups and ordered walks never touch the disk. */
import { compareBallots } from '../../cluster/register/ballot.ts'
import type { LearnerDigest, LearnerRow } from '../../cluster/register/storage.ts'

/** What a row becomes when `learn` is asked to take another. */
export type LearnEffect = 'replaces' | 'settles' | 'nothing'

/** A higher ballot replaces, the same may only become settled, a lower one changes nothing. */
export function learnEffect(
  known: Pick<LearnerRow, 'ballot' | 'settled'> | undefined,
  row: Pick<LearnerRow, 'ballot' | 'settled'>,
): LearnEffect {
  if (!known) return 'replaces'
  const order = compareBallots(row.ballot, known.ballot)
  if (order > 0) return 'replaces'
  return order === 0 && row.settled && !known.settled ? 'settles' : 'nothing'
}

export class LearnerTable {
  readonly #rows = new Map<string, LearnerDigest>()
  readonly #unsettled = new Set<string>()
  /** Keys in order; null = to be sorted again at the next walk. */
  #order: string[] | null = null

  get(key: string): LearnerDigest | undefined {
    return this.#rows.get(key)
  }

  put(key: string, { ballot, digest, settled }: Pick<LearnerRow, 'ballot' | 'digest' | 'settled'>): void {
    if (!this.#rows.has(key)) this.#order = null
    this.#rows.set(key, { key, ballot, digest, settled })
    if (settled) this.#unsettled.delete(key)
    else this.#unsettled.add(key)
  }

  unsettledKeys(): string[] {
    return [...this.#unsettled]
  }

  keys(): IterableIterator<string> {
    return this.#rows.keys()
  }

  /** Rows in key order, strictly after `afterKey`. */
  after(afterKey: string, limit: number): LearnerDigest[] {
    this.#order ??= [...this.#rows.keys()].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
    const from = firstAfter(this.#order, afterKey)
    return this.#order.slice(from, from + limit).flatMap((key) => this.#rows.get(key) ?? [])
  }
}

function firstAfter(sorted: readonly string[], key: string): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sorted[middle] as string) <= key) low = middle + 1
    else high = middle
  }
  return low
}
