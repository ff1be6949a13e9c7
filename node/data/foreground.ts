/** Whether clients are being served at the moment: what a node does for itself then steps back. */
import type { Clock } from '../../cluster/runtime.ts'

/** A client that has just asked will soon ask again. */
const REQUEST_LINGERS_MS = 1000
/** Load balancers and monitors ask these all the time, and nobody waits for the answer. */
const PROBED_PATHS = ['/', '/healthcheck', '/ready', '/ready/read']

export class Foreground {
  readonly #clock: Clock
  readonly #streams: (() => boolean)[] = []
  /** Monotonic. */
  #lastRequestMs = -Infinity

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Of something that moves bytes for clients. */
  watch(isStreaming: () => boolean): void {
    this.#streams.push(isStreaming)
  }

  noteRequest(path: string): void {
    if (!PROBED_PATHS.includes(path)) this.#lastRequestMs = this.#clock.monotonicMs()
  }

  get isBusy(): boolean {
    const sinceMs = this.#clock.monotonicMs() - this.#lastRequestMs
    return sinceMs < REQUEST_LINGERS_MS || this.#streams.some((isStreaming) => isStreaming())
  }
}
