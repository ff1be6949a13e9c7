/** Real nodes that belong to no cluster yet, for tests of init, join and recovery. */
import { readFileSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import { DevNode, type NodePlace, PORT_STEP, THIS_MACHINE } from '../../deploy/dev/dev-node.ts'
import { nodeConfig, type Setting } from '../../deploy/dev/node-config.ts'
import type { NodesDocument } from '../../node/status/cluster-admin.ts'
import type { ClusterStatus } from '../../node/status/status-types.ts'
import { freeBasePort } from './free-base-port.ts'
import { ImageClient } from './image-client.ts'
import { eventually, NODE_COMMAND, SERAC } from './probe-cluster.ts'
import { runCommand, type CommandResult } from './run-command.ts'

export class SingleNodes {
  readonly nodes: readonly DevNode[]
  readonly clients: readonly ImageClient[]

  readonly #placeOf: (index: number) => NodePlace

  private constructor(nodes: readonly DevNode[], placeOf: (index: number) => NodePlace) {
    this.nodes = nodes
    this.#placeOf = placeOf
    this.clients = nodes.map(({ apiUrl }) => new ImageClient(apiUrl))
  }

  /** Configured, with nothing in their directories and no list of members; none runs. */
  static async create(
    t: Test,
    count: number,
    settings: Setting[] = [],
    placeOf: (index: number) => NodePlace = () => THIS_MACHINE,
  ): Promise<SingleNodes> {
    // Before testdir(), or else the directory with the pid files goes first and the processes stay.
    t.teardown(() => Promise.all(nodes.map(({ process }) => process.kill())))
    const directory = t.testdir()
    const basePort = await freeBasePort(count * PORT_STEP)
    const nodes = Array.from(
      { length: count },
      (_, index) => new DevNode(directory, basePort, index, placeOf(index).host),
    )
    process.once('exit', () => nodes.forEach((node) => killLeftover(node)))
    const members = new SingleNodes(nodes, placeOf)
    for (const index of nodes.keys()) await members.configure(index, settings)
    return members
  }

  async configure(index: number, settings: Setting[] = [], members: string[] = []): Promise<void> {
    const node = this.node(index)
    await mkdir(node.directory, { recursive: true })
    await writeFile(node.configFile, nodeConfig(node, members, settings))
  }

  node(index: number): DevNode {
    const node = this.nodes[index]
    if (!node) throw new Error(`there is no node ${index}`)
    return node
  }

  client(index: number): ImageClient {
    return this.clients[index % this.clients.length]!
  }

  /** An offline command with the configuration of a node. */
  offline(index: number, ...args: string[]): Promise<CommandResult> {
    const command = [process.execPath, SERAC, ...args, '--config-file', this.node(index).configFile]
    const [program = '', ...rest] = [...this.#placeOf(index).wrapper, ...command]
    return runCommand(program, rest)
  }

  /** A command that asks the operator port of a node. */
  ask(index: number, ...args: string[]): Promise<CommandResult> {
    return runCommand(process.execPath, [SERAC, ...args, '--url', this.node(index).operatorUrl])
  }

  /** Resolves when its API answers; it may not be ready yet. */
  async start(index: number): Promise<void> {
    const node = this.node(index)
    const { wrapper } = this.#placeOf(index)
    const command = [...wrapper, ...NODE_COMMAND, 'start', '--config-file', node.configFile]
    await node.process.start(command, process.env)
    await eventually(`node ${index} answers`, async () => {
      if ((await node.process.state()) === 'dead') throw new Error(await node.process.logTail())
      return (await node.probe('/healthcheck')) !== null
    })
  }

  /** Resolves with the log of a start that is to fail. */
  async failedStart(index: number): Promise<string> {
    const { exitCode, stderr } = await this.offline(index, 'start')
    if (exitCode === 0) throw new Error('it started')
    return stderr
  }

  /** A cluster of one. */
  async found(index: number): Promise<void> {
    const { exitCode, stderr } = await this.offline(index, 'init')
    if (exitCode !== 0) throw new Error(stderr)
    await this.start(index)
    await this.ready(index)
  }

  /** Lets `index` join by an invite of `host`, and starts it. */
  async join(host: number, index: number): Promise<void> {
    const { exitCode, stderr } = await this.offline(index, 'join', await this.invite(host))
    if (exitCode !== 0) throw new Error(stderr)
    await this.start(index)
    await this.ready(index)
  }

  async invite(host: number, ...options: string[]): Promise<string> {
    const { stdout, stderr } = await this.ask(host, 'invite', ...options)
    if (stdout === '') throw new Error(stderr)
    return stdout.trim()
  }

  async nodesOf(index: number): Promise<NodesDocument> {
    return (await (
      await fetch(new URL('/v1/cluster/nodes', this.node(index).operatorUrl))
    ).json()) as NodesDocument
  }

  async status(index: number): Promise<ClusterStatus> {
    const answer = await fetch(new URL('/v1/cluster/status', this.node(index).operatorUrl))
    return (await answer.json()) as ClusterStatus
  }

  async idOf(index: number): Promise<string> {
    const { stdout } = await runCommand(process.execPath, [
      SERAC,
      'keygen',
      '--state-path',
      this.node(index).directory,
    ])
    return stdout.trim()
  }

  ids(...indexes: number[]): Promise<string[]> {
    return Promise.all(indexes.map((index) => this.idOf(index)))
  }

  async ready(index: number, status = 200): Promise<void> {
    const node = this.node(index)
    await eventually(
      `/ready of node ${index} is ${status}`,
      async () => (await node.probe('/ready')) === status,
    )
  }

  log(index: number): Promise<string> {
    return readFile(join(this.node(index).directory, 'serac.log'), 'utf8')
  }
}

/** For a test that is cut off by its time limit: no teardown runs then. */
function killLeftover(node: DevNode): void {
  try {
    const { pid } = JSON.parse(readFileSync(join(node.directory, 'serac.pid'), 'utf8')) as { pid: number }
    process.kill(pid, 'SIGKILL')
  } catch {
    // It is gone.
  }
}
