/**
 * The base of the background loops: one unit of work at a time, a pause in between, errors that are noted and never end
 * the loop. Work comes by `nudge()` or by timer.
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

export interface LoopState {
  name: string
  state: 'busy' | 'idle' | 'failed' | 'stopped'
  runs: number
  lastError: string | null
}

export class Loop {
  readonly #components: LoopComponents
  readonly #options: LoopOptions
  readonly #runOnce: (signal: AbortSignal) => Promise<void>
  readonly #stopping = new AbortController()
  #state: LoopState['state'] = 'stopped'
  #runs = 0
  #lastError: string | null = null
  #wake: (() => void) | null = null
  #isNudged = false
  #running: Promise<void> = Promise.resolve()

  constructor(
    components: LoopComponents,
    options: LoopOptions,
    runOnce: (signal: AbortSignal) => Promise<void>,
  ) {
    this.#components = components
    this.#options = options
    this.#runOnce = runOnce
  }

  start(): void {
    this.#running = this.#runForever()
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error(`the loop ${this.#options.name} stops`))
    this.#wake?.()
    await this.#running
  }

  /** There is news: run soon, and once more if it is running now. */
  nudge(): void {
    this.#isNudged = true
    this.#wake?.()
  }

  describe(): LoopState {
    return { name: this.#options.name, state: this.#state, runs: this.#runs, lastError: this.#lastError }
  }

  async #runForever(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      this.#isNudged = false
      this.#state = 'busy'
      const pauseMs = await this.#runNoted(signal)
      this.#runs++
      await this.#pause(pauseMs)
    }
    this.#state = 'stopped'
  }

  /** Answers how long to pause. */
  async #runNoted(signal: AbortSignal): Promise<number> {
    const { name, everyMs, retryMs } = this.#options
    try {
      await this.#runOnce(signal)
      this.#state = 'idle'
      this.#lastError = null
      return everyMs
    } catch (error) {
      if (signal.aborted) return 0
      this.#state = 'failed'
      this.#lastError = error instanceof Error ? error.message : String(error)
      this.#components.log.warn({ loop: name, error: this.#lastError }, 'a run of a background loop failed')
      return retryMs
    }
  }

  /** Until the time is over, news come or the loop stops. After a failure only news that come from now on count. */
  async #pause(pauseMs: number): Promise<void> {
    if (this.#stopping.signal.aborted || (this.#isNudged && this.#state !== 'failed')) return
    await new Promise<void>((resolve) => {
      const cancel = this.#components.clock.after(pauseMs, resolve)
      this.#wake = () => {
        cancel()
        resolve()
      }
    })
    this.#wake = null
  }
}
