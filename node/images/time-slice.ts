/** Long work on the event loop, in slices: others have their turn in between. */

/** A slice takes this long. */
const SLICE_MS = 2
/** Steps between two looks at the clock: some 20 µs each time. */
const STEPS_PER_LOOK = 256

export class TimeSlice {
  readonly #monotonicMs: () => number
  #beganMs: number
  #steps = 0

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs
    this.#beganMs = monotonicMs()
  }

  /** Counts a step of the work; true when it is time to `pause`. */
  isOver(): boolean {
    return ++this.#steps % STEPS_PER_LOOK === 0 && this.#monotonicMs() - this.#beganMs > SLICE_MS
  }

  /** Resolves when the others have had their turn. */
  async pause(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    this.#beganMs = this.#monotonicMs()
  }
}
