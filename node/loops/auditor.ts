/**
 * The auditor: reads every chunk of this node back within a period, so that rot is found while other nodes still have the
 * bytes. What is damaged leaves the index, which sets the updater off. It goes as fast as what is left of the pass
 * demands, and steps back while clients or peers move bytes.
 */
import type { Clock, Log } from '../../cluster/runtime.ts'
import type { ChunkHash } from '../../cluster/transfer/local-chunks.ts'
import type { AuditRecord } from '../store/audit-record.ts'
import type { AuditMark } from '../store/chunk-rows.ts'
import type { ChunkStore } from '../store/chunk-store.ts'
import type { DamageCounts } from '../store/quarantine.ts'
import { AuditPace, type AuditPaceOptions } from './audit-pace.ts'
import { Loop, type RunResult } from './loop.ts'

export interface AuditorComponents {
  clock: Clock
  log: Log
  chunks: Pick<ChunkStore, 'hashesAfter' | 'verify' | 'tidyQuarantine' | 'storedBytes' | 'damage'>
  record: Pick<AuditRecord, 'load' | 'save'>
  /** Whether clients or peers move image bytes at the moment. */
  isForegroundBusy: () => boolean
}

export type AuditorOptions = AuditPaceOptions

/** What operators are told of the chunks of one node. */
export interface AuditProgress extends DamageCounts {
  /** Counts from 1; 0 before the first. */
  pass: number
  /** How much of the pass is done, 0 to 1. */
  position: number
  /** ISO time; null: never. */
  lastPassEndedAt: string | null
}

/** Between passes: how often it looks whether the next is due. Also the longest rest, so that a new pace shows soon. */
const TICK_MS = 60_000
/** One run: some chunks of 4 MiB, then all others have their turn. */
const SLICE_MS = 100
/** Rest for each ms of work while others move bytes: they keep four fifths of the disk and of the event loop. */
const FOREGROUND_REST_FACTOR = 4
/** Between the beginnings of two passes, however fast they are: a small store needs not be read without end. */
const PASS_EVERY_MS_MIN = 10_000
/** A crash costs so much of a pass; a stop costs nothing. */
const SAVE_EVERY_MS = 300_000
/** How often damage that nobody waits for any more is forgotten. */
const TIDY_EVERY_MS = 600_000
/** Keys read ahead: 64 KiB. No iterator stays open, since LevelDB keeps everything that an open one may still see. */
const PAGE_HASHES = 1024
const FIRST: AuditMark = { pass: 0, isOver: true, passBeganMs: 0, after: null, lastPassEndedMs: null }

export class Auditor {
  readonly loop: Loop
  readonly #components: AuditorComponents
  readonly #options: AuditorOptions
  readonly #pace: AuditPace
  #mark: AuditMark
  #saved: AuditMark
  /** Monotonic. */
  #savedMs: number
  #tidiedMs: number
  /** Of this pass, not looked at yet. */
  #page: ChunkHash[] = []

  constructor(components: AuditorComponents, options: AuditorOptions) {
    const { clock, record } = components
    this.#components = components
    this.#options = options
    this.#mark = this.#saved = record.load() ?? FIRST
    this.#savedMs = this.#tidiedMs = clock.monotonicMs()
    this.#pace = new AuditPace(clock, options)
    const loopOptions = { name: 'auditor', everyMs: TICK_MS, retryMs: TICK_MS }
    this.loop = new Loop(components, loopOptions, (signal) => this.#runOnce(signal), {
      progress: () => ({ ...this.progress }),
      rate: {
        describe: () => ({
          unit: 'bytes',
          perSecond: Math.round(this.#pace.bytesPerSecond(this.#work())),
          fixed: this.#pace.fixed,
        }),
        fix: (bytesPerSecond) => {
          this.#pace.fix(bytesPerSecond)
          this.loop.hurry()
        },
      },
    })
  }

  get progress(): AuditProgress {
    const { pass, lastPassEndedMs } = this.#mark
    return {
      pass,
      position: this.#position(),
      ...this.#components.chunks.damage,
      lastPassEndedAt: lastPassEndedMs === null ? null : new Date(lastPassEndedMs).toISOString(),
    }
  }

