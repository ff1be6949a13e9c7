/** A hash over everything that happened, in order: two runs of one seed must give the same. */

const PRIME = 16777619

export class Trace {
  readonly #bits = new DataView(new ArrayBuffer(8))
  #low = 0x811c9dc5
  #high = 0x1000193

  note(atMs: number, ...words: string[]): void {
    this.#bits.setFloat64(0, atMs)
    this.#mix(this.#bits.getUint32(0))
    this.#mix(this.#bits.getUint32(4))
    for (const word of words) {
      for (let i = 0; i < word.length; i++) this.#mix(word.charCodeAt(i))
      this.#mix(0x1f)
    }
  }

  /** 16 hex digits. */
  digest(): string {
    return [this.#high, this.#low].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('')
  }

  #mix(word: number): void {
    this.#low = Math.imul(this.#low ^ word, PRIME)
    this.#high = Math.imul(this.#high ^ (this.#low >>> 13) ^ word, 0x5bd1e995)
  }
}
