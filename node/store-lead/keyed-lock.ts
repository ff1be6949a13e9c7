/** One holder per key at a time, in the order of asking. The hash lock of architecture §4 is one of these. */
export class KeyedLock {
  readonly #tails = new Map<string, Promise<void>>()

  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key)
    let release!: () => void
    const mine = new Promise<void>((resolve) => (release = resolve))
    this.#tails.set(key, mine)
    await before
    try {
      return await work()
    } finally {
      release()
      if (this.#tails.get(key) === mine) this.#tails.delete(key)
    }
  }
}
