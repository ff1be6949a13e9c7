/**
 * Which chunks were seen unclaimed, and since when: in memory only, so that the grace is one of uptime and a restart begins
 * it anew. Bounded: what finds no room is seen again at a later look.
 */
import type { Clock } from '../../cluster/runtime.ts'
import type { ChunkHash } from '../../cluster/transfer/local-chunks.ts'

export interface GraceNotesOptions {
  graceMs: number
  /** Default NOTED_MAX. */
  notedMax?: number
}

/** Some 30 MiB; of chunks of 4 MiB, one TiB given back per grace. */
export const NOTED_MAX = 262_144

export class GraceNotes {
  readonly #clock: Pick<Clock, 'monotonicMs'>
  readonly #graceMs: number
  readonly #notedMax: number
  /** By the time of noting: the oldest comes first. */
  readonly #sinceMs = new Map<ChunkHash, number>()

  constructor(clock: Pick<Clock, 'monotonicMs'>, { graceMs, notedMax = NOTED_MAX }: GraceNotesOptions) {
    this.#clock = clock
    this.#graceMs = graceMs
    this.#notedMax = notedMax
  }

  get size(): number {
    return this.#sinceMs.size
  }

  /** How long ago the oldest was noted; 0 when there is none. */
  get oldestAgeMs(): number {
    for (const since of this.#sinceMs.values()) return this.#clock.monotonicMs() - since
    return 0
  }

  /** Answers whether the chunk was noted now: one that is noted already keeps its time, and there may be no room. */
  note(hash: ChunkHash): boolean {
    if (this.#sinceMs.has(hash) || this.#sinceMs.size >= this.#notedMax) return false
    this.#sinceMs.set(hash, this.#clock.monotonicMs())
    return true
  }

  /** The chunk is claimed: its grace begins anew when it is seen unclaimed again. */
  forget(hash: ChunkHash): void {
    this.#sinceMs.delete(hash)
  }

  /** Takes out the chunks whose grace is over, the oldest first, `count` at most. */
  takeDue(count: number): ChunkHash[] {
    const due: ChunkHash[] = []
    const before = this.#clock.monotonicMs() - this.#graceMs
    for (const [hash, since] of this.#sinceMs) {
      if (since > before || due.length >= count) break
      due.push(hash)
    }
    for (const hash of due) this.#sinceMs.delete(hash)
    return due
  }
}
