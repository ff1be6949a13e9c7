/** A cluster of several nodes on one machine, for development, demonstrations and tests. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { keygen } from '../../node/cli/keygen.ts'
import { loadConfig } from '../../node/config/load.ts'
import { DevNode, LOOPBACK, type NodePlace, PORT_STEP, THIS_MACHINE } from './dev-node.ts'
import { busyPorts } from './free-ports.ts'
import { nodeConfig, type Setting } from './node-config.ts'
import { waitFor } from './wait-for.ts'

export interface DevClusterOptions {
  /** Program and arguments that run a node; `start --config-file FILE` is appended. */
  nodeCommand: readonly string[]
  /** Where node I runs, asked at each of its starts; this machine when not given. Its address must not change. */
  placeOf?: (index: number) => NodePlace
  /** Tells people what goes on, one line at a time. */
  progress: (line: string) => void
  /** Ends every wait. */
  signal?: AbortSignal
}

export interface DevLayout {
  nodes: number
  basePort: number
}

export const BASE_PORT_DEFAULT = 19_292

/** Four figures of ports and memory for one machine. */
const NODES_MAX = 20
const PORT_MAX = 65_535
/** Loading all packages on a busy machine takes seconds; a first election none. */
const READY_LIMIT_MS = 60_000
/** As long as a node allows itself to stop in order, see run-until-stopped.ts, and a little. */
const STOP_LIMIT_MS = 35_000
/** `down` need not be in order: the store is built for power cuts. */
const DOWN_LIMIT_MS = 10_000
const LAYOUT_FILE = 'cluster.json'

export class DevCluster {
  readonly directory: string
  readonly nodes: readonly DevNode[]
  readonly #options: DevClusterOptions

  private constructor(directory: string, { nodes, basePort }: DevLayout, options: DevClusterOptions) {
    this.directory = resolve(directory)
    this.#options = options
    this.nodes = Array.from(
      { length: nodes },
      (_, index) => new DevNode(this.directory, basePort, index, this.#placeOf(index).host),
    )
  }

  /** The cluster that `up` made in `directory`. */
  static async open(directory: string, options: DevClusterOptions): Promise<DevCluster> {
    const layout = await readLayout(directory)
    if (layout === null) throw new Error(`there is no development cluster in ${directory}`)
    return new DevCluster(directory, layout, options)
  }

  /**
   * Starts all nodes of a new cluster, or again those of one that is down, and waits until every one is ready. Leaves no
   * process behind when it fails.
   */
  static async up(
    directory: string,
    layout: DevLayout,
    settings: readonly Setting[],
    options: DevClusterOptions,
  ): Promise<DevCluster> {
    checkLayout(layout)
    const cluster = new DevCluster(directory, layout, options)
    await cluster.#prepare(layout, settings)
    try {
      for (const node of cluster.nodes) await cluster.#spawn(node)
      await Promise.all(
        cluster.nodes.map((node) => cluster.#waitUntil(node, '/ready', (status) => status === 200)),
      )
      return cluster
    } catch (error) {
      await cluster.down()
      throw error
    }
  }

  node(index: number): DevNode {
    const node = this.nodes[index]
    if (node === undefined) throw new Error(`there is no node ${index}, only 0 to ${this.nodes.length - 1}`)
    return node
  }

  /** Starts a dead node and waits until its API answers; without a majority it cannot become ready. */
  async start(index: number): Promise<void> {
    const node = this.node(index)
    if ((await node.process.state()) !== 'dead') throw new Error(`node ${index} runs already`)
    await this.#spawn(node)
    await this.#waitUntil(node, '/healthcheck', (status) => status !== null)
  }

  /** Ends a node in order. */
  async stop(index: number): Promise<void> {
    const isDead = await this.node(index).process.stop(STOP_LIMIT_MS)
    if (!isDead) throw new Error(`node ${index} did not stop within ${STOP_LIMIT_MS / 1000} s`)
  }

  /** Ends all nodes, whatever state they are in. Their data stays. */
  async down(): Promise<void> {
    await Promise.all(
      this.nodes.map(async ({ process }) => {
        if (!(await process.stop(DOWN_LIMIT_MS))) await process.kill()
      }),
    )
  }

  #placeOf(index: number): NodePlace {
    return this.#options.placeOf?.(index) ?? THIS_MACHINE
  }

  async #prepare(layout: DevLayout, settings: readonly Setting[]): Promise<void> {
    const before = await readLayout(this.directory)
    if (before !== null && (before.nodes !== layout.nodes || before.basePort !== layout.basePort)) {
      throw new Error(
        `${this.directory} holds a cluster of ${before.nodes} nodes from port ${before.basePort}; ` +
          'start it with the same numbers, or take another directory',
      )
    }
    await this.#refuseIfUp()
    const busy = await busyPorts(
      LOOPBACK,
      // An address of a namespace is nobody else's, and cannot be tried from here.
      this.nodes.flatMap(({ host, ports }) => (host === LOOPBACK ? ports : [])),
    )
    if (busy.length > 0) {
      throw new Error(`these ports are in use: ${busy.join(', ')}; choose others with --base-port`)
    }
    await this.#writeConfigs(settings)
    await writeFile(join(this.directory, LAYOUT_FILE), JSON.stringify(layout))
  }

