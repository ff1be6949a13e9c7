/** Bounded concurrency for work that waits its turn: first come, first served, each wait abortable. */
export class Semaphore {
  readonly #waiters: (() => void)[] = []
  #free: number

  constructor(permits: number) {
    this.#free = permits
  }

  /** How many wait for a permit. */
  get waiting(): number {
    return this.#waiters.length
  }

  /** Resolves with the function that gives the permit back (once); rejects with the signal's reason. */
  async acquire(signal?: AbortSignal): Promise<() => void> {
    signal?.throwIfAborted()
    if (this.#free > 0) this.#free--
    else await this.#wait(signal)
    return this.#permit()
  }

  /** As `acquire`, without waiting; null: there is none now. */
  tryAcquire(): (() => void) | null {
    if (this.#free === 0) return null
    this.#free--
    return this.#permit()
  }

  #permit(): () => void {
    let held = true
    return () => {
      if (!held) return
      held = false
      const next = this.#waiters.shift()
      if (next) next()
      else this.#free++
    }
  }

  #wait(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        this.#waiters.splice(this.#waiters.indexOf(proceed), 1)
        reject(signal?.reason as Error)
      }
      const proceed = () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#waiters.push(proceed)
    })
  }
}
