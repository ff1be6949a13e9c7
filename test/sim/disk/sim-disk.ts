/**
 * One node's disk under LevelDB, as the traps of LevelDB and of disks make it: what was synced survives a power cut; of
 * what was not, a random part does. A sync covers the log that it is written to, and what lies in an older log that was
 * not written out yet may be lost though something later survives.
 */
import type { WriteOp } from '../../../node/store/database.ts'
import type { SeededRandom } from '../world/seeded-random.ts'

/** process: what was handed to the system survives; power: only what was synced surely does. */
export type CrashKind = 'process' | 'power'

interface LoggedBatch {
  operations: readonly WriteOp[]
  log: number
  synced: boolean
}

type Rows = Map<string, Buffer>

/** Odds that a batch opens a new log: some dozens of batches each, where LevelDB has thousands. */
const NEW_LOG_ODDS = 0.03
/** Odds that a batch on its way to the disk when the process died got there as a whole. */
const IN_FLIGHT_SURVIVES: Readonly<Record<CrashKind, number>> = { process: 0.5, power: 0.25 }

export class SimDisk {
  readonly random: SeededRandom
  /** A write fails until then. */
  fullUntilMs = 0
  /** No write ends before. */
  stalledUntilMs = 0
  /** The next synced write fails. */
  failsNextSync = false
  /** What a reader sees. */
  #rows: Rows = new Map()
  /** What survives everything. */
  #base: Rows = new Map()
  /** What was written after `#base`. */
  #batches: LoggedBatch[] = []
  #inFlight: readonly WriteOp[] | null = null
  #log = 0

  constructor(random: SeededRandom) {
    this.random = random
  }

  get isEmpty(): boolean {
    return this.#rows.size === 0
  }

  read(key: Buffer): Buffer | undefined {
    return this.#rows.get(nameOf(key))
  }

  /** Names of all rows, in key order. */
  names(): string[] {
    return [...this.#rows.keys()].sort()
  }

  row(name: string): Buffer | undefined {
    return this.#rows.get(name)
  }

  /** A batch begins its way to the disk. */
  begin(operations: readonly WriteOp[]): void {
    this.#inFlight = operations
  }

  /** The batch under way has arrived. */
  commit(operations: readonly WriteOp[], synced: boolean): void {
    this.#inFlight = null
    apply(this.#rows, operations)
    if (this.random.chance(NEW_LOG_ODDS)) this.#openLog()
    this.#batches.push({ operations, log: this.#log, synced })
    if (synced) this.#markSynced()
  }

  /** The batch under way failed: some of it may have reached the log all the same. */
  fail(operations: readonly WriteOp[]): void {
    this.#inFlight = null
    if (this.random.chance(0.5)) this.#batches.push({ operations, log: this.#log, synced: false })
  }

  /** A write after a failed one: shown to readers, lost for the next start. */
  writeWorthless(operations: readonly WriteOp[]): void {
    this.#inFlight = null
    apply(this.#rows, operations)
  }

  /** What the next start finds. */
  crash(kind: CrashKind): void {
    if (this.#inFlight && this.random.chance(IN_FLIGHT_SURVIVES[kind]))
      this.#batches.push({ operations: this.#inFlight, log: this.#log, synced: false })
    this.#inFlight = null
    const survivors = kind === 'process' ? this.#batches : this.#survivors()
    for (const { operations } of survivors) apply(this.#base, operations)
    this.#batches = []
    this.#rows = new Map(this.#base)
    this.#log++
  }

  /** As if copied while running. */
  snapshot(): ReadonlyMap<string, Buffer> {
    return new Map(this.#rows)
  }

  /** Another state comes back: an old one, or none at all. The process must be down. */
  replace(rows: ReadonlyMap<string, Buffer>): void {
    this.#base = new Map(rows)
    this.#rows = new Map(rows)
    this.#batches = []
    this.#inFlight = null
  }

  /** Changes what is stored under one of the names: a flipped bit, or null = the row is gone. */
  damage(name: string, change: (value: Buffer) => Buffer | null): void {
    const value = this.#rows.get(name)
    if (!value) return
    this.#writeOut()
    const changed = change(value)
    for (const rows of [this.#base, this.#rows]) {
      if (changed) rows.set(name, changed)
      else rows.delete(name)
    }
  }

  /** LevelDB has written older logs out as tables by the time it opens a new one. */
  #openLog(): void {
    this.#log++
    this.#fold(this.#batches.findLastIndex(({ log }) => log < this.#log - 1) + 1)
  }

  #writeOut(): void {
    this.#fold(this.#batches.length)
  }

  #fold(count: number): void {
    for (const { operations } of this.#batches.splice(0, count)) apply(this.#base, operations)
  }

  #markSynced(): void {
    for (const batch of this.#batches) if (batch.log === this.#log) batch.synced = true
    const firstLoose = this.#batches.findIndex(({ synced }) => !synced)
    this.#fold(firstLoose < 0 ? this.#batches.length : firstLoose)
  }

  /** Of each log, what was synced and a random part of what follows, without a gap. */
  #survivors(): LoggedBatch[] {
    const lost = new Set<number>()
    return this.#batches.filter(({ log, synced }) => {
      if (synced) return true
      if (!lost.has(log) && this.random.chance(0.5)) return true
      lost.add(log)
      return false
    })
  }
}

/** Latin-1 text sorts as the bytes do. */
export function nameOf(key: Buffer): string {
  return key.toString('latin1')
}

function apply(rows: Rows, operations: readonly WriteOp[]): void {
  for (const operation of operations) {
    if (operation.type === 'put') rows.set(nameOf(operation.key), operation.value)
    else rows.delete(nameOf(operation.key))
  }
}
