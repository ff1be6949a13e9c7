/** Three nodes for the recorder, and everything that must be gone after them, whatever happens. */
import { cp, mkdir } from 'node:fs/promises'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DevCluster } from '../../../deploy/dev/dev-cluster.ts'
import { PORT_STEP, THIS_MACHINE } from '../../../deploy/dev/dev-node.ts'
import type { Setting } from '../../../deploy/dev/node-config.ts'
import { waitFor } from '../../../deploy/dev/wait-for.ts'
import { freeBasePort } from '../../helpers/free-base-port.ts'
import { ImageClient } from '../../helpers/image-client.ts'
import { killAll, NODE_COMMAND } from '../../helpers/probe-cluster.ts'
import { GlanceSession } from './glance-session.ts'
import { TestNetwork } from './test-network.ts'
import type { WrongClocks } from './wrong-clocks.ts'

export const NODES = 3

export interface RecordedClusterOptions {
  withNetwork: boolean
  /** null: all nodes have the clock of this machine. */
  clocks: WrongClocks | null
  /** Of all nodes, beside what a cluster of this kind needs. */
  settings?: readonly Setting[]
  signal: AbortSignal
}

export class RecordedCluster {
  readonly dev: DevCluster
  readonly network: TestNetwork | null
  readonly clients: readonly ImageClient[]
  readonly sessions: readonly GlanceSession[]
  readonly #removeAll: () => void

  private constructor(dev: DevCluster, network: TestNetwork | null, removeAll: () => void) {
    this.dev = dev
    this.network = network
    this.clients = dev.nodes.map(({ apiUrl }) => new ImageClient(apiUrl))
    this.sessions = this.clients.map((client) => new GlanceSession(client))
    this.#removeAll = removeAll
  }

  /** Resolves when every node is ready. Leaves nothing behind when it fails. */
  static async start(options: RecordedClusterOptions): Promise<RecordedCluster> {
    const { withNetwork, clocks, settings = [], signal } = options
    // The network first: it leaves nothing behind when it cannot be made.
    const network = withNetwork ? await TestNetwork.create(NODES) : null
    const directory = mkdtempSync(join(tmpdir(), 'serac-recorder-'))
    const removeAll = () => {
      killAll(directory, NODES)
      network?.remove()
      rmSync(directory, { recursive: true, force: true })
    }
    process.once('exit', removeAll)
    const placeOf = (index: number) => {
      const { host, wrapper } = network?.place(index) ?? THIS_MACHINE
      return { host, wrapper: [...wrapper, ...(clocks?.wrapper() ?? [])] }
    }
    const devOptions = { nodeCommand: NODE_COMMAND, progress: () => {}, placeOf, signal }
    try {
      const layout = { nodes: NODES, basePort: await freeBasePort(NODES * PORT_STEP) }
      const remote = withNetwork ? [{ section: 'DEFAULT', name: 'insecure_allow_remote', value: 'true' }] : []
      const dev = await DevCluster.up(directory, layout, [...remote, ...settings], devOptions)
      return new RecordedCluster(dev, network, () => {
        process.off('exit', removeAll)
        removeAll()
      })
    } catch (error) {
      removeAll()
      throw error
    }
  }

  /** Waits until every node takes writes again. Throws when one never does. */
  async allReady(limitMs: number, signal: AbortSignal): Promise<void> {
    for (const node of this.dev.nodes) {
      const isReady = await waitFor(async () => (await node.probe('/ready')) === 200, { limitMs, signal })
      if (!isReady) throw new Error(`node ${node.index} was not ready within ${limitMs / 1000} s`)
    }
  }

  /** Copies what the nodes logged to `directory`, which outlives them. */
  async keepLogs(directory: string): Promise<void> {
    await mkdir(directory, { recursive: true })
    for (const node of this.dev.nodes)
      await cp(join(node.directory, 'serac.log'), join(directory, `node-${node.index}.log`))
  }

  /** Ends the nodes, whatever state they are in, and removes all that they had. */
  async close(): Promise<void> {
    await Promise.all(this.dev.nodes.map(({ process }) => process.kill()))
    this.#removeAll()
  }
}
