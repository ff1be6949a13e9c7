/** Asks candidates one after another until one delivers; a silent one gets company before it has failed. */
import type { NodeId } from '../network/rpc-port.ts'
import type { Clock } from '../runtime.ts'
import { LifeSign } from './life-sign.ts'

export interface HedgedRaceOptions<T> {
  clock: Clock
  /**
   * How long an attempt may be silent before the next candidate is asked beside it. Not how long it may take: where all
   * are slow because there is much to do, twice the work would make it worse.
   */
  hedgeAfterMs(at: NodeId): number
  /** Whether there is room for a second attempt now; asked again and again. */
  mayHedge(): boolean
  /** An attempt was silent for so long that another had to be asked. */
  onSilent(at: NodeId): void
  /** Takes a result that came too late. */
  discard(late: T): void
  /** Stops every attempt. */
  signal: AbortSignal
}

/** What each candidate failed with, in the order of failing. */
export interface FailedAttempt {
  at: NodeId
  error: unknown
}

/** Notes in `sign` whatever moves; rejects soon after `signal`. */
export type Attempt<T> = (at: NodeId, signal: AbortSignal, sign: LifeSign) => Promise<T>

export type RaceOutcome<T> = { won: true; value: T; by: NodeId } | { won: false; failures: FailedAttempt[] }

/** Attempts at once: the slow one and one beside it. More would turn one slow node into load on all. */
const ATTEMPTS_MAX = 2

/**
 * Settles with the first success, or with every failure once all candidates have failed. The attempts that lose are
 * aborted. Rejects only with the reason of `signal`.
 */
export function hedgedRace<T>(
  candidates: readonly NodeId[],
  attempt: Attempt<T>,
  options: HedgedRaceOptions<T>,
): Promise<RaceOutcome<T>> {
  return new Race(candidates, attempt, options).outcome()
}

class Race<T> {
  readonly #candidates: NodeId[]
  readonly #attempt: Attempt<T>
  readonly #options: HedgedRaceOptions<T>
  readonly #failures: FailedAttempt[] = []
  readonly #stop = new AbortController()
  #running = 0
  #cancelHedge: () => void = () => {}
  #settled = false
  #resolve: (outcome: RaceOutcome<T>) => void = () => {}
  #reject: (error: Error) => void = () => {}

  constructor(candidates: readonly NodeId[], attempt: Attempt<T>, options: HedgedRaceOptions<T>) {
    this.#candidates = [...candidates]
    this.#attempt = attempt
    this.#options = options
  }

  outcome(): Promise<RaceOutcome<T>> {
    const { signal } = this.#options
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
      if (signal.aborted) return this.#end(() => reject(signal.reason as Error))
      const onAbort = () => this.#end(() => this.#reject(signal.reason as Error))
      signal.addEventListener('abort', onAbort, { once: true })
      this.#stop.signal.addEventListener('abort', () => signal.removeEventListener('abort', onAbort))
      this.#startNext()
    })
  }

  #startNext(): void {
    this.#cancelHedge()
    const at = this.#candidates.shift()
    if (at !== undefined) this.#start(at)
    else if (this.#running === 0) this.#end(() => this.#resolve({ won: false, failures: this.#failures }))
  }

  #start(at: NodeId): void {
    this.#running++
    const { clock } = this.#options
    const sign = new LifeSign(clock)
    const afterMs = this.#options.hedgeAfterMs(at)
    this.#cancelHedge = clock.after(afterMs, () => this.#lookAt(at, sign, afterMs))
    this.#attempt(at, this.#stop.signal, sign).then(
      (value) => this.#onSuccess(at, value),
      (error: unknown) => this.#onFailure(at, error),
    )
  }

  /** Of the attempt that began last: the one before it has company already. */
  #lookAt(at: NodeId, sign: LifeSign, afterMs: number): void {
    if (this.#running >= ATTEMPTS_MAX || this.#candidates.length === 0) return
    const leftMs = Math.ceil(afterMs - sign.silentMs)
    if (leftMs <= 0 && this.#options.mayHedge()) {
      this.#options.onSilent(at)
      return this.#startNext()
    }
    const againMs = leftMs > 0 ? leftMs : afterMs
    this.#cancelHedge = this.#options.clock.after(againMs, () => this.#lookAt(at, sign, afterMs))
  }

  #onSuccess(by: NodeId, value: T): void {
    this.#running--
    if (this.#settled) this.#options.discard(value)
    else this.#end(() => this.#resolve({ won: true, value, by }))
  }

  #onFailure(at: NodeId, error: unknown): void {
    this.#running--
    if (this.#settled) return
    this.#failures.push({ at, error })
    this.#startNext()
  }

  #end(settle: () => void): void {
    this.#settled = true
    this.#cancelHedge()
    settle()
    this.#stop.abort(new Error('another holder was faster, or nobody waits any more'))
  }
}
