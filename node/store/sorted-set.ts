/**
 * An ordered set in memory, kept in blocks: one array would move half of itself with every insertion, which at 100 000
 * items takes longer than the rest of a write. Adding and removing cost the logarithm of the size and half a block.
 */

/** Items of a block at the most. Above it, a block is cut in two. */
const BLOCK_ITEMS_MAX = 512

export class SortedSet<T> {
  readonly #compare: (a: T, b: T) => number
  /** None is empty. */
  readonly #blocks: T[][] = []
  #size = 0

  /** `compare` must order any two items, and tell 0 only for what counts as the same. */
  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare
  }

  get size(): number {
    return this.#size
  }

  /** Nothing changes when it is there already. */
  add(item: T): void {
    const at = this.#blockOf(item)
    const block = this.#blocks[at]
    if (!block) {
      this.#append(item)
      return
    }
    const index = this.#lowerBound(block, item)
    const found = block[index]
    if (index < block.length && this.#compare(found as T, item) === 0) return
    block.splice(index, 0, item)
    this.#size++
    if (block.length > BLOCK_ITEMS_MAX) this.#blocks.splice(at + 1, 0, block.splice(BLOCK_ITEMS_MAX >>> 1))
  }

  delete(item: T): void {
    const at = this.#blockOf(item)
    const block = this.#blocks[at]
    if (!block) return
    const index = this.#lowerBound(block, item)
    if (index === block.length || this.#compare(block[index] as T, item) !== 0) return
    block.splice(index, 1)
    this.#size--
    if (block.length === 0) this.#blocks.splice(at, 1)
  }

  /** How many items are below `item`. */
  rank(item: T): number {
    const at = this.#blockOf(item)
    let rank = 0
    for (let i = 0; i < at; i++) rank += (this.#blocks[i] as T[]).length
    const block = this.#blocks[at]
    return block ? rank + this.#lowerBound(block, item) : rank
  }

  /** All from `from` on, itself included, in order. The set must not change meanwhile. */
  *upFrom(from: T): Generator<T> {
    const at = this.#blockOf(from)
    const block = this.#blocks[at]
    if (!block) return
    for (let i = this.#lowerBound(block, from); i < block.length; i++) yield block[i] as T
    for (let b = at + 1; b < this.#blocks.length; b++) yield* this.#blocks[b] as T[]
  }

  /** All below `below`, the greatest first. The set must not change meanwhile. */
  *downFrom(below: T): Generator<T> {
    const at = this.#blockOf(below)
    const block = this.#blocks[at]
    const from = block ? this.#lowerBound(block, below) : 0
    for (let i = from - 1; i >= 0; i--) yield (block as T[])[i] as T
    for (let b = at - 1; b >= 0; b--) {
      const whole = this.#blocks[b] as T[]
      for (let i = whole.length - 1; i >= 0; i--) yield whole[i] as T
    }
  }

  /** All, the least first. The set must not change meanwhile. */
  *up(): Generator<T> {
    for (const block of this.#blocks) yield* block
  }

  /** All, the greatest first. The set must not change meanwhile. */
  *down(): Generator<T> {
    for (let b = this.#blocks.length - 1; b >= 0; b--) {
      const block = this.#blocks[b] as T[]
      for (let i = block.length - 1; i >= 0; i--) yield block[i] as T
    }
  }

  /** Index of the first block that does not end below `item`; the number of blocks when all do. */
  #blockOf(item: T): number {
    let low = 0
    let high = this.#blocks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const block = this.#blocks[middle] as T[]
      if (this.#compare(block[block.length - 1] as T, item) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Index of the first item that is not below `item`. */
  #lowerBound(block: readonly T[], item: T): number {
    let low = 0
    let high = block.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#compare(block[middle] as T, item) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Full blocks stay full: what comes in order, as at start, fills them without cutting. */
  #append(item: T): void {
    const last = this.#blocks.at(-1)
    if (last && last.length < BLOCK_ITEMS_MAX) last.push(item)
    else this.#blocks.push([item])
    this.#size++
  }
}
