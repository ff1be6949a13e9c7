/**
 * Gives disk space back: unlinks segments in which nothing is live, and first moves the chunks out of those that are
 * mostly dead. One step at a time, so that its caller (the segment reaper) sets the pace.
 */
import { sleep, type Clock } from '../../cluster/runtime.ts'
import type { ChunkHash } from '../../cluster/transfer/local-chunks.ts'
import type { ChunkStore } from './chunk-store.ts'
import type { Place, SegmentStore } from './segment-store.ts'

/** Bytes moved per second: what a disk that also serves clients does not notice; a segment takes four seconds at most. */
const REWRITE_BYTES_PER_SECOND = 32 * 1024 * 1024

export interface SegmentCompactorComponents {
  segments: SegmentStore
  chunks: ChunkStore
  clock: Clock
}

export class SegmentCompactor {
  readonly #segments: SegmentStore
  readonly #chunks: ChunkStore
  readonly #clock: Clock
  /** Segments that stay live although nothing in the index names them: a failed write counts them so until the next start. */
  readonly #stuck = new Set<number>()
  /** Set by an operator; null: the default. */
  #fixed: number | null = null

  constructor({ segments, chunks, clock }: SegmentCompactorComponents) {
    this.#segments = segments
    this.#chunks = chunks
    this.#clock = clock
  }

  /** How fast chunks are moved. */
  get rate(): { perSecond: number; fixed: number | null } {
    return { perSecond: this.#fixed ?? REWRITE_BYTES_PER_SECOND, fixed: this.#fixed }
  }

  /** Bytes a second; null: the default. Holds from the next chunk on. */
  fixRate(bytesPerSecond: number | null): void {
    this.#fixed = bytesPerSecond
  }

  /**
   * Empties one sparse segment, if there is one, and unlinks all dead ones; answers the bytes that came back. Throws
   * STORE_FULL, STORE_NOT_WRITABLE, the signal's reason.
   */
  async runOnce(signal: AbortSignal): Promise<number> {
    // First, since it makes the room that a rewrite may need.
    const freedBytes = await this.#segments.unlinkDead()
    await this.#segments.sealIfSparse()
    const sparse = this.#segments.sparseSegments().find((segment) => !this.#stuck.has(segment))
    if (sparse === undefined) return freedBytes
    await this.#empty(sparse, signal)
    return freedBytes + (await this.#segments.unlinkDead())
  }

  /** By the headers of its records, which costs next to nothing; what they do not tell, by the whole index. */
  async #empty(segment: number, signal: AbortSignal): Promise<void> {
    await this.#moveAll(this.#byHeaders(segment), signal)
    if (!this.#segments.isLive(segment)) return
    await this.#moveAll(this.#chunks.locatedIn(segment), signal)
    if (this.#segments.isLive(segment)) this.#stuck.add(segment)
  }

  async #moveAll(
    records: AsyncIterable<{ hash: ChunkHash; place: Place }>,
    signal: AbortSignal,
  ): Promise<void> {
    for await (const { hash, place } of records) {
      signal.throwIfAborted()
      const movedBytes = await this.#chunks.relocate(hash, place)
      if (movedBytes > 0) await sleep(this.#clock, (movedBytes * 1000) / this.rate.perSecond, signal)
    }
  }

  async *#byHeaders(segment: number): AsyncGenerator<{ hash: ChunkHash; place: Place }> {
    try {
      for await (const { hash, offset } of this.#segments.records(segment))
        yield { hash, place: { segment, offset } }
    } catch (error) {
      // A sector that cannot be read hides the records behind it: the index knows them.
      if ((error as NodeJS.ErrnoException).code !== 'EIO') throw error
    }
  }
}
