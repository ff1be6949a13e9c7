/** What is to happen, by time; among equals, in the order of asking. A binary heap: a run has some ten thousand timers. */

export interface SimEvent {
  readonly atMs: number
  readonly order: number
  /** null: it was cancelled. */
  action: (() => void) | null
}

export class EventQueue {
  readonly #heap: SimEvent[] = []
  #order = 0

  get length(): number {
    return this.#heap.length
  }

  push(atMs: number, action: () => void): SimEvent {
    const event: SimEvent = { atMs, order: this.#order++, action }
    this.#heap.push(event)
    this.#rise(this.#heap.length - 1)
    return event
  }

  /** The next event that was not cancelled and is due by `untilMs`, or null. */
  popDue(untilMs: number): SimEvent | null {
    for (;;) {
      const first = this.#heap[0]
      if (!first || (first.action && first.atMs > untilMs)) return null
      this.#removeFirst()
      if (first.action) return first
    }
  }

  #removeFirst(): void {
    const last = this.#heap.pop()
    if (!last || this.#heap.length === 0) return
    this.#heap[0] = last
    this.#sink(0)
  }

  #rise(from: number): void {
    const heap = this.#heap
    const event = heap[from] as SimEvent
    let at = from
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(event, heap[parent] as SimEvent)) break
      heap[at] = heap[parent] as SimEvent
      at = parent
    }
    heap[at] = event
  }

  #sink(from: number): void {
    const heap = this.#heap
    const event = heap[from] as SimEvent
    let at = from
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      const right = child + 1
      if (right < heap.length && isBefore(heap[right] as SimEvent, heap[child] as SimEvent)) child = right
      if (!isBefore(heap[child] as SimEvent, event)) break
      heap[at] = heap[child] as SimEvent
      at = child
    }
    heap[at] = event
  }
}

function isBefore(a: SimEvent, b: SimEvent): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}
