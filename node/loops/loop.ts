/**
 * The base of the background loops: one unit of work at a time, a pause in between, errors that are noted and never end
 * the loop. Work comes by `nudge()` or by timer. Operators see each loop and can pause it (architecture §6).
 */
import type { Clock, Log } from '../../cluster/runtime.ts'

export interface LoopComponents {
  clock: Clock
  log: Log
}

export interface LoopOptions {
  name: string
  /** Runs at least this often. */
  everyMs: number
  /** After a failed run. */
  retryMs: number
}

/** What a run answers: nothing when all is done, or that there is more to do after a rest. */
export type RunResult = void | { restMs: number }

/** How fast a loop works; only some have one. */
export interface LoopRate {
  unit: string
  /** In force now, units a second. */
  perSecond: number
  /** Set by an operator; null: the loop finds its own. */
  fixed: number | null
}

/** What the owner of a loop lets operators see and set beyond what every loop has. */
export interface LoopExtras {
  queue?: () => { depth: number; oldestAgeMs: number }
  progress?: () => Readonly<Record<string, unknown>>
  /** Whether the run under way rests for the sake of others. */
  isResting?: () => boolean
  rate?: { describe: () => LoopRate; fix: (perSecond: number | null) => void }
}

export interface LoopState {
  name: string
  /**
   * throttled: there is more to do, and it rests for the sake of others. paused: by an operator, until resumed or until the
   * node starts again.
   */
  state: 'busy' | 'throttled' | 'idle' | 'paused' | 'failed' | 'stopped'
  runs: number
  /** ISO time at which the latest run began; null before the first. */
  lastRunAt: string | null
  /** Of the latest run, null when it went well. */
  lastError: string | null
  queue: { depth: number; oldestAgeMs: number } | null
  rate: LoopRate | null
  progress: Readonly<Record<string, unknown>> | null
}

export class Loop {
  readonly #components: LoopComponents
  readonly #options: LoopOptions
  readonly #runOnce: (signal: AbortSignal) => Promise<RunResult>
  readonly #extras: LoopExtras
  #state: Exclude<LoopState['state'], 'paused'> = 'stopped'
  #runs = 0
  #lastRunMs: number | null = null
  #lastError: string | null = null
  #wake: (() => void) | null = null
  #isNudged = false
  #isHurried = false
  #isPaused = false
  #isStopping = false
  /** Of the run under way. */
  #abort = new AbortController()
  #running: Promise<void> = Promise.resolve()

  constructor(
    components: LoopComponents,
    options: LoopOptions,
    runOnce: (signal: AbortSignal) => Promise<RunResult>,
    extras: LoopExtras = {},
  ) {
    this.#components = components
    this.#options = options
    this.#runOnce = runOnce
    this.#extras = extras
  }

  get name(): string {
    return this.#options.name
  }

  /** What an operator may set of its speed; undefined when it has none. */
  get rate(): LoopExtras['rate'] {
    return this.#extras.rate
  }

  start(): void {
    this.#running = this.#runForever()
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    this.#interrupt('stops')
    await this.#running
  }

  /** Ends the run under way where it can be interrupted, and starts no other until `resume`. */
  pause(): void {
    this.#isPaused = true
    this.#interrupt('was paused')
  }

  /** Runs at once. */
  resume(): void {
    this.#isPaused = false
    this.#wake?.()
  }

  /** There is news: run soon, and once more if it is running now. A rest that spares others is not cut short. */
  nudge(): void {
    this.#isNudged = true
    if (this.#state !== 'throttled') this.#wake?.()
  }

  /** Ends a rest or a pause between runs: what it was reckoned from has changed. */
  hurry(): void {
    this.#isHurried = true
    this.#wake?.()
  }

  describe(): LoopState {
    const { queue, rate, progress } = this.#extras
    return {
      name: this.name,
      state: this.#describeState(),
      runs: this.#runs,
      lastRunAt: this.#lastRunMs === null ? null : new Date(this.#lastRunMs).toISOString(),
      lastError: this.#lastError,
      queue: queue?.() ?? null,
      rate: rate?.describe() ?? null,
      progress: progress?.() ?? null,
    }
  }

  #describeState(): LoopState['state'] {
    if (this.#isPaused && this.#state !== 'stopped') return 'paused'
    return this.#state === 'busy' && this.#extras.isResting?.() ? 'throttled' : this.#state
  }

  #interrupt(why: string): void {
    this.#abort.abort(new Error(`the loop ${this.name} ${why}`))
    this.#wake?.()
  }

  async #runForever(): Promise<void> {
    while (!this.#isStopping) {
      if (this.#isPaused) await this.#rest(null)
      else await this.#rest(await this.#run())
    }
    this.#state = 'stopped'
  }

  /** Answers how long to rest, ms. */
  async #run(): Promise<number> {
    this.#abort = new AbortController()
    this.#isNudged = false
    this.#isHurried = false
    this.#state = 'busy'
    this.#lastRunMs = this.#components.clock.wallMs()
    const restMs = await this.#runNoted(this.#abort.signal)
    this.#runs++
    return restMs
  }

  async #runNoted(signal: AbortSignal): Promise<number> {
    const { name, everyMs, retryMs } = this.#options
    try {
      const more = await this.#runOnce(signal)
      this.#state = more ? 'throttled' : 'idle'
      this.#lastError = null
      return more?.restMs ?? everyMs
    } catch (error) {
      this.#state = signal.aborted ? 'idle' : 'failed'
      if (signal.aborted) return 0
      this.#lastError = error instanceof Error ? error.message : String(error)
      this.#components.log.warn({ loop: name, error: this.#lastError }, 'a run of a background loop failed')
      return retryMs
    }
  }

  /**
   * Until the time is over (null: for ever), news come or the loop stops. After a failure only news that come from now on
   * count.
   */
  async #rest(restMs: number | null): Promise<void> {
    const isAwaited = this.#isHurried || (this.#isNudged && this.#state === 'idle')
    if (this.#isStopping || (restMs !== null && isAwaited)) return
    await new Promise<void>((resolve) => {
      const cancel = restMs === null ? () => {} : this.#components.clock.after(restMs, resolve)
      this.#wake = () => {
        cancel()
        resolve()
      }
    })
    this.#wake = null
  }
}
