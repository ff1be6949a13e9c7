/**
 * The rows that were read or written last, so that what is asked for again and again is neither looked up nor checked nor
 * decoded each time. Bounded by bytes; the one that was used longest ago goes first.
 */

/** What a row takes beside its value, roughly. */
const ROW_OVERHEAD_BYTES = 256

export class RowCache<V> {
  readonly #bytesMax: number
  readonly #sizeOf: (value: V) => number
  /** In the order of use: a Map keeps the order in which keys came. */
  readonly #rows = new Map<string, V>()
  #bytes = 0

  constructor(bytesMax: number, sizeOf: (value: V) => number) {
    this.#bytesMax = bytesMax
    this.#sizeOf = sizeOf
  }

  get bytes(): number {
    return this.#bytes
  }

  get(key: string): V | undefined {
    const value = this.#rows.get(key)
    if (value === undefined) return undefined
    this.#rows.delete(key)
    this.#rows.set(key, value)
    return value
  }

  put(key: string, value: V): void {
    this.delete(key)
    this.#rows.set(key, value)
    this.#bytes += this.#cost(value)
    for (const oldest of this.#rows.keys()) {
      if (this.#bytes <= this.#bytesMax) return
      this.delete(oldest)
    }
  }

  delete(key: string): void {
    const value = this.#rows.get(key)
    if (value === undefined) return
    this.#rows.delete(key)
    this.#bytes -= this.#cost(value)
  }

  clear(): void {
    this.#rows.clear()
    this.#bytes = 0
  }

  #cost(value: V): number {
    return ROW_OVERHEAD_BYTES + this.#sizeOf(value)
  }
}
