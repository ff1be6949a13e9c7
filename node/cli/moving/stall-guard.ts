/** Ends a transfer in which nothing moves any more: the other side hangs, or the network swallows what is sent. */

/** Longer than a cluster waits for a node that hangs, or a disk that is busy for others. */
const STALL_MS_MAX = 120_000

export class StallGuard {
  readonly #controller = new AbortController()
  #timer: NodeJS.Timeout
  #rests = false

  constructor() {
    this.#timer = this.#start()
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Something has moved. */
  noteLife(): void {
    if (this.#rests) this.#timer = this.#start()
    else this.#timer.refresh()
    this.#rests = false
  }

  /** Until there is life again it is for others to watch. */
  rest(): void {
    clearTimeout(this.#timer)
    this.#rests = true
  }

  end(): void {
    clearTimeout(this.#timer)
  }

  #start(): NodeJS.Timeout {
    const message = `nothing has moved for ${STALL_MS_MAX / 1000} s`
    return setTimeout(() => this.#controller.abort(new Error(message)), STALL_MS_MAX)
  }
}
