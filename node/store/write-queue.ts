/**
 * Group commit: one batch is under way; what is asked for meanwhile goes into the next one together, so many writers
 * share one sync. Order is kept: a write never lands before one that was asked for earlier.
 */
import { ClusterError } from '../../cluster/errors.ts'
import type { Operation } from './database.ts'

export interface WriteOptions {
  /** False: may be lost by a power cut (not by the end of the process). Default true. */
  sync?: boolean
}

/** Writes a batch, whole or not at all. */
export type BatchWriter = (operations: Operation[], sync: boolean) => Promise<void>

/** A group above this size waits for the next batch: one batch must not hold up the others for long. */
const BATCH_BYTES_MAX = 8 * 1024 * 1024
/** What may wait. Callers have bounds of their own; this one keeps their mistakes from filling the memory. */
const QUEUED_BYTES_MAX = 64 * 1024 * 1024

interface QueuedWrite {
  operations: readonly Operation[]
  sync: boolean
  sizeBytes: number
  resolve(): void
  reject(error: Error): void
}

export class WriteQueue {
  readonly #writeBatch: BatchWriter
  #queue: QueuedWrite[] = []
  #queuedBytes = 0
  #draining: Promise<void> | null = null
  #failure: ClusterError | null = null
  #isClosed = false

  constructor(writeBatch: BatchWriter) {
    this.#writeBatch = writeBatch
  }

  get failure(): ClusterError | null {
    return this.#failure
  }

  /** Throws what `write` would reject with now. */
  assertWritable(): void {
    if (this.#failure) throw notWritable(this.#failure)
    if (this.#isClosed) throw new ClusterError('STOPPING', 'the database is closed')
    if (this.#queuedBytes >= QUEUED_BYTES_MAX)
      throw new ClusterError('PEER_BUSY', `more than ${QUEUED_BYTES_MAX} bytes wait to be written`)
  }

  /** Rejects with STORE_NOT_WRITABLE, PEER_BUSY, STOPPING. */
  async write(operations: readonly Operation[], { sync = true }: WriteOptions = {}): Promise<void> {
    this.assertWritable()
    if (operations.length === 0) return
    const sizeBytes = operations.reduce((sum, operation) => sum + sizeOf(operation), 0)
    this.#queuedBytes += sizeBytes
    const done = new Promise<void>((resolve, reject) => {
      this.#queue.push({ operations, sync, sizeBytes, resolve, reject })
    })
    this.#draining ??= this.#drain()
    await done
  }

  /** Refuses further writes and resolves when those taken have ended. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#draining
  }

  async #drain(): Promise<void> {
    // A turn of grace: writes of one turn share the first batch too.
    await null
    while (this.#queue.length > 0) await this.#writeGroup(this.#takeGroup())
    this.#draining = null
  }

  #takeGroup(): QueuedWrite[] {
    let sizeBytes = 0
    let count = 0
    for (const { sizeBytes: next } of this.#queue) {
      if (count > 0 && sizeBytes + next > BATCH_BYTES_MAX) break
      sizeBytes += next
      count++
    }
    return this.#queue.splice(0, count)
  }

  async #writeGroup(group: QueuedWrite[]): Promise<void> {
    try {
      await this.#writeBatch(
        group.flatMap(({ operations }) => operations),
        group.some(({ sync }) => sync),
      )
    } catch (error) {
      this.#fail(group, error)
      return
    }
    for (const write of group) {
      this.#queuedBytes -= write.sizeBytes
      write.resolve()
    }
  }

  #fail(group: QueuedWrite[], cause: unknown): void {
    const why = cause instanceof Error ? cause.message : String(cause)
    this.#failure = new ClusterError('STORE_NOT_WRITABLE', `a write to the database failed: ${why}`, {}, cause)
    const refused = [...group, ...this.#queue.splice(0)]
    this.#queuedBytes = 0
    for (const write of refused) write.reject(notWritable(this.#failure))
  }
}

function notWritable(first: ClusterError): ClusterError {
  const message = `${first.message}; nothing is written until the store was closed and opened again`
  return new ClusterError('STORE_NOT_WRITABLE', message, {}, first)
}

function sizeOf(operation: Operation): number {
  return operation.key.length + (operation.type === 'put' ? operation.value.length : 0)
}
