/** A budget of bytes that fills with time. More may be spent than is there: then the next must wait. */
import type { Clock } from '../../cluster/runtime.ts'

/** What was not used within a second is lost: after a rest there is no rush. */
const SAVED_SECONDS_MAX = 1

export class ByteBudget {
  readonly #clock: Clock
  /** Below 0: spent before it was there. */
  #bytes = 0
  /** Monotonic. */
  #filledMs: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#filledMs = clock.monotonicMs()
  }

  /** Whole milliseconds until something may be spent, at this many bytes a second; 0: now. */
  waitMs(bytesPerSecond: number): number {
    const nowMs = this.#clock.monotonicMs()
    const filled = this.#bytes + (bytesPerSecond * (nowMs - this.#filledMs)) / 1000
    this.#bytes = Math.min(filled, bytesPerSecond * SAVED_SECONDS_MAX)
    this.#filledMs = nowMs
    return Math.max(0, Math.ceil((-this.#bytes / bytesPerSecond) * 1000))
  }

  spend(bytes: number): void {
    this.#bytes -= bytes
  }

  empty(): void {
    this.#bytes = 0
  }
}
