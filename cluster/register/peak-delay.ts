/**
 * How long answers have taken lately: the longest, halved with every second that has passed since. A slow answer counts at
 * once and is forgotten soon, so that whoever was slow is asked again (as the "peak EWMA" balancer of Finagle has it).
 */
import type { Clock } from '../runtime.ts'

const HALF_LIFE_MS = 1000

export class PeakDelay {
  readonly #clock: Clock
  #peakMs = 0
  /** Monotonic. */
  #notedMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** ms. */
  get value(): number {
    return this.#peakMs * 0.5 ** ((this.#clock.monotonicMs() - this.#notedMs) / HALF_LIFE_MS)
  }

  note(tookMs: number): void {
    this.#peakMs = Math.max(tookMs, this.value)
    this.#notedMs = this.#clock.monotonicMs()
  }
}
