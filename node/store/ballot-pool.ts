/**
 * One copy of ballots that many registers share: most were written once or twice by a handful of processes, and each row
 * decodes a ballot of its own.
 */
import type { Ballot } from '../../cluster/register/ballot.ts'

/** Process starts whose ballots are shared; only a handful wrote most of what there is. */
const NONCES_MAX = 1024
/** Ballots of one process start that are shared: counters are small where registers are many. */
const COUNTERS_MAX = 64

export class BallotPool {
  /** By nonce, then by counter. */
  readonly #ballots = new Map<string, (Ballot | undefined)[]>()

  /** The pool's copy of `ballot`, or `ballot` itself. Ballots never change. */
  shared(ballot: Ballot): Ballot {
    const { counter, nonce } = ballot
    let ofNonce = this.#ballots.get(nonce)
    if (!ofNonce) {
      if (this.#ballots.size >= NONCES_MAX) return ballot
      this.#ballots.set(nonce, (ofNonce = []))
    }
    if (counter >= COUNTERS_MAX) return ballot
    return (ofNonce[counter] ??= ballot)
  }
}
