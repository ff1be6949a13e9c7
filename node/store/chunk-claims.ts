/**
 * Who wants which chunk: references of manifests and pins of uploads. There are no counters: a chunk is wanted as long
 * as any row says so.
 */
import type { Clock } from '../../cluster/runtime.ts'
import type { ChunkHash, UploadId } from '../../cluster/transfer/local-chunks.ts'
import { pinRows, referenceRows, uploadPinRows, type PinKey, type ReferenceKey } from './chunk-rows.ts'
import type { Database, WriteOp } from './database.ts'
import { Table } from './table.ts'

/** Rows of one batch: some 100 KiB, so that an image of any size is claimed without holding up other writers. */
const BATCH_ROWS_MAX = 1024

/** An upload that has pins here. */
export interface PinnedUpload {
  upload: UploadId
  /** Of its oldest pin; wall time, ms since 1970. */
  pinnedMs: number
}

export class ChunkClaims {
  readonly #database: Database
  readonly #clock: Clock
  readonly #references: Table<ReferenceKey, null>
  readonly #pins: Table<PinKey, number>
  readonly #uploadPins: Table<PinKey, number>
  /** Roots whose references are being removed; true = referenced again since. */
  readonly #dropping = new Map<ChunkHash, boolean>()

  constructor(database: Database, clock: Clock) {
    this.#database = database
    this.#clock = clock
    this.#references = new Table(database, referenceRows)
    this.#pins = new Table(database, pinRows)
    this.#uploadPins = new Table(database, uploadPinRows)
  }

  /** The rows of a pin, both ways, for the batch that makes the chunk durable. */
  pin(hash: ChunkHash, upload: UploadId): WriteOp[] {
    const nowMs = this.#clock.wallMs()
    const key = { hash, upload }
    return [this.#pins.put(key, nowMs), this.#uploadPins.put(key, nowMs)]
  }

  /** Ends every pin of an upload, durably. */
  async unpin(upload: UploadId): Promise<void> {
    const keys = this.#uploadPins.keys(Buffer.from(upload, 'hex'))
    for await (const batch of inBatches(keys))
      await this.#database.write(batch.flatMap((key) => [this.#pins.del(key), this.#uploadPins.del(key)]))
  }

  /** Candidates for the reaper, one for each upload that is not settled: age proposes, the image's record decides. */
  async pinnedUploads(): Promise<PinnedUpload[]> {
    const oldest = new Map<UploadId, number>()
    for await (const row of this.#uploadPins.scan()) {
      // A row that cannot be read still pins, as of now: nothing is dropped because of damage.
      const pinnedMs = row.damaged ? this.#clock.wallMs() : row.value
      const { upload } = row.key
      oldest.set(upload, Math.min(pinnedMs, oldest.get(upload) ?? Infinity))
    }
    return [...oldest].map(([upload, pinnedMs]) => ({ upload, pinnedMs }))
  }

  /**
   * Writes references of `root`, durably. Its reference on itself is written with each batch and removed last: as long
   * as there is any, that one is there, and the reaper finds the root by it.
   */
  async reference(root: ChunkHash, hashes: readonly ChunkHash[]): Promise<void> {
    for await (const batch of inBatches(hashes)) {
      if (this.#dropping.has(root)) this.#dropping.set(root, true)
      const rows = [root, ...batch].map((hash) => this.#references.put({ hash, root }, null))
      await this.#database.write(rows)
    }
  }

  /** Removes all references of `roots`, but of those that are referenced again meanwhile; answers how many. */
  async dropRoots(roots: readonly ChunkHash[]): Promise<number> {
    for (const root of roots) this.#dropping.set(root, false)
    try {
      let dropped = 0
      for await (const batch of inBatches(this.#doomedReferences())) dropped += await this.#drop(batch)
      return dropped + (await this.#drop(roots.map((root) => ({ hash: root, root }))))
    } finally {
      for (const root of roots) this.#dropping.delete(root)
    }
  }

  isReferenced({ hash, root }: ReferenceKey): boolean {
    return this.#references.has({ hash, root })
  }

  /** The manifests that want a chunk. */
  async rootsOf(hash: ChunkHash): Promise<ChunkHash[]> {
    const roots: ChunkHash[] = []
    for await (const { root } of this.#references.keys(Buffer.from(hash, 'hex'))) roots.push(root)
    return roots
  }

  /**
   * All claims, in the order of their chunks. References whose rows are damaged are told with their stored keys instead: in
   * place of each there was one of a chunk that nobody can name any more.
   */
  keys(onDamaged: (storedKey: Buffer) => void): {
    references: AsyncIterable<ReferenceKey>
    pins: AsyncIterable<PinKey>
  } {
    return { references: this.#soundReferences(onDamaged), pins: this.#pins.keys() }
  }

  /** Whether anybody wants a chunk. */
  async isClaimed(hash: ChunkHash): Promise<boolean> {
    const prefix = Buffer.from(hash, 'hex')
    return !(await this.#references.isEmpty(prefix)) || !(await this.#pins.isEmpty(prefix))
  }

  async *#soundReferences(onDamaged: (storedKey: Buffer) => void): AsyncGenerator<ReferenceKey> {
    for await (const row of this.#references.scan())
      if (row.damaged) onDamaged(row.storedKey)
      else yield row.key
  }

  /** Those of the roots under removal, but each root's own. */
  async *#doomedReferences(): AsyncGenerator<ReferenceKey> {
    for await (const key of this.#references.keys())
      if (key.hash !== key.root && this.#dropping.has(key.root)) yield key
  }

  /** Looked at and handed over in one turn: a reference written later lands behind, and stays. */
  async #drop(keys: readonly ReferenceKey[]): Promise<number> {
    const doomed = keys.filter(({ root }) => this.#dropping.get(root) === false)
    await this.#database.write(doomed.map((key) => this.#references.del(key)))
    return doomed.length
  }
}

async function* inBatches<T>(items: Iterable<T> | AsyncIterable<T>): AsyncGenerator<T[]> {
  let batch: T[] = []
  for await (const item of items) {
    batch.push(item)
    if (batch.length < BATCH_ROWS_MAX) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}
