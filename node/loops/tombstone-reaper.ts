/**
 * Removes deleted images for good when their ids may be used again (R9), and what is left of metadata definitions: each key's coordinator has all voters remove the
 * register; the other nodes drop their row once a majority shows none.
 */
import { hasCode } from '../../cluster/errors.ts'
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import type { RecordState } from '../../cluster/register/operations.ts'
import type { Collected } from '../../cluster/register/tombstone-collector.ts'
import type { Clock, Log } from '../../cluster/runtime.ts'
import type { ImageRecord } from '../images/image-record.ts'
import { TimeSlice } from '../images/time-slice.ts'
import { Loop } from './loop.ts'

/** Tombstones that are due and cannot go, because every voter must answer for that. */
export interface BlockedTombstones {
  due: number
  /** The voters that do not answer. */
  away: NodeId[]
}

export interface TombstoneReaperComponents {
  clock: Clock
  log: Log
  /** Keys of the registers of records that have a row here and nothing that lives. */
  deletedKeys: () => Iterable<string>
  /** The record or tombstone in this node's row of a register, settled or not, or null: a hint, the voters decide. */
  local: (key: string) => RecordState | null
  registers: {
    collect: (key: string, isDue: (tombstone: RecordState) => boolean) => Promise<Collected>
    forgetRemoved: (key: string) => Promise<boolean>
  }
  /** Whether this node is the one that has a register removed. */
  isCoordinator: (key: string) => boolean
  /** Whether this node votes: those that do not only follow. */
  isVoter: () => boolean
  isAlive: (node: NodeId) => boolean
  /** Until this node has caught up, its reaper stands still (R11). */
  caughtUp: () => boolean
}

export interface TombstoneReaperOptions {
  /** How long an image's id stays taken after its deletion. */
  keepMs: number
}

/** How often it looks whether the next round is due, whether the node has caught up or a missing voter is back. */
const TICK_MS = 10_000
/** Ids stay taken for days: an hour more or less is nothing. */
const ROUND_EVERY_MS = 3_600_000
/** The same while a voter is away: a round looks at every row, and voters are away for hours. */
const BLOCKED_ROUND_EVERY_MS = 600_000
/**
 * After so long beyond its time any voter has a register removed: where a removal was interrupted, its coordinator may
 * have nothing left that would remind it.
 */
const OVERDUE_MS = 2 * ROUND_EVERY_MS
/** Registers removed in one round: three rounds of votes each, one after the other, some ten seconds in all. */
const REMOVALS_PER_ROUND_MAX = 1000

export class TombstoneReaper {
  readonly loop: Loop
  readonly #components: TombstoneReaperComponents
  readonly #options: TombstoneReaperOptions
  /** Monotonic. */
  #nextRoundMs = 0
  #blocked: BlockedTombstones | null = null

  constructor(components: TombstoneReaperComponents, options: TombstoneReaperOptions) {
    this.#components = components
    this.#options = options
    const loopOptions = { name: 'tombstone-reaper', everyMs: TICK_MS, retryMs: TICK_MS }
    this.loop = new Loop(components, loopOptions, (signal) => this.#runOnce(signal))
  }

  /** As the last round found it; null when nothing was in the way. */
  get blocked(): BlockedTombstones | null {
    return this.#blocked
  }

  async #runOnce(signal: AbortSignal): Promise<void> {
    const { clock, caughtUp } = this.#components
    if (!caughtUp() || (clock.monotonicMs() < this.#nextRoundMs && !this.#isFreed())) return
    const due = await this.#dueKeys(signal)
    const isWhole = await this.#removeAll(due.slice(0, REMOVALS_PER_ROUND_MAX), due.length, signal)
    this.#nextRoundMs = clock.monotonicMs() + this.#pauseMs(isWhole && due.length <= REMOVALS_PER_ROUND_MAX)
  }

  /** What is left over goes at the next tick. */
  #pauseMs(isDone: boolean): number {
    if (this.#blocked) return BLOCKED_ROUND_EVERY_MS
    return isDone ? ROUND_EVERY_MS : 0
  }

  /** Whether all whom the last round missed are up again. One that is up and does not vote costs a round per tick. */
  #isFreed(): boolean {
    const away = this.#blocked?.away ?? []
    return away.length > 0 && away.every(this.#components.isAlive)
  }

  async #dueKeys(signal: AbortSignal): Promise<string[]> {
    const { deletedKeys, local, clock } = this.#components
    const due: string[] = []
    const slice = new TimeSlice(() => clock.monotonicMs())
    for (const key of deletedKeys()) {
      if (slice.isOver()) await slice.pause()
      signal.throwIfAborted()
      const state = local(key)
      if (state && this.#isDue(state)) due.push(key)
    }
    return due
  }

  /**
   * Answers whether each was decided. Often not at the first try: after a restart others' ballots are higher than those
   * that are tried here, and whoever asks for a register that is just being removed finds no majority that agrees.
   */
  async #removeAll(keys: readonly string[], due: number, signal: AbortSignal): Promise<boolean> {
    const { log } = this.#components
    let removed = 0
    let contended = 0
    let isUnanswered = false
    let blocked: BlockedTombstones | null = null
    for (const key of keys) {
      signal.throwIfAborted()
      // One absent voter stands in the way of all that are this node's to remove, no majority in the way of the others.
      const isOurs = this.#isOurs(key)
      if (isOurs ? blocked : isUnanswered) continue
      try {
        const collected = await this.#remove(key, isOurs)
        if (collected === 'removed') removed++
        if (collected === 'contended') contended++
      } catch (error) {
        if (!hasCode(error, 'NO_QUORUM')) throw error
        if (isOurs) blocked = { due, away: awayIn(error.fields['away']) }
        else isUnanswered = true
      }
    }
    this.#blocked = blocked
    if (removed > 0) log.info({ removed }, 'deleted records were removed for good')
    return contended === 0 && !isUnanswered
  }

  async #remove(key: string, isOurs: boolean): Promise<Collected> {
    const { registers } = this.#components
    const collected = isOurs ? await registers.collect(key, (state) => this.#isDue(state)) : 'absent'
    if (collected === 'absent') await registers.forgetRemoved(key)
    return collected
  }

  #isOurs(key: string): boolean {
    const { isCoordinator, isVoter, local } = this.#components
    if (isCoordinator(key)) return true
    const state = local(key)
    return isVoter() && state !== null && this.#isDue(state, OVERDUE_MS)
  }

  /** By this node's clock: a wrong one makes ids free early or late, never an image appear or vanish. */
  #isDue({ live, record }: RecordState, forMs = 0): boolean {
    const { deletedAt, discarded = [] } = record as Pick<ImageRecord, 'deletedAt' | 'discarded'>
    // With the tombstone would go the only word of what is still to be deleted elsewhere.
    if (live || deletedAt === null || discarded.length > 0) return false
    return this.#components.clock.wallMs() - Date.parse(deletedAt) >= this.#options.keepMs + forMs
  }
}

function awayIn(field: unknown): NodeId[] {
  return Array.isArray(field) ? field.filter((id): id is string => typeof id === 'string') : []
}
