/** Real nodes for one benchmark, from dist/, in a directory of their own that goes with them. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DevCluster, type DevClusterOptions } from '../../deploy/dev/dev-cluster.ts'
import { PORT_STEP } from '../../deploy/dev/dev-node.ts'
import type { Setting } from '../../deploy/dev/node-config.ts'
import { waitFor } from '../../deploy/dev/wait-for.ts'
import type { ClusterStatus } from '../../node/status/status-types.ts'
import { freeBasePort } from '../helpers/free-base-port.ts'
import { PROJECT_ROOT } from '../helpers/test-program.ts'
import { wipeDirectory } from '../helpers/wipe-directory.ts'
import { seedImages } from './seed.ts'
import { UsageMeter } from './usage.ts'

/** The built `serac`. */
export const SERAC = join(PROJECT_ROOT, 'dist/bin/serac.cjs')
/** Identities come in headers, so that lists can be asked for as an administrator and as a project. */
export const BENCH_SETTINGS = [{ section: 'DEFAULT', name: 'auth_strategy', value: 'trusted_headers' }]
const READY_LIMIT_MS = 120_000
const FULL_LIMIT_MS = 1_200_000

export class BenchCluster {
  readonly #dev: DevCluster
  readonly #layout: { nodes: number; basePort: number }
  readonly #options: DevClusterOptions
  readonly #settings: readonly Setting[]

  private constructor(
    dev: DevCluster,
    layout: { nodes: number; basePort: number },
    settings: readonly Setting[],
    options: DevClusterOptions,
  ) {
    this.#dev = dev
    this.#layout = layout
    this.#settings = settings
    this.#options = options
  }

  /** `nodeFlags` go to node itself, for profiles. */
  static async up(
    nodes: number,
    nodeFlags: readonly string[],
    settings: readonly Setting[] = BENCH_SETTINGS,
  ): Promise<BenchCluster> {
    const directory = await mkdtemp(join(tmpdir(), 'serac-bench-'))
    const layout = { nodes, basePort: await freeBasePort(nodes * PORT_STEP) }
    const options = { nodeCommand: [process.execPath, ...nodeFlags, SERAC], progress: () => {} }
    const dev = await DevCluster.up(directory, layout, settings, options)
    return new BenchCluster(dev, layout, settings, options)
  }

  get ports(): number[] {
    return this.#dev.nodes.map(({ apiPort }) => apiPort)
  }

  async usage(): Promise<UsageMeter> {
    return new UsageMeter(await this.pids())
  }

  async pids(): Promise<number[]> {
    const pids = await Promise.all(this.#dev.nodes.map(({ process }) => process.pid()))
    return pids.filter((pid) => pid !== null)
  }

  /** What the first node says of all. */
  async status(): Promise<ClusterStatus> {
    const answer = await fetch(new URL('/v1/cluster/status', this.#dev.node(0).operatorUrl))
    return (await answer.json()) as ClusterStatus
  }

  /** Stops all nodes, writes images `from` to `to` into their stores, and starts them again. */
  async seed(from: number, to: number): Promise<void> {
    await this.#dev.down()
    await seedImages(this.#dev, from, to)
    await this.#startAll()
  }

  /** Ends node 0 in order and starts it again; answers how long it takes until it is ready. */
  async restartMs(): Promise<number> {
    await this.#dev.stop(0)
    const beganMs = performance.now()
    await this.#startOne(0)
    return performance.now() - beganMs
  }

  /** Ends a node, takes all that it has, and starts it again; resolves when it is ready. */
  async wipe(index: number): Promise<void> {
    await this.#dev.stop(index)
    await wipeDirectory(this.#dev.node(index).directory)
    await this.#startOne(index)
  }

  /** Resolves when every node is there and has caught up, and every image has all its copies. */
  async full(): Promise<void> {
    const isFull = async () => {
      const { nodes, images, redundancy } = await this.status()
      const isThere = nodes.every(({ state, caughtUp }) => state === 'alive' && caughtUp === true)
      return isThere && images !== null && redundancy?.full === images.active
    }
    if (!(await waitFor(isFull, { limitMs: FULL_LIMIT_MS })))
      throw new Error(`not every image had all its copies within ${FULL_LIMIT_MS} ms`)
  }

  async down(): Promise<void> {
    await this.#dev.down()
    await rm(this.#dev.directory, { recursive: true, force: true })
  }

  async #startOne(index: number): Promise<void> {
    await this.#dev.start(index)
    const node = this.#dev.node(index)
    const isReady = await waitFor(async () => (await node.probe('/ready')) === 200, {
      limitMs: READY_LIMIT_MS,
    })
    if (!isReady) throw new Error(`node ${index} was not ready within ${READY_LIMIT_MS} ms`)
  }

  async #startAll(): Promise<void> {
    await DevCluster.up(this.#dev.directory, this.#layout, this.#settings, this.#options)
  }
}
