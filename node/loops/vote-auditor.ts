/**
 * Once a day all votes of this node are compared with what they should be together (rule R1): a row that rotted or went
 * missing is found even if nobody asks for it. A node that lost votes stops voting and is let in again by the others (R8).
 */
import { sleep, type Clock, type Log } from '../../cluster/runtime.ts'
import type { RegisterStore } from '../store/register-store.ts'
import { Loop, type LoopState } from './loop.ts'

export interface VoteAuditorComponents {
  clock: Clock
  log: Log
  store: Pick<RegisterStore, 'checkVotes' | 'isIntact'>
  /** Tells the registers that votes are missing or damaged. */
  onLost: (why: string) => void
}

const DAY_MS = 24 * 3_600_000
/** How often it looks whether a day is over. */
const TICK_MS = 600_000
/** After a page of 128 KiB, which takes some 2 ms: 100 000 votes in half a minute, and nobody notices. */
const PAGE_PAUSE_MS = 50

export class VoteAuditor {
  readonly #components: VoteAuditorComponents
  readonly #loop: Loop
  /** Monotonic. The start has just looked at everything. */
  #nextMs: number

  constructor(components: VoteAuditorComponents) {
    this.#components = components
    this.#nextMs = components.clock.monotonicMs() + DAY_MS
    const options = { name: 'vote-auditor', everyMs: TICK_MS, retryMs: TICK_MS }
    this.#loop = new Loop(components, options, (signal) => this.#runOnce(signal))
  }

  start(): void {
    this.#loop.start()
  }

  stop(): Promise<void> {
    return this.#loop.stop()
  }

  describe(): LoopState {
    return this.#loop.describe()
  }

  async #runOnce(signal: AbortSignal): Promise<void> {
    const { clock, log, store, onLost } = this.#components
    if (clock.monotonicMs() < this.#nextMs || !store.isIntact) return
    if (!(await store.checkVotes(() => sleep(clock, PAGE_PAUSE_MS, signal))))
      onLost('its vote rows are not those that were written')
    else log.info({}, 'all votes are those that were written')
    this.#nextMs = clock.monotonicMs() + DAY_MS
  }
}
