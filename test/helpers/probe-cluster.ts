/** Real nodes for one probe test: started from dist/ on free ports, always ended with the test. */
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import { DevCluster, type DevClusterOptions } from '../../deploy/dev/dev-cluster.ts'
import type { Setting } from '../../deploy/dev/node-config.ts'
import { PORT_STEP } from '../../deploy/dev/dev-node.ts'
import { waitFor } from '../../deploy/dev/wait-for.ts'
import type { ClusterStatus, NodeStatus } from '../../node/status/status-types.ts'
import { freeBasePort } from './free-base-port.ts'
import { ImageClient } from './image-client.ts'
import { PROJECT_ROOT } from './test-program.ts'

export interface ProbeOptions extends Partial<Pick<DevClusterOptions, 'nodeCommand' | 'placeOf'>> {
  nodes?: number
  settings?: readonly Setting[]
  /** Called with the cluster's directory before anything is in it. */
  prepare?: (directory: string) => Promise<void>
}

/** The built `serac`, a script for node. */
export const SERAC = join(PROJECT_ROOT, 'dist/bin/serac.cjs')
/** As from a shell: the test runner puts hooks of its own into NODE_OPTIONS of every child. `env` becomes the node. */
export const NODE_COMMAND = ['env', '-u', 'NODE_OPTIONS', process.execPath, SERAC]

/** No assertion: only so that a state that never comes ends the test with a message instead of a hang. */
const STATE_LIMIT_MS = 120_000
/** Of each node's log, when a test fails: some minutes of a quiet cluster. */
const LOG_LINES_SHOWN = 60

export class ProbeCluster {
  readonly dev: DevCluster
  readonly clients: readonly ImageClient[]

  private constructor(dev: DevCluster) {
    this.dev = dev
    this.clients = dev.nodes.map(({ apiUrl }) => new ImageClient(apiUrl))
  }

  /** Resolves when every node is ready. */
  static async start(t: Test, options: ProbeOptions = {}): Promise<ProbeCluster> {
    const { nodes = 3, settings = [], prepare, ...where } = options
    const devOptions = { nodeCommand: NODE_COMMAND, progress: () => {}, ...where }
    // Before testdir(), or else the directory with the pid files goes first and the processes stay.
    t.teardown(async () => {
      const dev = await DevCluster.open(t.testdirName, devOptions).catch(() => null)
      if (dev && !t.passing()) await new ProbeCluster(dev).#explain(t)
      await dev?.down()
    })
    const directory = t.testdir()
    process.once('exit', () => killAll(directory, nodes))
    await prepare?.(directory)
    const basePort = await freeBasePort(nodes * PORT_STEP)
    return new ProbeCluster(await DevCluster.up(directory, { nodes, basePort }, settings, devOptions))
  }

  /** The client of node `index`, modulo the number of nodes. */
  client(index: number): ImageClient {
    return this.clients[index % this.clients.length]!
  }

  pids(): Promise<(number | null)[]> {
    return Promise.all(this.dev.nodes.map(({ process }) => process.pid()))
  }

  /** What node `index` has written on stdout and stderr in all its runs. */
  log(index: number): Promise<string> {
    return readFile(join(this.dev.node(index).directory, 'serac.log'), 'utf8')
  }

  async status(index: number): Promise<ClusterStatus> {
    const answer = await fetch(new URL('/v1/cluster/status', this.dev.node(index).operatorUrl))
    if (!answer.ok) throw new Error(`the status of node ${index} answered ${answer.status}`)
    return (await answer.json()) as ClusterStatus
  }

  /** The status of node `index` as it tells of itself. */
  async ownStatus(index: number): Promise<NodeStatus> {
    const { apiUrl } = this.dev.node(index)
    const own = (await this.status(index)).nodes.find(({ api }) => api === apiUrl)
    if (!own) throw new Error(`node ${index} does not show itself`)
    return own
  }

  /** Resolves when node `index` shows a check of this code about node `who`. */
  async shows(index: number, code: string, who: number): Promise<void> {
    await eventually(`node ${index} shows ${code} of node ${who}`, () => this.isShown(index, code, who))
  }

  /** Whether it does so now. */
  async isShown(index: number, code: string, who: number): Promise<boolean> {
    const { apiUrl } = this.dev.node(who)
    const { checks, nodes } = await this.status(index)
    const id = nodes.find(({ api }) => api === apiUrl)?.id
    return id !== undefined && checks.some((check) => check.code === code && check.who === id)
  }

  /** Pauses, resumes or paces a background loop of node `index`. */
  async setLoop(index: number, name: string, changes: object): Promise<void> {
    const { operatorUrl } = this.dev.node(index)
    const answer = await fetch(new URL(`/v1/cluster/loops/${name}`, operatorUrl), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(changes),
    })
    if (!answer.ok) throw new Error(`the loop could not be set: ${await answer.text()}`)
  }

  /** What each node says of itself and has logged last, for whoever reads of a failure on another machine. */
  async #explain(t: Test): Promise<void> {
    for (const index of this.dev.nodes.keys()) {
      const status = await this.status(index).then(
        ({ verdict, nodes, checks }) => JSON.stringify({ verdict, nodes, checks }, null, 2),
        (error: unknown) => String(error),
      )
      const lines = (await this.log(index)).trimEnd().split('\n').slice(-LOG_LINES_SHOWN)
      t.comment(`node ${index}: ${status}\n${lines.join('\n')}`)
    }
  }

  /** Resolves when node `index` answers `/ready` with `status`. */
  async ready(index: number, status = 200): Promise<void> {
    const node = this.dev.node(index)
    await eventually(
      `/ready of node ${index} is ${status}`,
      async () => (await node.probe('/ready')) === status,
    )
  }

  /** Resolves when all nodes are up and every image with data has all its copies, as node `index` sees it. */
  async full(index: number, limits: { limitMs?: number } = {}): Promise<void> {
    const isFull = async () => {
      const { nodes, images, redundancy } = await this.status(index)
      if (!nodes.every(({ state, caughtUp }) => state === 'alive' && caughtUp)) return false
      if (images === null || redundancy === null) return false
      // Deactivated ones have data, too.
      const { full, underReplicated, unavailable, unknown } = redundancy
      return full >= images.active && underReplicated + unavailable + unknown === 0
    }
    await eventually('every image is complete on every node that should hold it', isFull, limits)
  }
}

/** For a test that is cut off by its time limit: no teardown runs then. The pid files of ended nodes are gone. */
export function killAll(directory: string, nodes: number): void {
  for (let index = 0; index < nodes; index++) {
    try {
      const { pid } = JSON.parse(readFileSync(join(directory, `node-${index}/serac.pid`), 'utf8')) as {
        pid: number
      }
      process.kill(pid, 'SIGKILL')
    } catch {
      continue
    }
  }
}

/** Asks until `condition` holds; a condition that throws does not hold yet. */
export async function eventually(
  what: string,
  condition: () => Promise<boolean>,
  { limitMs = STATE_LIMIT_MS }: { limitMs?: number } = {},
): Promise<void> {
  let failure: unknown
  const holds = await waitFor(
    async () => {
      try {
        return await condition()
      } catch (error) {
        failure = error
        return false
      }
    },
    { limitMs },
  )
  if (!holds) throw new Error(`it never came to this: ${what}`, { cause: failure })
}
