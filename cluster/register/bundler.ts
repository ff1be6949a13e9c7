/**
 * Bundles what is to be told to one peer: at most one bundle is under way, and whatever comes meanwhile goes together in
 * the next. Alone, an item waits for nothing; under load the bundles grow by themselves.
 */

export interface BundlerLimits<T> {
  /** In the unit of the two limits. */
  weightOf: (item: T) => number
  /** Of one bundle; an item above it travels alone. */
  bundleMax: number
  /** Of all items that wait. */
  waitingMax: number
}

export class Bundler<T> {
  readonly #send: (items: T[]) => Promise<void>
  readonly #limits: BundlerLimits<T>
  readonly #waiting: T[] = []
  #waitingWeight = 0
  #isSending = false

  /** `send` must not reject. */
  constructor(send: (items: T[]) => Promise<void>, limits: BundlerLimits<T>) {
    this.#send = send
    this.#limits = limits
  }

  /** False when too much waits already: the item was not taken. */
  add(item: T): boolean {
    if (this.#waitingWeight >= this.#limits.waitingMax) return false
    this.#waiting.push(item)
    this.#waitingWeight += this.#limits.weightOf(item)
    if (!this.#isSending) void this.#drain()
    return true
  }

  async #drain(): Promise<void> {
    this.#isSending = true
    try {
      while (this.#waiting.length > 0) await this.#send(this.#takeBundle())
    } finally {
      this.#isSending = false
    }
  }

  #takeBundle(): T[] {
    const { weightOf, bundleMax } = this.#limits
    let weight = 0
    let count = 0
    for (const item of this.#waiting) {
      if (count > 0 && weight + weightOf(item) > bundleMax) break
      weight += weightOf(item)
      count++
    }
    this.#waitingWeight -= weight
    return this.#waiting.splice(0, count)
  }
}
