/**
 * What this node knows of every register, without the values, in memory and in key order: what it learned and what it
 * accepted. The port answers from it without waiting (LevelDB iterates only asynchronously), and strong reads compare
 * without a look at the disk. Some 0.2 KiB a register: nearly always the two are the same, and are kept once.
 */
import { sameBallot } from '../../cluster/register/ballot.ts'
import type { AcceptedHead, LearnerDigest, LearnerHead } from '../../cluster/register/storage.ts'
import { BallotPool } from './ballot-pool.ts'
import { SortedSet } from './sorted-set.ts'

/** `isAccepted`: the acceptor holds this very value. */
interface Entry extends LearnerHead {
  isAccepted: boolean
}

export class RegisterHeads {
  readonly #learned = new Map<string, Entry>()
  /** What was accepted of the keys whose entry says something else. */
  readonly #otherAccepted = new Map<string, AcceptedHead>()
  readonly #unsettled = new Set<string>()
  /** By code units, as `<` sorts: the order in which digests are compared between nodes. */
  readonly #keys = new SortedSet<string>((a, b) => (a < b ? -1 : a > b ? 1 : 0))
  readonly #ballots = new BallotPool()

  /** How many registers have a learner row. */
  get size(): number {
    return this.#learned.size
  }

  get(key: string): LearnerHead | undefined {
    return this.#learned.get(key)
  }

  put(key: string, { ballot, digest, settled }: LearnerHead): void {
    const accepted = this.accepted(key)
    if (!this.#learned.has(key)) this.#keys.add(key)
    this.#learned.set(key, { ballot: this.#ballots.shared(ballot), digest, settled, isAccepted: false })
    this.setAccepted(key, accepted ?? null)
    if (settled) this.#unsettled.delete(key)
    else this.#unsettled.add(key)
  }

  delete(key: string): void {
    const accepted = this.accepted(key)
    if (!this.#learned.delete(key)) return
    this.setAccepted(key, accepted ?? null)
    this.#unsettled.delete(key)
    this.#keys.delete(key)
  }

  /** What the acceptor holds, as far as it is known here; undefined: not known, or nothing. */
  accepted(key: string): AcceptedHead | undefined {
    const entry = this.#learned.get(key)
    return entry?.isAccepted ? entry : this.#otherAccepted.get(key)
  }

  /** Notes what the acceptor holds; null: nothing. */
  setAccepted(key: string, head: AcceptedHead | null): void {
    const entry = this.#learned.get(key)
    const isAccepted = entry !== undefined && head !== null && isSameHead(entry, head)
    if (entry) entry.isAccepted = isAccepted
    if (isAccepted || head === null) this.#otherAccepted.delete(key)
    else this.#otherAccepted.set(key, { ballot: this.#ballots.shared(head.ballot), digest: head.digest })
  }

  /** The acceptor holds nothing any more. */
  clearAccepted(): void {
    this.#otherAccepted.clear()
    for (const entry of this.#learned.values()) entry.isAccepted = false
  }

  /** In order. The heads must not change meanwhile. */
  keys(): Iterable<string> {
    return this.#keys.up()
  }

  unsettledKeys(): string[] {
    return [...this.#unsettled]
  }

  /** The learner heads strictly after a key, at most `limit`. */
  after(afterKey: string, limit: number): LearnerDigest[] {
    const digests: LearnerDigest[] = []
    for (const key of this.#keys.upFrom(afterKey)) {
      if (digests.length >= limit) break
      if (key === afterKey) continue
      const { ballot, digest, settled } = this.#learned.get(key) as Entry
      digests.push({ key, ballot, digest, settled })
    }
    return digests
  }
}

function isSameHead(a: AcceptedHead, b: AcceptedHead): boolean {
  return a.digest === b.digest && sameBallot(a.ballot, b.ballot)
}
