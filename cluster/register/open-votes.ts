/**
 * Votes of this node above what a majority holds. The round of such a vote is mostly still under way, and another would
 * collide with it: so each is given time first. What is still open then was left by somebody who died.
 */
import { sleep, type Clock } from '../runtime.ts'
import { sameBallot, type Ballot } from './ballot.ts'
import { inPages } from './in-pages.ts'
import type { Proposer } from './proposer.ts'
import { READ_KEYS_MAX } from './read-queue.ts'
import { SharedRun } from './shared-run.ts'
import type { RegisterStorage } from './storage.ts'

/** A vote whose round has not ended by then was left by somebody who died, or has been overtaken. Many times a slow round. */
const GRACE_MS = 1000

export interface OpenVotesComponents {
  clock: Clock
  storage: RegisterStorage
  proposer: Proposer
}

export class OpenVotes {
  readonly #components: OpenVotesComponents
  readonly #signal: AbortSignal
  readonly #open = new Map<string, Ballot>()
  readonly #deciding = new SharedRun(() => this.#decide())

  /** `signal` ends it. */
  constructor(components: OpenVotesComponents, signal: AbortSignal) {
    this.#components = components
    this.#signal = signal
  }

  /** Decides on those that are still open after the grace, by a round of this node. Best effort. */
  note(votes: ReadonlyMap<string, Ballot>): void {
    if (votes.size === 0) return
    for (const [key, ballot] of votes) this.#open.set(key, ballot)
    // Stopped, or without a majority: catch-up finds them again.
    this.#deciding.run().catch(() => {})
  }

  async #decide(): Promise<void> {
    const { clock, storage, proposer } = this.#components
    const noted = new Map(this.#open)
    this.#open.clear()
    await sleep(clock, GRACE_MS, this.#signal)
    const isStillOpen = (key: string) => {
      const learned = storage.learnedHead(key)
      return learned?.settled === false && sameBallot(learned.ballot, noted.get(key) as Ballot)
    }
    const keys = [...noted.keys()].filter(isStillOpen)
    await inPages(keys, READ_KEYS_MAX, (key) => proposer.settle(key, noted.get(key)))
  }
}
