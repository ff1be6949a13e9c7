/** How fast the auditor may go: a budget of bytes that fills with time. */
import type { Clock } from '../../cluster/runtime.ts'

export interface AuditPaceOptions {
  /** Within which every chunk is to be read. */
  periodMs: number
  /** Whatever the period demands. */
  bytesPerSecondMax: number
}

/** What is left to do: so many bytes, by this wall time. */
export interface WorkLeft {
  bytes: number
  untilMs: number
}

/** A chunk each 17 minutes, when next to nothing is stored. */
const BYTES_PER_SECOND_MIN = 4096
/** What was not used within a second is lost: after a rest there is no rush. */
const SAVED_SECONDS_MAX = 1
/** A small chunk costs a seek, too. */
const CHUNK_COST_BYTES_MIN = 4096

export class AuditPace {
  readonly #clock: Clock
  readonly #options: AuditPaceOptions
  #fixed: number | null = null
  /** Below 0: spent before it was there. */
  #budgetBytes = 0
  /** Monotonic. */
  #filledMs: number

  constructor(clock: Clock, options: AuditPaceOptions) {
    this.#clock = clock
    this.#options = options
    this.#filledMs = clock.monotonicMs()
  }

  /** Bytes a second that an operator wants instead of what follows from the period; null: none. */
  get fixed(): number | null {
    return this.#fixed
  }

  fix(bytesPerSecond: number | null): void {
    this.#fixed = bytesPerSecond
    this.#budgetBytes = 0
  }

  bytesPerSecond({ bytes, untilMs }: WorkLeft): number {
    if (this.#fixed !== null) return this.#fixed
    const { periodMs, bytesPerSecondMax } = this.#options
    // A wall clock that was put back must not make it dawdle.
    const leftSeconds = Math.max(0, Math.min(periodMs, untilMs - this.#clock.wallMs())) / 1000
    const needed = leftSeconds === 0 ? Infinity : bytes / leftSeconds
    return Math.min(bytesPerSecondMax, Math.max(BYTES_PER_SECOND_MIN, needed))
  }

  /** Whether the next chunk may be read now. */
  mayGo(left: WorkLeft): boolean {
    const rate = this.bytesPerSecond(left)
    const nowMs = this.#clock.monotonicMs()
    const filled = this.#budgetBytes + (rate * (nowMs - this.#filledMs)) / 1000
    this.#budgetBytes = Math.min(filled, rate * SAVED_SECONDS_MAX)
    this.#filledMs = nowMs
    return this.#budgetBytes >= 0
  }

  spend(bytes: number): void {
    this.#budgetBytes -= Math.max(bytes, CHUNK_COST_BYTES_MIN)
  }

  /** Until the next chunk may be read, at the rate of now. */
  restMs(left: WorkLeft): number {
    return Math.max(0, (-this.#budgetBytes / this.bytesPerSecond(left)) * 1000)
  }
}
