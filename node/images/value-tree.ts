/**
 * Values by the parts that they are made of. A tree of maps, and no text put together as a key: every image at every start
 * is looked up here twice, and its parts are mostly texts that were met, and hashed, before.
 */

interface Branch<Part, V> {
  value: V | undefined
  next: Map<Part, Branch<Part, V>> | null
}

export class ValueTree<Part, V> {
  readonly #root: Branch<Part, V> = { value: undefined, next: null }
  readonly #valuesMax: number
  #size = 0

  /** `valuesMax`: further ones are not kept. */
  constructor(valuesMax: number) {
    this.#valuesMax = valuesMax
  }

  /** The value kept for these very parts, in this order. */
  get(parts: readonly Part[]): V | undefined {
    let branch: Branch<Part, V> | undefined = this.#root
    for (const part of parts) {
      branch = branch.next?.get(part)
      if (!branch) return undefined
    }
    return branch.value
  }

  /** Keeps a value for parts that have none yet, as long as there is room. */
  put(parts: readonly Part[], value: V): void {
    if (this.#size >= this.#valuesMax) return
    this.#size++
    let branch = this.#root
    for (const part of parts) {
      branch.next ??= new Map()
      let next = branch.next.get(part)
      if (!next) branch.next.set(part, (next = { value: undefined, next: null }))
      branch = next
    }
    branch.value = value
  }
}
