/** Real nodes for one benchmark that join a cluster one after the other, in a directory of their own that goes with them. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DevNode, PORT_STEP } from '../../deploy/dev/dev-node.ts'
import { nodeConfig } from '../../deploy/dev/node-config.ts'
import { waitFor } from '../../deploy/dev/wait-for.ts'
import type { NodesDocument } from '../../node/status/cluster-admin.ts'
import { freeBasePort } from '../helpers/free-base-port.ts'
import { runCommand } from '../helpers/run-command.ts'
import { BENCH_SETTINGS, SERAC } from './bench-cluster.ts'
import { seedStore } from './seed.ts'

const READY_LIMIT_MS = 120_000
const CHANGE_LIMIT_MS = 900_000
const LOG_LIMIT_MS = 5000
const STOP_LIMIT_MS = 10_000

/** What the node that drove a change of the voters wrote about it. */
export interface VotersChanged {
  voters: string[]
  registers: number
  copied: number
  copiedBytes: number
  settled: number
}

export class GrowingCluster {
  readonly nodes: readonly DevNode[]
  readonly #directory: string
  readonly #nodeFlags: readonly string[]

  private constructor(directory: string, nodes: readonly DevNode[], nodeFlags: readonly string[]) {
    this.#directory = directory
    this.nodes = nodes
    this.#nodeFlags = nodeFlags
  }

  /** Configured; none runs. */
  static async create(count: number, nodeFlags: readonly string[]): Promise<GrowingCluster> {
    const directory = await mkdtemp(join(tmpdir(), 'serac-bench-grow-'))
    const basePort = await freeBasePort(count * PORT_STEP)
    const nodes = Array.from({ length: count }, (_, index) => new DevNode(directory, basePort, index))
    for (const node of nodes) {
      await mkdir(node.directory, { recursive: true })
      await writeFile(node.configFile, nodeConfig(node, [], BENCH_SETTINGS))
    }
    return new GrowingCluster(directory, nodes, nodeFlags)
  }

  /** Node 0 founds the cluster, with images in its store. */
  async found(images: number): Promise<void> {
    await this.#offline(0, 'init')
    await seedStore(this.#node(0).configFile, 0, images)
    await this.#start(0)
  }

  /** By an invite of node 0; it does not vote yet. */
  async join(index: number): Promise<void> {
    const invite = await this.#run('invite', '--url', this.#node(0).operatorUrl)
    await this.#offline(index, 'join', invite.trim())
    await this.#start(index)
  }

  /** Makes these nodes the voters, asked for at the first of them; resolves when they alone count. */
  async vote(indexes: readonly number[]): Promise<VotersChanged> {
    const ids = await Promise.all(indexes.map((index) => this.#idOf(index)))
    const url = new URL('/v1/cluster/voters', this.#node(0).operatorUrl)
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ voters: ids }),
    })
    if (!answer.ok) throw new Error(`the change of the voters was refused: ${await answer.text()}`)
    const wanted = ids.toSorted().join()
    const isDone = await waitFor(async () => (await this.#voters()) === wanted, { limitMs: CHANGE_LIMIT_MS })
    if (!isDone) throw new Error(`the voters did not change within ${CHANGE_LIMIT_MS} ms`)
    return this.#changeTo(wanted)
  }

  async down(): Promise<void> {
    await Promise.all(
      // In order where they can: a profile that was asked for is written at the end.
      this.nodes.map(async ({ process }) => (await process.stop(STOP_LIMIT_MS)) || (await process.kill())),
    )
    await rm(this.#directory, { recursive: true, force: true })
  }

  /** While a change is under way, nothing. */
  async #voters(): Promise<string> {
    const answer = await fetch(new URL('/v1/cluster/nodes', this.#node(0).operatorUrl))
    const { joint, nodes } = (await answer.json()) as NodesDocument
    if (joint) return ''
    const voters = nodes.filter(({ votes }) => votes).map(({ id }) => id)
    return voters.toSorted().join()
  }

  /** What the node that drove the change wrote, a moment after it was done. */
  async #changeTo(voters: string): Promise<VotersChanged> {
    let found: VotersChanged | undefined
    await waitFor(
      async () => {
        found = (await this.#changes()).find((change) => change.voters.toSorted().join() === voters)
        return found !== undefined
      },
      { limitMs: LOG_LIMIT_MS },
    )
    if (!found) throw new Error('no node wrote that the voters have changed')
    return found
  }

  async #changes(): Promise<VotersChanged[]> {
    const logs = await Promise.all(
      this.nodes.map(({ directory }) => readFile(join(directory, 'serac.log'), 'utf8').catch(() => '')),
    )
    const lines = logs.join('').split('\n')
    return lines
      .filter((line) => line.includes('"the voters have changed"'))
      .map((line) => JSON.parse(line) as VotersChanged)
  }

  #node(index: number): DevNode {
    return this.nodes[index] as DevNode
  }

  async #start(index: number): Promise<void> {
    const node = this.#node(index)
    const command = [process.execPath, ...this.#nodeFlags, SERAC, 'start', '--config-file', node.configFile]
    await node.process.start(command, process.env)
    const isReady = await waitFor(async () => (await node.probe('/ready')) === 200, {
      limitMs: READY_LIMIT_MS,
    })
    if (!isReady) throw new Error(`node ${index} was not ready:\n${await node.process.logTail()}`)
  }

  async #idOf(index: number): Promise<string> {
    return (await this.#run('keygen', '--state-path', this.#node(index).directory)).trim()
  }

  #offline(index: number, ...args: string[]): Promise<string> {
    return this.#run(...args, '--config-file', this.#node(index).configFile)
  }

  async #run(...args: string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await runCommand(process.execPath, [SERAC, ...args])
    if (exitCode !== 0) throw new Error(stderr)
    return stdout
  }
}
