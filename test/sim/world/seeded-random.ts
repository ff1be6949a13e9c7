/** Chance from a seed. Every part of the world draws from a stream of its own, so that taking one event out of a schedule disturbs the others little. */
import type { Random } from '../../../cluster/runtime.ts'

const GOLDEN = 0x6d2b79f5
const UINT32 = 4294967296

/** mulberry32: small, fast and good enough to choose faults. */
export class SeededRandom implements Random {
  readonly #seed: number
  #state: number

  constructor(seed: number) {
    this.#seed = seed >>> 0
    this.#state = this.#seed
  }

  /** Uniform in [0, 1). */
  float(): number {
    this.#state = (this.#state + GOLDEN) >>> 0
    let t = this.#state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / UINT32
  }

  /** A whole number in [0, limit). */
  below(limit: number): number {
    return Math.floor(this.float() * limit)
  }

  between(low: number, high: number): number {
    return low + this.float() * (high - low)
  }

  chance(odds: number): boolean {
    return this.float() < odds
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)]
    if (item === undefined) throw new RangeError('there is nothing to pick from')
    return item
  }

  shuffled<T>(items: readonly T[]): T[] {
    const left = [...items]
    return items.map(() => left.splice(this.below(left.length), 1)[0] as T)
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.below(256))
  }

  /** A stream that depends on the seed and the name only, not on what was drawn before. */
  fork(name: string): SeededRandom {
    let hash = this.#seed ^ 0x811c9dc5
    for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 16777619)
    return new SeededRandom(Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) ^ (hash >>> 13))
  }
}