  async #refuseIfUp(): Promise<void> {
    for (const node of this.nodes) {
      if ((await node.process.state()) === 'dead') continue
      throw new Error(`node ${node.index} of ${this.directory} runs already; take the cluster down first`)
    }
  }

  async #writeConfigs(settings: readonly Setting[]): Promise<void> {
    const members: string[] = []
    for (const { directory, host, controlPort } of this.nodes) {
      await mkdir(directory, { recursive: true })
      members.push(`${await keygen(directory)}@${host}:${controlPort}`)
    }
    for (const node of this.nodes) {
      await writeFile(node.configFile, nodeConfig(node, members, settings))
      // Says at once what is wrong with a --set, before nodes fail over it.
      await loadConfig({ files: [node.configFile], directories: [] }, {})
    }
  }

  async #spawn(node: DevNode): Promise<void> {
    const { wrapper } = this.#placeOf(node.index)
    const command = [...wrapper, ...this.#options.nodeCommand, 'start', '--config-file', node.configFile]
    await node.process.start(command, nodeEnvironment())
    this.#options.progress(`node ${node.index} starts, log in ${join(node.directory, 'serac.log')}`)
  }

  /** Waits for the node's answer to `path`; a node that dies meanwhile ends the wait with the end of its log. */
  async #waitUntil(node: DevNode, path: string, isGood: (status: number | null) => boolean): Promise<void> {
    const { progress, signal } = this.#options
    const isUp = await waitFor(
      async () => {
        if (isGood(await node.probe(path))) return true
        if ((await node.process.state()) !== 'dead') return false
        throw new Error(`node ${node.index} ended while it started:\n${await node.process.logTail()}`)
      },
      { limitMs: READY_LIMIT_MS, signal },
    )
    if (!isUp) {
      const limit = `${READY_LIMIT_MS / 1000} s`
      throw new Error(`node ${node.index} was not up within ${limit}:\n${await node.process.logTail()}`)
    }
    progress(`node ${node.index} is up`)
  }
}

async function readLayout(directory: string): Promise<DevLayout | null> {
  const file = join(directory, LAYOUT_FILE)
  try {
    return JSON.parse(await readFile(file, 'utf8')) as DevLayout
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw new Error(`cannot read ${file}: ${(error as Error).message}`, { cause: error })
  }
}

function checkLayout({ nodes, basePort }: DevLayout): void {
  if (!(Number.isInteger(nodes) && nodes >= 1 && nodes <= NODES_MAX)) {
    throw new Error(`a development cluster has 1 to ${NODES_MAX} nodes`)
  }
  const basePortMax = PORT_MAX - PORT_STEP * nodes
  if (!(Number.isInteger(basePort) && basePort >= 1 && basePort <= basePortMax)) {
    throw new Error(`the base port must be from 1 to ${basePortMax}`)
  }
}

/** As in the systemd unit, which says why. */
const MALLOC_ARENA_MAX = '2'

/**
 * Without options of the shell's own nodes, since the written file is all that counts here, and without NODE_OPTIONS: what
 * it preloads would start the thread pool before serac.cts can size it.
 */
function nodeEnvironment(): NodeJS.ProcessEnv {
  const isForeign = (name: string) => name === 'NODE_OPTIONS' || /^OS_.*__/.test(name)
  const own = Object.entries(process.env).filter(([name]) => !isForeign(name))
  return { MALLOC_ARENA_MAX, ...Object.fromEntries(own) }
}
