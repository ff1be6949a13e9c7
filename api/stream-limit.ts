/**
 * How many images may be sent and received at once. Each waits for slots of the node's byte budgets, of which there are a few
 * hundred: more streams than that only wait for each other, until their clients give up.
 */
import { ImageError } from '../node/errors.ts'

/** Some ten for each slot of the download budget (architecture §4, memory). */
export const STREAMS_MAX = 1000

export class StreamLimit {
  readonly #streamsMax: number
  #streams = 0

  constructor(streamsMax = STREAMS_MAX) {
    this.#streamsMax = streamsMax
  }

  get underWay(): number {
    return this.#streams
  }

  /** Runs `work` as one of the streams. Throws UNAVAILABLE when there are too many. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#streams >= this.#streamsMax) {
      const message = `This node has ${this.#streams} uploads and downloads under way. Please try again, or ask another node.`
      throw new ImageError('UNAVAILABLE', message)
    }
    this.#streams++
    try {
      return await work()
    } finally {
      this.#streams--
    }
  }
}
