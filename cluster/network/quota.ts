/** Bounded concurrency with a bounded, first-come-first-served queue. */
import { ClusterError } from '../errors.ts'

export class Quota {
  readonly #inFlightMax: number
  readonly #queueMax: number
  readonly #queue: (() => void)[] = []
  #inFlight = 0

  constructor(inFlightMax: number, queueMax: number) {
    this.#inFlightMax = inFlightMax
    this.#queueMax = queueMax
  }

  get inFlight(): number {
    return this.#inFlight
  }

  get queued(): number {
    return this.#queue.length
  }

  /** Takes a place if there is room now; the caller then owes one `leave()`. */
  tryEnter(): boolean {
    if (this.#inFlight >= this.#inFlightMax) return false
    this.#inFlight++
    return true
  }

  /** Resolves once there is room; the caller then owes one `leave()`. Rejects with PEER_BUSY or the signal's reason. */
  async enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.tryEnter()) return
    if (this.#queue.length >= this.#queueMax) {
      throw new ClusterError('PEER_BUSY', 'too many requests to the peer wait already', {
        queueMax: this.#queueMax,
      })
    }
    await this.#wait(signal)
  }

  /** Hands the place to the next in the queue, or frees it. */
  leave(): void {
    const next = this.#queue.shift()
    if (next) next()
    else this.#inFlight--
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#queue.splice(this.#queue.indexOf(proceed), 1)
        reject(signal.reason as Error)
      }
      const proceed = () => {
        signal.removeEventListener('abort', onAbort)
        resolve()
      }
      signal.addEventListener('abort', onAbort, { once: true })
      this.#queue.push(proceed)
    })
  }
}
