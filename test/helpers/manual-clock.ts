/** Time that passes when the test says so. */
import type { Clock } from '../../cluster/runtime.ts'

interface Timer {
  atMs: number
  action: () => void
}

export class ManualClock implements Clock {
  /** What `wallMs` shows at the start; monotonic time starts at 0. */
  readonly #wallStartMs: number
  readonly #timers = new Set<Timer>()
  #nowMs = 0

  constructor(wallStart = '2026-01-01T00:00:00Z') {
    this.#wallStartMs = Date.parse(wallStart)
  }

  wallMs(): number {
    return this.#wallStartMs + this.#nowMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  /** How many actions wait for their time. */
  get pending(): number {
    return this.#timers.size
  }

  after(delayMs: number, action: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, action }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Lets time pass: what becomes due runs in order, and what it sets off without a timer runs too. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms
    for (;;) {
      await settled()
      const next = this.#earliest()
      if (!next || next.atMs > untilMs) break
      this.#timers.delete(next)
      this.#nowMs = next.atMs
      next.action()
    }
    this.#nowMs = untilMs
  }

  #earliest(): Timer | undefined {
    let earliest: Timer | undefined
    for (const timer of this.#timers) if (!earliest || timer.atMs < earliest.atMs) earliest = timer
    return earliest
  }
}

/** Resolves when every promise that waits for nothing outside has run. */
export function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
