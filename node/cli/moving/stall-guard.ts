/** Ends a transfer in which nothing moves any more: the other side hangs, or the network swallows what is sent. */

/** Longer than a cluster waits for a node that hangs, or a disk that is busy for others. */
const STALL_MS_MAX = 120_000

export class StallGuard {
  readonly #controller = new AbortController()
  #timer: NodeJS.Timeout

  constructor() {
    this.#timer = this.#start()
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Something has moved. */
  noteLife(): void {
    this.#timer.refresh()
  }

  end(): void {
    clearTimeout(this.#timer)
  }

  #start(): NodeJS.Timeout {
    const message = `nothing has moved for ${STALL_MS_MAX / 1000} s`
    return setTimeout(() => this.#controller.abort(new Error(message)), STALL_MS_MAX)
  }
}