  async #runOnce(signal: AbortSignal): Promise<RunResult> {
    await this.#tidy()
    if (this.#mark.isOver) {
      const waitMs = this.#untilNextPassMs()
      if (waitMs > TICK_MS) return undefined
      if (waitMs > 0) return { restMs: waitMs }
      this.#beginPass()
    }
    try {
      return await this.#slice(signal)
    } finally {
      const isDue = this.#components.clock.monotonicMs() - this.#savedMs >= SAVE_EVERY_MS
      if (isDue || this.#mark.isOver || signal.aborted) await this.#save()
    }
  }

  /** By wall time, which may jump: then a pass comes early, or a period late. At a fixed rate pass follows pass. */
  #untilNextPassMs(): number {
    const { periodMs } = this.#options
    const everyMs = this.#pace.fixed === null ? Math.max(periodMs, PASS_EVERY_MS_MIN) : PASS_EVERY_MS_MIN
    return Math.min(everyMs, this.#mark.passBeganMs + everyMs - this.#components.clock.wallMs())
  }

  #beginPass(): void {
    const passBeganMs = this.#components.clock.wallMs()
    this.#mark = { ...this.#mark, pass: this.#mark.pass + 1, isOver: false, passBeganMs, after: null }
    this.#page = []
  }

  async #slice(signal: AbortSignal): Promise<RunResult> {
    const { clock, chunks, isForegroundBusy } = this.#components
    const beganMs = clock.monotonicMs()
    let isBusy = false
    do {
      const hash = await this.#next()
      if (hash === null) return this.#endPass()
      signal.throwIfAborted()
      if (this.#pace.restMs(this.#work()) > 0) break
      this.#page.shift()
      // Before it is read: a chunk that cannot be read for a reason of its own must not hold up all others.
      this.#mark = { ...this.#mark, after: hash }
      this.#pace.spend((await chunks.verify(hash)).bytes)
      isBusy = isForegroundBusy()
    } while (!isBusy && clock.monotonicMs() - beganMs < SLICE_MS)
    const sparingMs = isBusy ? (clock.monotonicMs() - beganMs) * FOREGROUND_REST_FACTOR : 0
    return { restMs: Math.min(TICK_MS, Math.max(sparingMs, this.#pace.restMs(this.#work()))) }
  }

  async #next(): Promise<ChunkHash | null> {
    if (this.#page.length === 0)
      this.#page = await this.#components.chunks.hashesAfter(this.#mark.after, PAGE_HASHES)
    return this.#page[0] ?? null
  }

  #endPass(): void {
    const { clock, log, chunks } = this.#components
    this.#mark = { ...this.#mark, isOver: true, lastPassEndedMs: clock.wallMs() }
    log.info({ pass: this.#mark.pass, ...chunks.damage }, 'every chunk of this node was read back')
    this.loop.hurry()
  }

  #work(): { bytes: number; untilMs: number } {
    const bytes = this.#components.chunks.storedBytes * (1 - this.#position())
    return { bytes, untilMs: this.#mark.passBeganMs + this.#options.periodMs }
  }

  /** Hashes are spread evenly: how far one is along all that there can be tells how much of a pass is done. */
  #position(): number {
    const { isOver, after } = this.#mark
    if (isOver) return 1
    return after === null ? 0 : Number.parseInt(after.slice(0, 8), 16) / 2 ** 32
  }

  async #tidy(): Promise<void> {
    const { clock, chunks } = this.#components
    const isDue = clock.monotonicMs() - this.#tidiedMs >= TIDY_EVERY_MS
    if (!isDue || chunks.damage.quarantined === 0) return
    this.#tidiedMs = clock.monotonicMs()
    await chunks.tidyQuarantine()
  }

  async #save(): Promise<void> {
    if (this.#saved === this.#mark) return
    const mark = this.#mark
    await this.#components.record.save(mark)
    this.#saved = mark
    this.#savedMs = this.#components.clock.monotonicMs()
  }
}
