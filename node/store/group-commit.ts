/**
 * Group commit: one flush is under way; what is asked for meanwhile goes together into the next one, so many callers
 * share one sync. Order is kept: an item is never flushed before one that came earlier.
 */
import { ClusterError } from '../../cluster/errors.ts'

/** A group above this size waits for the next flush: one must not hold up the others for long. */
const GROUP_BYTES_MAX = 8 * 1024 * 1024
/** What may wait. Callers have bounds of their own; this one keeps their mistakes from filling the memory. */
const QUEUED_BYTES_MAX = 64 * 1024 * 1024

interface Waiting<T> {
  item: T
  sizeBytes: number
  resolve: () => void
  reject: (error: Error) => void
}

export class GroupCommit<T> {
  readonly #flush: (items: T[]) => Promise<void>
  readonly #sizeOf: (item: T) => number
  readonly #waiting: Waiting<T>[] = []
  #waitingBytes = 0
  #draining: Promise<void> | null = null
  #isClosed = false

  /** `flush` gets items in the order of `add`; it is never called while it runs. */
  constructor(flush: (items: T[]) => Promise<void>, sizeOf: (item: T) => number) {
    this.#flush = flush
    this.#sizeOf = sizeOf
  }

  /** Settles with the flush that carries `item`. Rejects with PEER_BUSY, STOPPING, or with what the flush threw. */
  async add(item: T): Promise<void> {
    if (this.#isClosed) throw new ClusterError('STOPPING', 'the store is closing')
    if (this.#waitingBytes >= QUEUED_BYTES_MAX)
      throw new ClusterError('PEER_BUSY', `more than ${QUEUED_BYTES_MAX} bytes wait to be written`)
    const sizeBytes = this.#sizeOf(item)
    this.#waitingBytes += sizeBytes
    const done = new Promise<void>((resolve, reject) => {
      this.#waiting.push({ item, sizeBytes, resolve, reject })
    })
    this.#draining ??= this.#drain()
    await done
  }

  /** Refuses further items and resolves when those taken have ended. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#draining
  }

  async #drain(): Promise<void> {
    // Whatever this turn of the event loop still adds joins the first group.
    await Promise.resolve()
    while (this.#waiting.length > 0) await this.#flushGroup(this.#takeGroup())
    this.#draining = null
  }

  #takeGroup(): Waiting<T>[] {
    let sizeBytes = 0
    let count = 0
    for (const next of this.#waiting) {
      if (count > 0 && sizeBytes + next.sizeBytes > GROUP_BYTES_MAX) break
      sizeBytes += next.sizeBytes
      count++
    }
    this.#waitingBytes -= sizeBytes
    return this.#waiting.splice(0, count)
  }

  async #flushGroup(group: Waiting<T>[]): Promise<void> {
    try {
      await this.#flush(group.map(({ item }) => item))
      for (const { resolve } of group) resolve()
    } catch (error) {
      for (const { reject } of group) reject(error as Error)
    }
  }
}
