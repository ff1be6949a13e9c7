/** What the data benchmark measures: a running image service with the Glance API, ours or another, that asks for no token. */
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freeBasePort } from '../helpers/free-base-port.ts'
import { BenchCluster } from './bench-cluster.ts'
import { processesOf } from './usage.ts'

export interface ImageServer {
  readonly name: string
  /** The API that clients talk to. */
  readonly port: number
  /** Every process that works for it. */
  pids(): Promise<number[]>
  /** 99th percentile of the event-loop delay of the worst node within the last seconds; null where nobody says. */
  loopDelayMs(): Promise<number | null>
  stop(): Promise<void>
}

const run = promisify(execFile)
/** Nobody is asked who they are. */
export const NO_AUTH = [{ section: 'DEFAULT', name: 'auth_strategy', value: 'noauth' }]
const PEERS = join(import.meta.dirname, 'peers')
/** Swift takes up to 33 ports above its own. */
const PORTS_PER_PEER = 40

export class SeracServer implements ImageServer {
  readonly name: string
  readonly cluster: BenchCluster

  private constructor(name: string, cluster: BenchCluster) {
    this.name = name
    this.cluster = cluster
  }

  static async start(nodes: number, nodeFlags: readonly string[]): Promise<SeracServer> {
    const name = nodes === 1 ? 'one node' : `${nodes} nodes`
    return new SeracServer(name, await BenchCluster.up(nodes, nodeFlags, NO_AUTH))
  }

  get port(): number {
    return this.cluster.ports[0] as number
  }

  pids(): Promise<number[]> {
    return this.cluster.pids()
  }

  async loopDelayMs(): Promise<number | null> {
    const { nodes } = await this.cluster.status()
    return Math.max(...nodes.map(({ eventLoopDelay }) => eventLoopDelay?.p99Ms ?? 0))
  }

  stop(): Promise<void> {
    return this.cluster.down()
  }
}

/** Debian's Glance, with files or with Swift behind it: started by the scripts in peers/. */
export class GlanceServer implements ImageServer {
  readonly name: string
  readonly port: number
  /** Glance's, and Swift's where there is one; each has its pid files in pids/. */
  readonly #directories: readonly string[]
  readonly #directory: string

  private constructor(name: string, port: number, directory: string) {
    this.name = name
    this.port = port
    this.#directory = directory
    this.#directories = ['glance', 'swift'].map((part) => join(directory, part))
  }

  /** Null where Debian's packages are not installed. */
  static async start(kind: 'glance' | 'glance+swift'): Promise<GlanceServer | null> {
    const program = kind === 'glance' ? 'glance-api' : 'swift-proxy-server'
    if (!(await run('which', [program]).catch(() => null))) return null
    const port = await freeBasePort(PORTS_PER_PEER)
    const directory = await mkdtemp(join(tmpdir(), 'serac-bench-peer-'))
    const server = new GlanceServer(kind, port, directory)
    try {
      await server.#up()
      return server
    } catch (error) {
      await server.stop()
      throw error
    }
  }

  async pids(): Promise<number[]> {
    const groups: number[] = []
    for (const directory of this.#directories) {
      const files = await readdir(join(directory, 'pids')).catch(() => [])
      for (const file of files) groups.push(Number(await readFile(join(directory, 'pids', file), 'utf8')))
    }
    return processesOf(groups)
  }

  loopDelayMs(): Promise<null> {
    return Promise.resolve(null)
  }

  async stop(): Promise<void> {
    for (const directory of this.#directories) await run(join(PEERS, 'down'), [directory])
    await rm(this.#directory, { recursive: true, force: true })
  }

  async #up(): Promise<void> {
    const [glance = '', swift = ''] = this.#directories
    const swiftPort = this.port + 1
    if (this.name === 'glance+swift') await run(join(PEERS, 'swift-up'), [swift, String(swiftPort)])
    const authUrl = this.name === 'glance+swift' ? [`http://127.0.0.1:${swiftPort}/auth/v1.0`] : []
    await run(join(PEERS, 'glance-up'), [glance, String(this.port), ...authUrl])
  }
}
