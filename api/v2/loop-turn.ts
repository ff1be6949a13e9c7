/**
 * Bounds what is handed to sockets in one turn of the event loop. A write copies into the kernel on the spot, a chunk of 4 MiB in
 * about a millisecond: sixteen readers that get the same chunk at the same moment would otherwise hold up every other request
 * until 64 MiB are copied.
 */

/** Long enough to fill the sockets of a few readers, short beside what a request takes. */
const TURN_MS = 4

export class LoopTurn {
  readonly #monotonicMs: () => number
  #endsMs = 0
  /** Resolves in the next turn; null before the first writer of a turn. */
  #next: Promise<void> | null = null

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs
  }

  /** Whether others must have their turn before anybody writes on: then `pause`, and ask again. */
  isOver(): boolean {
    this.#next ??= this.#begin()
    return this.#monotonicMs() >= this.#endsMs
  }

  /** Resolves in the next turn; those who wait go on in the order of their coming. */
  async pause(): Promise<void> {
    await this.#next
  }

  #begin(): Promise<void> {
    this.#endsMs = this.#monotonicMs() + TURN_MS
    return new Promise((resolve) =>
      setImmediate(() => {
        this.#next = null
        resolve()
      }),
    )
  }
}
