/**
 * Once a day all that this node has learned of images is read back and compared with what each voter knows: a record that
 * rotted, went missing or missed a change is found although nobody asks for it, and is learned anew (R11).
 */
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import type { RowAudit, Suspect } from '../../cluster/register/row-audit.ts'
import type { Clock, Log } from '../../cluster/runtime.ts'
import { Loop, type RunResult } from './loop.ts'

export interface RecordAuditorComponents {
  clock: Clock
  log: Log
  rows: Pick<RowAudit, 'sources' | 'page' | 'mend'>
  /** Before, most rows are about to change. */
  caughtUp: () => boolean
}

/** What operators are told of the records of one node. */
export interface RecordAuditProgress {
  /** Passes that ended since this node started. */
  passes: number
  /** Rows compared in the pass under way or the last one; each once with every voter. */
  compared: number
  /** Rows that were wrong and were learned anew, since this node started. */
  healed: number
  /** Voters that could not be asked in the pass under way or the last one. */
  away: NodeId[]
  /** ISO time; null: never. */
  lastPassEndedAt: string | null
}

const DAY_MS = 24 * 3_600_000
/** Between the beginnings of two passes, however fast they are. */
const PASS_EVERY_MS_MIN = 10_000
/** How often it looks whether the next pass is due. */
const TICK_MS = 60_000
/** 100 000 records take a minute for each voter, and nobody notices. */
const ROWS_PER_SECOND = 2000
/** A change that nobody hinted at is noticed within 10 s; what differs longer is wrong. */
const SUSPECT_AFTER_MS = 15_000
/** Strong reads of one run, one after the other; then a pause or a stop has its turn. */
const MENDS_MAX = 64

export class RecordAuditor {
  readonly loop: Loop
  readonly #components: RecordAuditorComponents
  /** Rows a second that an operator wants; then pass follows pass. */
  #fixed: number | null = null
  /** Monotonic. */
  #nextPassMs: number
  /** Of the pass under way: what is still to be compared with, first the source that `#afterKey` belongs to. */
  #sources: NodeId[] = []
  #afterKey = ''
  #isUnderWay = false
  readonly #suspects: (Suspect & { dueMs: number })[] = []
  #progress: RecordAuditProgress = { passes: 0, compared: 0, healed: 0, away: [], lastPassEndedAt: null }

  constructor(components: RecordAuditorComponents) {
    this.#components = components
    this.#nextPassMs = components.clock.monotonicMs() + DAY_MS
    const options = { name: 'record-auditor', everyMs: TICK_MS, retryMs: TICK_MS }
    this.loop = new Loop(components, options, (signal) => this.#runOnce(signal), {
      progress: () => ({ ...this.#progress }),
      rate: {
        describe: () => ({ unit: 'records', perSecond: this.#rowsPerSecond, fixed: this.#fixed }),
        fix: (rowsPerSecond) => {
          this.#fixed = rowsPerSecond
          if (rowsPerSecond !== null) this.#nextPassMs = components.clock.monotonicMs()
          this.loop.hurry()
        },
      },
    })
  }

  get progress(): RecordAuditProgress {
    return this.#progress
  }

  get #rowsPerSecond(): number {
    return this.#fixed ?? ROWS_PER_SECOND
  }

  async #runOnce(signal: AbortSignal): Promise<RunResult> {
    const { clock, rows, caughtUp } = this.#components
    if (!caughtUp()) return
    if (!this.#isUnderWay) {
      const waitMs = this.#nextPassMs - clock.monotonicMs()
      if (waitMs > 0) return waitMs < TICK_MS ? { restMs: waitMs } : undefined
      this.#isUnderWay = true
      this.#sources = rows.sources()
      this.#progress = { ...this.#progress, compared: 0, away: [] }
    }
    await this.#mendDue()
    const restMs = await this.#comparePage(signal)
    if (restMs !== null) return { restMs }
    const [first] = this.#suspects
    if (first) return { restMs: Math.max(1, first.dueMs - clock.monotonicMs()) }
    this.#endPass()
    return { restMs: PASS_EVERY_MS_MIN }
  }

  /** Answers how long to rest before the next page; null: there is none. */
  async #comparePage(signal: AbortSignal): Promise<number | null> {
    const { clock, rows } = this.#components
    const [source] = this.#sources
    if (source === undefined) return null
    try {
      const page = await rows.page(source, this.#afterKey, signal)
      const dueMs = clock.monotonicMs() + SUSPECT_AFTER_MS
      this.#suspects.push(...page.suspects.map((suspect) => ({ ...suspect, dueMs })))
      this.#note(page.damaged, 'a record could not be read back; it was learned anew')
      this.#progress = { ...this.#progress, compared: this.#progress.compared + page.rows }
      if (page.afterKey !== null) {
        this.#afterKey = page.afterKey
        return Math.ceil((page.rows * 1000) / this.#rowsPerSecond)
      }
    } catch (error) {
      signal.throwIfAborted()
      this.#components.log.info(
        { source, error: String(error) },
        'records could not be compared with a voter',
      )
      this.#progress = { ...this.#progress, away: [...this.#progress.away, source] }
    }
    this.#sources.shift()
    this.#afterKey = ''
    return 0
  }

  async #mendDue(): Promise<void> {
    const { clock, rows } = this.#components
    const nowMs = clock.monotonicMs()
    for (let count = 0; (this.#suspects[0]?.dueMs ?? Infinity) <= nowMs && count < MENDS_MAX; count++) {
      const wasWrong = await rows.mend(this.#suspects[0]!)
      // Only then: without a majority it is tried again.
      this.#suspects.shift()
      if (wasWrong) this.#note(1, 'a record differed from what a majority has; it was learned anew')
    }
  }

  #note(count: number, message: string): void {
    if (count === 0) return
    this.#progress = { ...this.#progress, healed: this.#progress.healed + count }
    this.#components.log.error({ count }, message)
  }

  #endPass(): void {
    const { clock, log } = this.#components
    const { passes, compared, healed, away } = this.#progress
    this.#isUnderWay = false
    this.#nextPassMs = clock.monotonicMs() + (this.#fixed === null ? DAY_MS : PASS_EVERY_MS_MIN)
    const lastPassEndedAt = new Date(clock.wallMs()).toISOString()
    this.#progress = { ...this.#progress, passes: passes + 1, lastPassEndedAt }
    log.info({ compared, healed, away }, 'the records of this node were compared with those of the voters')
  }
}
