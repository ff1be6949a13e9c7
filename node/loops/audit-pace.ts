/** How fast the auditor may go. */
import type { Clock } from '../../cluster/runtime.ts'
import { ByteBudget } from './byte-budget.ts'

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
/** A small chunk costs a seek, too. */
const CHUNK_COST_BYTES_MIN = 4096

export class AuditPace {
  readonly #clock: Clock
  readonly #options: AuditPaceOptions
  readonly #budget: ByteBudget
  #fixed: number | null = null

  constructor(clock: Clock, options: AuditPaceOptions) {
    this.#clock = clock
    this.#options = options
    this.#budget = new ByteBudget(clock)
  }

  /** Bytes a second that an operator wants instead of what follows from the period; null: none. */
  get fixed(): number | null {
    return this.#fixed
  }

  fix(bytesPerSecond: number | null): void {
    this.#fixed = bytesPerSecond
    this.#budget.empty()
  }

  bytesPerSecond({ bytes, untilMs }: WorkLeft): number {
    if (this.#fixed !== null) return this.#fixed
    const { periodMs, bytesPerSecondMax } = this.#options
    // A wall clock that was put back must not make it dawdle.
    const leftSeconds = Math.max(0, Math.min(periodMs, untilMs - this.#clock.wallMs())) / 1000
    const needed = leftSeconds === 0 ? Infinity : bytes / leftSeconds
    return Math.min(bytesPerSecondMax, Math.max(BYTES_PER_SECOND_MIN, needed))
  }

  spend(bytes: number): void {
    this.#budget.spend(Math.max(bytes, CHUNK_COST_BYTES_MIN))
  }

  /** Until the next chunk may be read, at the rate of now; 0: now. */
  restMs(left: WorkLeft): number {
    return this.#budget.waitMs(this.bytesPerSecond(left))
  }
}
