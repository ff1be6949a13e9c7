/**
 * How fast this node brings what it lacks: a rate that operators set, and a step back while clients are busy. Then one
 * piece moves at a time, and each is followed by a rest of four times what it took.
 */
import { sleep, type Clock } from '../../cluster/runtime.ts'
import type { TransferPace } from '../data/transfer-pace.ts'
import { ByteBudget } from './byte-budget.ts'
import type { LoopRate } from './loop.ts'

export interface RepairPaceComponents {
  clock: Clock
  /** Whether clients are being served, by this node or by one that it may burden. */
  isForegroundBusy: () => boolean
}

/** Enough to hide the round trip of a peer and the sync of the disk. */
const PIECES_AT_ONCE = 3
/** Clients keep four fifths of the machine. */
const FOREGROUND_REST_FACTOR = 4
/** How often it looks whether it may go on. */
const LOOK_MS = 10
/** A rest is no longer than this, or a machine that is busy for good would never be whole again: some 10 MiB a second. */
const REST_MS_MAX = 250

export class RepairPace implements TransferPace {
  readonly #components: RepairPaceComponents
  readonly #bytesPerSecondMax: number
  readonly #budget: ByteBudget
  #fixed: number | null = null
  #underWay = 0
  #waiting = 0
  /** Monotonic. */
  #restUntilMs = 0

  constructor(components: RepairPaceComponents, { bytesPerSecondMax }: { bytesPerSecondMax: number }) {
    this.#components = components
    this.#bytesPerSecondMax = bytesPerSecondMax
    this.#budget = new ByteBudget(components.clock)
  }

  get rate(): LoopRate {
    return { unit: 'bytes', perSecond: this.#fixed ?? this.#bytesPerSecondMax, fixed: this.#fixed }
  }

  /** Everything that wants to move waits for its turn. */
  get isResting(): boolean {
    return this.#waiting > 0 && this.#underWay === 0
  }

  /** Bytes a second that an operator wants; null: as configured. */
  fix(bytesPerSecond: number | null): void {
    this.#fixed = bytesPerSecond
    this.#budget.empty()
  }

  async begin(signal: AbortSignal): Promise<(bytes: number) => void> {
    const { clock } = this.#components
    this.#waiting++
    try {
      for (let waitMs = this.#waitMs(); waitMs > 0; waitMs = this.#waitMs())
        await sleep(clock, Math.min(waitMs, REST_MS_MAX), signal)
    } finally {
      this.#waiting--
    }
    this.#underWay++
    const beganMs = clock.monotonicMs()
    return (bytes) => this.#ended(bytes, clock.monotonicMs() - beganMs)
  }

  #waitMs(): number {
    const { clock, isForegroundBusy } = this.#components
    const isBusy = isForegroundBusy()
    if (this.#underWay >= (isBusy ? 1 : PIECES_AT_ONCE)) return LOOK_MS
    const restMs = isBusy ? this.#restUntilMs - clock.monotonicMs() : 0
    return Math.max(restMs, this.#budget.waitMs(this.rate.perSecond))
  }

  #ended(bytes: number, tookMs: number): void {
    this.#underWay--
    this.#budget.spend(bytes)
    const restMs = Math.min(tookMs * FOREGROUND_REST_FACTOR, REST_MS_MAX)
    this.#restUntilMs = this.#components.clock.monotonicMs() + restMs
  }
}
