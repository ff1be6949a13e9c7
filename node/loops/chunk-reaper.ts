/**
 * Gives back the chunks that nothing wants. One look at the whole index per round: it ends the claims of dead uploads and
 * deleted images, and notes each chunk without a claim; what stays so for the grace is removed, at a bounded pace. A note
 * proposes, the look under the hash lock decides (architecture §4).
 */
import { sleep, type Clock, type Log } from '../../cluster/runtime.ts'
import type { ChunkHash } from '../../cluster/transfer/local-chunks.ts'
import { TimeSlice } from '../images/time-slice.ts'
import type { ChunkStore } from '../store/chunk-store.ts'
import type { WalkedChunk } from '../store/claim-walk.ts'
import type { ClaimReaper } from './claim-reaper.ts'
import { GraceNotes } from './grace-notes.ts'
import { Loop } from './loop.ts'

export interface ChunkReaperComponents {
  clock: Clock
  log: Log
  chunks: Pick<ChunkStore, 'walkClaims' | 'isClaimed' | 'removeUnclaimed' | 'onClaimed'>
  claims: Pick<ClaimReaper, 'settleUploads' | 'knownRoots' | 'releaseUnwanted'>
  /** False until this node has caught up (R11), and while its store is not writable. */
  mayRun: () => boolean
}

export interface ChunkReaperOptions {
  /** Of uptime; begins anew at every claim. */
  graceMs: number
}

/** How often it looks whether a round or a chunk is due. */
const TICK_MS = 1000
/** After a failure, mostly for want of a majority. */
const RETRY_MS = 60_000
/** Rounds per grace: a chunk stays for the grace and some four per cent. */
const ROUNDS_PER_GRACE = 24
/** A round reads all rows of claims: some seconds for ten TiB. */
const ROUND_EVERY_MS_MAX = 3_600_000
const ROUND_EVERY_MS_MIN = 1000
/** Chunks removed side by side, so that they share a sync; then a pause, in which clients have the disk. */
const REMOVED_AT_ONCE = 32
const REMOVAL_PAUSE_MS = 100
/** Roots given up in one round: their ids are in memory, and a round ends with one pass over all references. */
const ROOTS_PER_ROUND_MAX = 10_000

export class ChunkReaper {
  readonly #components: ChunkReaperComponents
  readonly #roundEveryMs: number
  readonly #notes: GraceNotes
  /** Its queue: chunks in their grace. */
  readonly loop: Loop
  /** Monotonic. */
  #nextRoundMs = 0

  constructor(components: ChunkReaperComponents, { graceMs }: ChunkReaperOptions) {
    this.#components = components
    this.#roundEveryMs = Math.min(
      Math.max(graceMs / ROUNDS_PER_GRACE, ROUND_EVERY_MS_MIN),
      ROUND_EVERY_MS_MAX,
    )
    this.#notes = new GraceNotes(components.clock, { graceMs })
    components.chunks.onClaimed((hash) => this.#notes.forget(hash))
    const loopOptions = { name: 'chunk-reaper', everyMs: TICK_MS, retryMs: RETRY_MS }
    this.loop = new Loop(components, loopOptions, (signal) => this.#runOnce(signal), {
      queue: () => ({ depth: this.#notes.size, oldestAgeMs: this.#notes.oldestAgeMs }),
    })
  }

  async #runOnce(signal: AbortSignal): Promise<void> {
    const { clock, mayRun } = this.#components
    if (!mayRun()) return
    await this.#removeDue(signal)
    if (clock.monotonicMs() < this.#nextRoundMs) return
    await this.#round(signal)
    this.#nextRoundMs = clock.monotonicMs() + this.#roundEveryMs
  }

  async #removeDue(signal: AbortSignal): Promise<void> {
    const { clock, chunks, log, mayRun } = this.#components
    let removed = 0
    while (mayRun()) {
      const due = this.#notes.takeDue(REMOVED_AT_ONCE)
      if (due.length === 0) break
      const results = await Promise.all(due.map((hash) => chunks.removeUnclaimed(hash)))
      removed += results.filter(Boolean).length
      await sleep(clock, REMOVAL_PAUSE_MS, signal)
    }
    if (removed > 0) log.info({ removed }, 'chunks that nothing wants were removed')
  }

  async #round(signal: AbortSignal): Promise<void> {
    const { claims } = this.#components
    await claims.settleUploads()
    await claims.releaseUnwanted(await this.#walk(signal))
  }

  /** Notes what is unclaimed; answers the roots that no image seems to have. */
  async #walk(signal: AbortSignal): Promise<ChunkHash[]> {
    const { clock, chunks, claims, mayRun } = this.#components
    const known = claims.knownRoots()
    const unknown: ChunkHash[] = []
    const slice = new TimeSlice(() => clock.monotonicMs())
    for await (const chunk of chunks.walkClaims()) {
      if (slice.isOver()) await slice.pause()
      signal.throwIfAborted()
      if (!mayRun()) return []
      // A pinned manifest belongs to an upload that may still become an image.
      const isCandidate = chunk.isRoot && !chunk.isPinned && !known.has(chunk.hash)
      if (isCandidate && unknown.length < ROOTS_PER_ROUND_MAX) unknown.push(chunk.hash)
      await this.#see(chunk)
    }
    return unknown
  }

  /** The walk may be older than a claim, so it is asked again, after the note: a claim from then on takes the note back. */
  async #see({ hash, isHere, isReferenced, isPinned }: WalkedChunk): Promise<void> {
    if (!isHere || isReferenced || isPinned) return this.#notes.forget(hash)
    if (this.#notes.note(hash) && (await this.#components.chunks.isClaimed(hash))) this.#notes.forget(hash)
  }
}
