/**
 * Gives disk space back: unlinks segments in which nothing is live, and first moves the chunks out of those that are
 * mostly dead. One step at a time, so that its caller (the reaper) sets the pace.
 */
import type { ChunkStore } from './chunk-store.ts'
import type { SegmentStore } from './segment-store.ts'

export class SegmentCompactor {
  readonly #segments: SegmentStore
  readonly #chunks: ChunkStore

  constructor(components: { segments: SegmentStore; chunks: ChunkStore }) {
    this.#segments = components.segments
    this.#chunks = components.chunks
  }

  /** Empties one sparse segment, if there is one, and unlinks all dead ones; answers the bytes that came back. */
  async runOnce(signal: AbortSignal): Promise<number> {
    const [sparse] = this.#segments.sparseSegments()
    if (sparse !== undefined) await this.#empty(sparse, signal)
    return this.#segments.unlinkDead()
  }

  async #empty(segment: number, signal: AbortSignal): Promise<void> {
    for await (const { hash, offset } of this.#segments.records(segment)) {
      signal.throwIfAborted()
      await this.#chunks.relocate(hash, { segment, offset })
    }
  }
}
