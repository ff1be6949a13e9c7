/**
 * One holder per key at a time, in the order of asking. The hash lock is one of these: put, have, segment rewrite,
 * quarantine and delete of a chunk exclude each other.
 */
export class KeyedLock {
  readonly #tails = new Map<string, Promise<void>>()

  /** Runs `work` alone among those of its key; never two keys from one holder. */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key)
    const { promise, release } = turn()
    this.#tails.set(key, promise)
    await before
    try {
      return await work()
    } finally {
      release()
      if (this.#tails.get(key) === promise) this.#tails.delete(key)
    }
  }

  /** Resolves when nobody who asked for `key` before this call holds it any more. */
  async settled(key: string): Promise<void> {
    await this.#tails.get(key)
  }
}

function turn(): { promise: Promise<void>; release: () => void } {
  let release = () => {}
  const promise = new Promise<void>((resolve) => {
    release = resolve
  })
  return { promise, release }
}
