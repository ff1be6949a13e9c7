/**
 * The race of uploads, deletes and reapers: clients upload images that share chunks, delete and read them, while nothing
 * that is unwanted is kept for longer than it takes to find it. After each round the clients rest, and every node is
 * looked at from within: it holds exactly what the images consist of.
 */
import { sleep, systemClock } from '../../../cluster/runtime.ts'
import type { DevCluster } from '../../../deploy/dev/dev-cluster.ts'
import type { Setting } from '../../../deploy/dev/node-config.ts'
import type { ImageClient } from '../../helpers/image-client.ts'
import type { SeededRandom } from '../../sim/world/seeded-random.ts'
import { awaitRest, damageFound, lookWithin } from './inspection.ts'
import { OverlappingImages } from './overlapping-images.ts'
import { SoakClient, type SoakCounts } from './soak-client.ts'

export interface SoakComponents {
  cluster: { dev: DevCluster; clients: readonly ImageClient[] }
  random: SeededRandom
  signal: AbortSignal
}

export interface SoakRound {
  counts: SoakCounts
  /** One sentence for each thing that must not be. */
  wrong: string[]
}

/** Nothing is kept out of caution, and every chunk is read back within a minute. */
export const SOAK_SETTINGS: readonly Setting[] = [
  { section: 'store', name: 'reclaim_grace', value: '0s' },
  { section: 'audit', name: 'period', value: '60s' },
]
const CLIENTS = 6

export class Soak {
  readonly #components: SoakComponents
  readonly #clients: SoakClient[]
  #isLoaded = false

  constructor(components: SoakComponents) {
    this.#components = components
    const { random, cluster } = components
    const images = new OverlappingImages(random.fork('images'))
    this.#clients = Array.from({ length: CLIENTS }, (_, index) => {
      const isOver = () => !this.#isLoaded
      return new SoakClient({ ...cluster, random: random.fork(`client ${index}`), images, isOver })
    })
  }

  /** Load for `loadMs`, then the look from within. Rejects when a client gets no answer, or the signal is aborted. */
  async round(loadMs: number): Promise<SoakRound> {
    this.#isLoaded = true
    const running = Promise.all(this.#clients.map((client) => client.run()))
    try {
      await Promise.race([running, sleep(systemClock, loadMs, this.#components.signal)])
    } finally {
      this.#isLoaded = false
      await running
    }
    const wrong = await this.#inspect()
    wrong.unshift(...this.#clients.flatMap((client) => client.wrong.splice(0)))
    return { counts: this.#takeCounts(), wrong }
  }

  async #inspect(): Promise<string[]> {
    const { dev } = this.#components.cluster
    const images = this.#clients.flatMap(({ live }) => live.map(({ image }) => image))
    const wrong = await awaitRest(dev, images)
    for (const client of this.#clients) for (const image of client.live) await client.read(image)
    return [...wrong, ...(await damageFound(dev)), ...(await lookWithin(dev, images))]
  }

  #takeCounts(): SoakCounts {
    const sum: SoakCounts = {}
    for (const { counts } of this.#clients)
      for (const [what, count] of Object.entries(counts)) {
        sum[what] = (sum[what] ?? 0) + count
        counts[what] = 0
      }
    return sum
  }
}
