/**
 * Reads of one voter, bundled: at most one read request is in flight, and whatever is asked meanwhile goes together in
 * the next one (rule R5). A read must not join a request that left before it: that one may have been answered earlier.
 */
import { ClusterError } from '../errors.ts'
import type { ConfigView } from '../membership/cluster-config.ts'
import type { NodeId } from '../network/rpc-port.ts'
import type { Clock } from '../runtime.ts'
import type { Ballot } from './ballot.ts'
import { Bundler } from './bundler.ts'
import { PeakDelay } from './peak-delay.ts'
import type { ReadAnswer } from './vote-messages.ts'
import type { VoterClient } from './voter-client.ts'

/** Keys per request: keeps an answer of changed values of ordinary size within a few hundred KiB. */
export const READ_KEYS_MAX = 256
/** Reads waiting for one voter. Beyond it the voter counts as too slow to answer. */
const WAITING_MAX = 10_000

/** An answer with what was told for all of its request. */
export interface EpochAnswer extends ReadAnswer {
  /** It was asked under this epoch, and counts in no quorum of another (R10). */
  epoch: number
  /** Of the voter, at that moment: what it does not hold and has accepted up to here was removed (R9). */
  floor: Ballot
}

interface Waiter {
  key: string
  known: Ballot | null
  resolve(answer: EpochAnswer): void
  reject(error: unknown): void
}

export interface ReadQueueComponents {
  voters: VoterClient
  config: ConfigView
  clock: Clock
}

export class ReadQueue {
  readonly #delay: PeakDelay
  /** When the request under way left, monotonic. */
  #sentMs: number | null = null
  readonly #to: NodeId
  readonly #components: ReadQueueComponents
  readonly #waiting: Bundler<Waiter>

  constructor(to: NodeId, components: ReadQueueComponents) {
    this.#to = to
    this.#components = components
    this.#delay = new PeakDelay(components.clock)
    this.#waiting = new Bundler((waiters) => this.#send(waiters), {
      weightOf: () => 1,
      bundleMax: READ_KEYS_MAX,
      waitingMax: WAITING_MAX,
    })
  }

  /** How long answers have taken lately, or the one that is waited for takes already, ms. */
  get delayMs(): number {
    const waitedMs = this.#sentMs === null ? 0 : this.#components.clock.monotonicMs() - this.#sentMs
    return Math.max(this.#delay.value, waitedMs)
  }

  /** What the voter holds for `key`; the value is left out when it is at ballot `known`. */
  read(key: string, known: Ballot | null): Promise<EpochAnswer> {
    return new Promise((resolve, reject) => {
      if (!this.#waiting.add({ key, known, resolve, reject }))
        reject(new ClusterError('RPC_TIMEOUT', `too many reads wait for node ${this.#to}`))
    })
  }

  async #send(waiters: Waiter[]): Promise<void> {
    const { voters, clock } = this.#components
    const config = this.#components.config.current()
    const sentMs = clock.monotonicMs()
    this.#sentMs = sentMs
    try {
      const { answers, floor } = await voters.read(
        config,
        this.#to,
        waiters.map(({ key, known }) => ({ key, known })),
      )
      for (const [index, waiter] of waiters.entries()) {
        const answer = answers[index] as ReadAnswer
        waiter.resolve({ ...answer, epoch: config.epoch, floor })
      }
    } catch (error) {
      for (const waiter of waiters) waiter.reject(error)
    } finally {
      this.#delay.note(clock.monotonicMs() - sentMs)
      this.#sentMs = null
    }
  }
}
