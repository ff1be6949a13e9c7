/** LevelDB as one process has it open, over a simulated disk. */
import type { LevelHandle, LevelIterator, WriteOp } from '../../../node/store/database.ts'
import type { KeyRange } from '../../../node/store/keyspaces.ts'
import type { SimHost } from '../world/sim-host.ts'
import type { SimWorld } from '../world/sim-world.ts'
import { nameOf, type SimDisk } from './sim-disk.ts'

/** A synced write takes as long as a good disk or a tired one needs. */
const SYNC_MS_MIN = 0.2
const SYNC_MS_MAX = 3
const UNSYNCED_MS = 0.05
/** Now and then one takes much longer. */
const HICCUP_ODDS = 0.01
const HICCUP_MS_MAX = 80

export interface SimLevelComponents {
  world: SimWorld
  host: SimHost
  disk: SimDisk
}

export class SimLevel implements LevelHandle {
  readonly #components: SimLevelComponents
  #isPoisoned = false

  constructor(components: SimLevelComponents) {
    this.#components = components
  }

  getSync(key: Buffer): Buffer | undefined {
    return this.#components.disk.read(key)
  }

  batch(operations: WriteOp[], { sync }: { sync: boolean }): Promise<void> {
    const { world, host, disk } = this.#components
    disk.begin(operations)
    return new Promise((resolve, reject) => {
      world.after(this.#durationMs(sync), () => {
        if (!host.alive) return
        const failure = this.#land(operations, sync)
        host.run(() => (failure ? reject(failure) : resolve()))
      })
    })
  }

  /** Over the rows as they are now. */
  iterator({ gte, lt }: KeyRange): LevelIterator {
    const { disk } = this.#components
    const left = this.#names(gte, lt).flatMap((name): [Buffer, Buffer][] => {
      const value = disk.row(name)
      return value ? [[Buffer.from(name, 'latin1'), value]] : []
    })
    return { nextv: (count) => Promise.resolve(left.splice(0, count)), close: () => Promise.resolve() }
  }

  async *keys({
    gte,
    lt,
    reverse = false,
  }: Partial<KeyRange> & { reverse?: boolean }): AsyncGenerator<Buffer> {
    const names = this.#names(gte, lt)
    for (const name of reverse ? names.toReversed() : names) yield Buffer.from(name, 'latin1')
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  #land(operations: readonly WriteOp[], sync: boolean): Error | null {
    const { world, disk } = this.#components
    if (this.#isPoisoned) {
      disk.writeWorthless(operations)
      return null
    }
    const isFull = world.nowMs < disk.fullUntilMs
    if (!isFull && !(sync && disk.failsNextSync)) {
      disk.commit(operations, sync)
      return null
    }
    disk.failsNextSync = false
    this.#isPoisoned = true
    disk.fail(operations)
    return new Error(isFull ? 'IO error: no space left on device' : 'IO error: fdatasync failed')
  }

  #durationMs(sync: boolean): number {
    const { world, disk } = this.#components
    const { random } = disk
    const ownMs = sync ? random.between(SYNC_MS_MIN, SYNC_MS_MAX) : UNSYNCED_MS
    const hiccupMs = random.chance(HICCUP_ODDS) ? random.float() * HICCUP_MS_MAX : 0
    return Math.max(0, disk.stalledUntilMs - world.nowMs) + ownMs + hiccupMs
  }

  #names(gte: Buffer | undefined, lt: Buffer | undefined): string[] {
    const from = gte ? nameOf(gte) : ''
    const below = lt ? nameOf(lt) : null
    return this.#components.disk.names().filter((name) => name >= from && (below === null || name < below))
  }
}
