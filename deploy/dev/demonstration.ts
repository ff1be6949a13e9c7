/**
 * The promise in one run: upload through one node, kill it, read the same bytes from the others, write while it is gone,
 * and see it catch up when it is back.
 */
import { formatBytes } from '../../node/cli/status-view.ts'
import { fetchStatus } from '../../node/cli/status.ts'
import type { ClusterStatus } from '../../node/status/status-types.ts'
import type { DevCluster } from './dev-cluster.ts'
import { GlanceClient, type Transfer } from './glance-client.ts'
import { waitFor } from './wait-for.ts'

export interface DemonstrationOptions {
  /** A fresh stream of the first image's bytes. */
  image: () => AsyncIterable<Uint8Array>
  /** The same for the upload while a node is dead. */
  secondImage: () => AsyncIterable<Uint8Array>
  say: (line: string) => void
  signal: AbortSignal
}

interface StoredImage extends Transfer {
  id: string
}

/** Generous, since the machine may be busy: catching up moves both images over the loopback. */
const CATCH_UP_LIMIT_MS = 300_000
const MEGABYTE = 1e6

export class Demonstration {
  readonly #cluster: DevCluster
  readonly #options: DemonstrationOptions

  constructor(cluster: DevCluster, options: DemonstrationOptions) {
    this.#cluster = cluster
    this.#options = options
  }

  /** Resolves when all went as promised; throws an error that says what did not. */
  async run(): Promise<void> {
    const { image, secondImage } = this.#options
    const first = await this.#upload(0, 'demo-1', image())
    await this.#step('node 0 killed (SIGKILL)', () => this.#cluster.node(0).process.kill())
    for (const index of [1, 2]) await this.#download(index, first)
    const second = await this.#upload(1, 'demo-2', secondImage())
    await this.#download(2, second)
    await this.#step('node 0 started again', () => this.#cluster.start(0))
    await this.#step('node 0 caught up: every image is complete on every node', () => this.#waitUntilFull())
    for (const stored of [first, second]) await this.#download(0, stored)
  }

  async #upload(index: number, name: string, bytes: AsyncIterable<Uint8Array>): Promise<StoredImage> {
    const client = this.#client(index)
    const { id } = await client.createImage(name)
    const sent = await this.#timed(
      ({ sizeBytes }) => `${name}: ${formatBytes(sizeBytes)} uploaded through node ${index}`,
      () => client.upload(id, bytes),
    )
    const { status, size, os_hash_value: sha512 } = await client.showImage(id)
    if (status !== 'active' || size !== sent.sizeBytes || sha512 !== sent.sha512) {
      throw new Error(`image ${id} is ${status} with ${size} bytes and another sha512 than what was sent`)
    }
    return { id, ...sent }
  }

  async #download(index: number, expected: StoredImage): Promise<void> {
    const got = await this.#timed(
      ({ sizeBytes }) => `${formatBytes(sizeBytes)} read back from node ${index}`,
      () => this.#client(index).download(expected.id),
    )
    if (got.sizeBytes === expected.sizeBytes && got.sha512 === expected.sha512) return
    throw new Error(`node ${index} delivered other bytes for image ${expected.id} than were uploaded`)
  }

  /** Asked of a node that was never down, so that a report from before the kill cannot count. */
  async #waitUntilFull(): Promise<void> {
    let last: ClusterStatus | null = null
    const isFull = await waitFor(
      async () => {
        last = await fetchStatus(this.#cluster.node(1).operatorUrl).catch(() => last)
        return last !== null && isComplete(last)
      },
      { limitMs: CATCH_UP_LIMIT_MS, signal: this.#options.signal },
    )
    if (!isFull) throw new Error(`node 0 did not catch up within ${CATCH_UP_LIMIT_MS / 1000} s`)
  }

  #client(index: number): GlanceClient {
    return new GlanceClient(this.#cluster.node(index).apiUrl, this.#options.signal)
  }

  #step(what: string, action: () => Promise<void>): Promise<void> {
    return this.#timed(() => what, action)
  }

  async #timed<T>(describe: (result: T) => string, action: () => Promise<T>): Promise<T> {
    const startMs = performance.now()
    const result = await action()
    const seconds = (performance.now() - startMs) / 1000
    this.#options.say(
      `${describe(result).padEnd(60)} ${seconds.toFixed(1).padStart(6)} s${rate(result, seconds)}`,
    )
    return result
  }
}

/** All nodes answer for themselves, and each active image has every copy it should have. */
function isComplete({ nodes, images, redundancy }: ClusterStatus): boolean {
  const allAnswer = nodes.every(({ state, caughtUp }) => state === 'alive' && caughtUp === true)
  return allAnswer && images !== null && redundancy !== null && redundancy.full === images.active
}

function rate(result: unknown, seconds: number): string {
  const { sizeBytes } = (result ?? {}) as Partial<Transfer>
  return sizeBytes === undefined ? '' : ` ${Math.round(sizeBytes / MEGABYTE / seconds)} MB/s`
}
