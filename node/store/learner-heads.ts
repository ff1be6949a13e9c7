/**
 * What this node knows of every register, without the values: ballot, digest and whether it is settled, in memory and in
 * key order. The port answers from it without waiting (LevelDB iterates only asynchronously); some 0.3 KiB a register.
 */
import type { Ballot } from '../../cluster/register/ballot.ts'
import type { LearnerDigest } from '../../cluster/register/storage.ts'
import { SortedSet } from './sorted-set.ts'

export interface LearnerHead {
  ballot: Ballot
  digest: string
  settled: boolean
}

/** Nonces kept by value, so that the heads of a process start share one text; only a handful are in use. */
const NONCES_MAX = 1024

export class LearnerHeads {
  readonly #heads = new Map<string, LearnerHead>()
  readonly #unsettled = new Set<string>()
  /** By code units, as `<` sorts: the order in which digests are compared between nodes. */
  readonly #keys = new SortedSet<string>((a, b) => (a < b ? -1 : a > b ? 1 : 0))
  readonly #nonces = new Map<string, string>()

  get size(): number {
    return this.#heads.size
  }

  get(key: string): LearnerHead | undefined {
    return this.#heads.get(key)
  }

  put(key: string, { ballot, digest, settled }: LearnerHead): void {
    if (!this.#heads.has(key)) this.#keys.add(key)
    const { counter } = ballot
    this.#heads.set(key, { ballot: { counter, nonce: this.#shared(ballot.nonce) }, digest, settled })
    if (settled) this.#unsettled.delete(key)
    else this.#unsettled.add(key)
  }

  delete(key: string): void {
    if (!this.#heads.delete(key)) return
    this.#unsettled.delete(key)
    this.#keys.delete(key)
  }

  /** In order. The heads must not change meanwhile. */
  keys(): Iterable<string> {
    return this.#keys.up()
  }

  unsettledKeys(): string[] {
    return [...this.#unsettled]
  }

  /** The heads strictly after a key, at most `limit`. */
  after(afterKey: string, limit: number): LearnerDigest[] {
    const digests: LearnerDigest[] = []
    for (const key of this.#keys.upFrom(afterKey)) {
      if (digests.length >= limit) break
      if (key !== afterKey) digests.push({ key, ...(this.#heads.get(key) as LearnerHead) })
    }
    return digests
  }

  #shared(nonce: string): string {
    const known = this.#nonces.get(nonce)
    if (known !== undefined) return known
    if (this.#nonces.size < NONCES_MAX) this.#nonces.set(nonce, nonce)
    return nonce
  }
}
