/** Counts what one part of the store has given to its disk, and what has come back: a disk that hangs tells no error. */
export class Pulse {
  #underWay = 0
  #beats = 0

  /** Whether something was given to the disk that has not ended. */
  get isBusy(): boolean {
    return this.#underWay > 0
  }

  /** Grows with each piece of work that ends, and when the first one begins. */
  get beats(): number {
    return this.#beats
  }

  async of<T>(work: Promise<T>): Promise<T> {
    if (this.#underWay++ === 0) this.#beats++
    try {
      return await work
    } finally {
      this.#underWay--
      this.#beats++
    }
  }
}
