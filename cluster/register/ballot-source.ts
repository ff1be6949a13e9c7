/** Makes this node's ballots: counters above everything seen, under the nonce of this process start. */
import type { Ballot } from './ballot.ts'

export class BallotSource {
  readonly #nonce: string
  #counter = 0

  /** `nonce`: 16 hex digits, new at every process start, so that no ballot is ever made twice. */
  constructor(nonce: string) {
    this.#nonce = nonce
  }

  next(): Ballot {
    this.#counter++
    return { counter: this.#counter, nonce: this.#nonce }
  }

  /** The next ballot will be above `seen`. */
  note(seen: Ballot): void {
    this.#counter = Math.max(this.#counter, seen.counter)
  }
}
