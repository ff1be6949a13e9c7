/** A body cut into parts as it comes, none of which is larger than it may be. */

export class BodyParts {
  readonly #iterator: AsyncIterator<Uint8Array>
  /** What came and was not taken yet. */
  #rest: Uint8Array = new Uint8Array(0)
  #isOver = false

  constructor(body: AsyncIterable<Uint8Array>) {
    this.#iterator = body[Symbol.asyncIterator]()
  }

  /** Waits for more bytes. Answers whether there are any. */
  async hasMore(): Promise<boolean> {
    while (this.#rest.length === 0 && !this.#isOver) {
      const next = await this.#iterator.next()
      if (next.done) this.#isOver = true
      else this.#rest = next.value
    }
    return this.#rest.length > 0
  }

  /** The next part, as it comes. The part before must have been read to its end. */
  async *take(bytesMax: number): AsyncGenerator<Uint8Array> {
    for (let left = bytesMax; left > 0 && (await this.hasMore());) {
      const piece = this.#rest.subarray(0, left)
      this.#rest = this.#rest.subarray(piece.length)
      left -= piece.length
      yield piece
    }
  }

  /** The next part in memory of its own; empty: there is none. */
  async collect(bytesMax: number): Promise<Buffer> {
    const pieces: Uint8Array[] = []
    for await (const piece of this.take(bytesMax)) pieces.push(Buffer.from(piece))
    return Buffer.concat(pieces)
  }

  /** Whoever stops before the end owes it. */
  async close(): Promise<void> {
    await this.#iterator.return?.()
  }
}

/**
 * Bytes of the part with this index: `baseBytes`, and so much more after each `growEvery` parts. How many parts an object
 * may have is limited, and what comes is not always announced: parts that grow have room for it, and small objects small parts.
 */
export function partBytes(index: number, baseBytes: number, growEvery: number): number {
  return baseBytes * (1 + Math.floor(index / growEvery))
}
