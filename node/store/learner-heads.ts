/**
 * What this node knows of every register, without the values: ballot, digest and whether it is settled, in memory and in
 * key order. The port answers from it without waiting (LevelDB iterates only asynchronously); some 0.3 KiB a register.
 */
import type { Ballot } from '../../cluster/register/ballot.ts'
import type { LearnerDigest } from '../../cluster/register/storage.ts'

export interface LearnerHead {
  ballot: Ballot
  digest: string
  settled: boolean
}

export class LearnerHeads {
  readonly #heads = new Map<string, LearnerHead>()
  readonly #unsettled = new Set<string>()
  /** Sorted by code units, as `<` sorts: the order in which digests are compared between nodes. */
  readonly #keys: string[] = []

  get(key: string): LearnerHead | undefined {
    return this.#heads.get(key)
  }

  put(key: string, { ballot, digest, settled }: LearnerHead): void {
    if (!this.#heads.has(key)) this.#keys.splice(this.#firstAfter(key), 0, key)
    this.#heads.set(key, { ballot, digest, settled })
    if (settled) this.#unsettled.delete(key)
    else this.#unsettled.add(key)
  }

  delete(key: string): void {
    if (!this.#heads.delete(key)) return
    this.#unsettled.delete(key)
    this.#keys.splice(this.#firstAfter(key) - 1, 1)
  }

  keys(): readonly string[] {
    return this.#keys
  }

  unsettledKeys(): string[] {
    return [...this.#unsettled]
  }

  /** The heads strictly after a key, at most `limit`. */
  after(afterKey: string, limit: number): LearnerDigest[] {
    const from = this.#firstAfter(afterKey)
    return this.#keys
      .slice(from, from + limit)
      .map((key) => ({ key, ...(this.#heads.get(key) as LearnerHead) }))
  }

  /** Index of the first key that is greater. */
  #firstAfter(key: string): number {
    let low = 0
    let high = this.#keys.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#keys[middle] as string) <= key) low = middle + 1
      else high = middle
    }
    return low
  }
}
