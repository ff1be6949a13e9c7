/**
 * Promises for a register's next change, given along with the accept of the last one (CASPaxos, Rystsov 2018, "one-round
 * trip optimization"). Whoever holds them from a quorum goes on without a prepare: it would hear of nothing but its own
 * value, as nobody can have won a ballot between the two. Whoever wants the register meanwhile makes them void.
 */
import type { Ballot } from './ballot.ts'

export interface HeldPromise {
  /** The config that the quorum was counted in: its acceptors are asked under no other (R10). */
  epoch: number
  /** What was promised. */
  ballot: Ballot
  /** Where the value was accepted that the next change begins with. */
  acceptedAt: Ballot
  /** The lowest floor of the promises that the first of these changes stood on (R9): nothing was removed since. */
  lowestFloor: Ballot
}

/** Registers remembered, the ones changed last: some 300 bytes each. What is forgotten costs a prepare. */
const HELD_MAX = 16_384

export class HeldPromises {
  readonly #held = new Map<string, HeldPromise>()

  /** Once only: a ballot may carry one value, whatever became of it (R1). */
  take(key: string): HeldPromise | null {
    const promise = this.#held.get(key)
    if (!promise) return null
    this.#held.delete(key)
    return promise
  }

  keep(key: string, promise: HeldPromise): void {
    this.#held.delete(key)
    this.#held.set(key, promise)
    if (this.#held.size <= HELD_MAX) return
    for (const oldest of this.#held.keys()) {
      this.#held.delete(oldest)
      return
    }
  }
}
