/**
 * Bounds the bytes of images that are copied to or from sockets in one turn of the event loop. A write copies into the kernel
 * on the spot, a chunk of 4 MiB in about a millisecond: sixteen readers that get the same chunk at the same moment would
 * otherwise hold up every other request until 64 MiB are copied. Of each upload libuv reads up to 2 MiB in a turn, if it is let.
 *
 * Where the cores are busy with other processes this counts several times: a long turn is interrupted for each of them, again
 * and again, before it is over.
 */

/** Long enough to fill the sockets of a few readers, short beside what a request takes. */
const TURN_MS = 4

export class LoopTurn {
  readonly #monotonicMs: () => number
  #endsMs = 0
  /** Resolves in the next turn; null before the first copy of a turn. */
  #next: Promise<void> | null = null

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs
  }

  /** Whether others must have their turn before anybody goes on: then `pause`, and ask again. */
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
