/**
 * Group commit: one flush at a time; whatever is added while one runs goes together into the next. A caller's promise
 * settles with the flush that carried its item, so one slow disk operation serves many callers.
 */
interface Waiting<T> {
  item: T
  resolve(): void
  reject(error: unknown): void
}

export class GroupCommit<T> {
  readonly #flush: (items: T[]) => Promise<void>
  #waiting: Waiting<T>[] = []
  #running: Promise<void> | null = null

  /** `flush` gets the items in the order of `add`. */
  constructor(flush: (items: T[]) => Promise<void>) {
    this.#flush = flush
  }

  /** Resolves when a flush that carried `item` has succeeded. */
  add(item: T): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject })
      this.#running ??= this.#run()
    })
  }

  /** Resolves when nothing is waiting or running. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running
  }

  async #run(): Promise<void> {
    // Let everything that this turn of the event loop adds join the first group.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const group = this.#waiting
      this.#waiting = []
      try {
        await this.#flush(group.map(({ item }) => item))
        for (const { resolve } of group) resolve()
      } catch (error) {
        for (const { reject } of group) reject(error)
      }
    }
    this.#running = null
  }
}
