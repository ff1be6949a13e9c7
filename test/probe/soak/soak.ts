/**
 * The race of uploads, deletes and reapers: clients upload images that share chunks, delete and read them, while nothing
 * that is unwanted is kept for longer than it takes to find it. After each round the clients rest, and every node is
 * looked at from within: it holds exactly what the images consist of.
 */
import { sleep, systemClock } from '../../../cluster/runtime.ts'
import type { DevCluster } from '../../../deploy/dev/dev-cluster.ts'
import type { Setting } from '../../../deploy/dev/node-config.ts'
import { waitFor } from '../../../deploy/dev/wait-for.ts'
import { fetchStatus } from '../../../node/cli/status.ts'
import type { ImageClient } from '../../helpers/image-client.ts'
import { judgeStored, storedChunks } from '../../helpers/stored-chunks.ts'
import type { SeededRandom } from '../../sim/world/seeded-random.ts'
import { OverlappingImages } from './overlapping-images.ts'
import { SoakClient, type LiveImage, type SoakCounts } from './soak-client.ts'

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
/** No promise, only the end of waiting for what never comes. */
const REST_LIMIT_MS = 120_000

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
    const wrong = [...(await this.#awaitRest()), ...(await this.#readAll()), ...(await this.#lookWithin())]
    wrong.unshift(...this.#clients.flatMap((client) => client.wrong.splice(0)))
    return { counts: this.#takeCounts(), wrong }
  }

  /** Until every image is everywhere, and nothing else is. */
  async #awaitRest(): Promise<string[]> {
    const bytesOnDisk = new Map(this.#live().flatMap(({ image }) => [...image.bytesOnDisk]))
    const storedBytes = [...bytesOnDisk.values()].reduce((sum, bytes) => sum + bytes, 0)
    const { dev } = this.#components.cluster
    const seen: string[] = []
    const isAtRest = async () => {
      const { nodes, images, redundancy } = await fetchStatus(dev.node(0).operatorUrl)
      seen.splice(0, 1, JSON.stringify({ images, redundancy, stored: nodes.map((node) => node.storedBytes) }))
      const isFull = images?.active === this.#live().length && redundancy?.full === images.active
      return isFull && nodes.every((node) => node.storedBytes === storedBytes)
    }
    const came = await waitFor(() => isAtRest().catch(() => false), { limitMs: REST_LIMIT_MS })
    return came ? [] : [`no rest: ${this.#live().length} images of ${storedBytes} bytes wanted, ${seen[0]}`]
  }

  async #readAll(): Promise<string[]> {
    for (const client of this.#clients) for (const image of client.live) await client.read(image)
    const { nodes } = await fetchStatus(this.#components.cluster.dev.node(0).operatorUrl)
    return nodes.flatMap(({ id, integrity }) =>
      integrity?.found === 0 ? [] : [`node ${id} found ${integrity?.found ?? '?'} damaged chunks`],
    )
  }

  async #lookWithin(): Promise<string[]> {
    const { dev } = this.#components.cluster
    const images = this.#live().map(({ image }) => image)
    for (const { index } of dev.nodes) await dev.stop(index)
    const wrong: string[] = []
    for (const { index, directory } of dev.nodes)
      for (const what of judgeStored(await storedChunks(directory), images))
        wrong.push(`node ${index}: ${what}`)
    for (const { index } of dev.nodes) await dev.start(index)
    const isReady = async () => {
      const statuses = await Promise.all(dev.nodes.map((node) => node.probe('/ready')))
      return statuses.every((status) => status === 200)
    }
    if (!(await waitFor(isReady, { limitMs: REST_LIMIT_MS })))
      wrong.push('the nodes did not become ready again')
    return wrong
  }

  #live(): LiveImage[] {
    return this.#clients.flatMap(({ live }) => live)
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
