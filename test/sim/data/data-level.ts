/** LevelDB whose walks take time, too: what they show is as old as their beginning. */
import type { KeyRange } from '../../../node/store/keyspaces.ts'
import { allOf } from '../../helpers/all-of.ts'
import { SimLevel, type SimLevelComponents } from '../disk/sim-level.ts'

const WALK_MS_MAX = 4
/** Now and then a table must be read from a busy disk. */
const SLOW_ODDS = 0.1
const SLOW_MS_MAX = 60

export class DataLevel extends SimLevel {
  readonly #parts: SimLevelComponents

  constructor(parts: SimLevelComponents) {
    super(parts)
    this.#parts = parts
  }

  override async *keys(range: Partial<KeyRange> & { reverse?: boolean }): AsyncGenerator<Buffer> {
    const keys = await allOf(super.keys(range))
    await this.#walked()
    yield* keys
  }

  #walked(): Promise<void> {
    const { world, host, disk } = this.#parts
    const ms = disk.random.float() * (disk.random.chance(SLOW_ODDS) ? SLOW_MS_MAX : WALK_MS_MAX)
    return new Promise((resolve) => world.after(ms, () => host.run(resolve)))
  }
}
