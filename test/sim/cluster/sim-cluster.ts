/** The nodes of a run and their machines: disks, clocks and the lives that come and go. */
import type { ClusterConfig } from '../../../cluster/membership/cluster-config.ts'
import type { NodeId } from '../../../cluster/network/rpc-port.ts'
import { isQuorum, voterSets } from '../../../cluster/register/quorum.ts'
import type { Log } from '../../../cluster/runtime.ts'
import { SimDisk, type CrashKind } from '../disk/sim-disk.ts'
import type { ClockError } from '../world/sim-clock.ts'
import { SimHost } from '../world/sim-host.ts'
import type { SimNetwork } from '../world/sim-network.ts'
import type { SimWorld } from '../world/sim-world.ts'
import { SimNode } from './sim-node.ts'
import type { Variant } from './variant.ts'

export interface SimClusterComponents {
  world: SimWorld
  network: SimNetwork
  log: Log
  variant: Variant
  /** Counts what was done. */
  note: (name: string) => void
}

export interface SimClusterOptions {
  ids: readonly NodeId[]
  genesis: ClusterConfig
  clocks: Readonly<Record<NodeId, ClockError>>
  changeLogEntriesMax: number
}

/** What stays when the process ends. */
interface Machine {
  disk: SimDisk
  clockError: ClockError
  /** Lives so far; each has random numbers of its own. */
  lives: number
  host: SimHost | null
  node: SimNode | null
  downSinceMs: number | null
  /** In which life its stored votes were lost or damaged; null: they were not. */
  harmedInLife: number | null
  /** Of the newest config that it has in force and on its disk. */
  epochOnDisk: number
}

/** How long the others go on taking a dead node for alive. */
const SUSPECT_AFTER_MS = 2000
/** How soon an operator, or systemd, starts a node again whose disk refused. */
const RESTART_AFTER_MS = 400

export class SimCluster {
  /** Every voter set that somebody asked for: it may come into force at any time from then on. */
  readonly wantedVoters: NodeId[][] = []
  readonly #components: SimClusterComponents
  readonly #options: SimClusterOptions
  readonly #machines = new Map<NodeId, Machine>()
  #newestConfig: ClusterConfig
  /** The newest that most of its voters have in force. */
  #configInForce: ClusterConfig

  constructor(components: SimClusterComponents, options: SimClusterOptions) {
    this.#components = components
    this.#options = options
    this.#newestConfig = options.genesis
    this.#configInForce = options.genesis
    const { random } = components.world
    for (const id of options.ids)
      this.#machines.set(id, {
        disk: new SimDisk(random.fork(`disk of ${id}`)),
        clockError: { ...(options.clocks[id] ?? { wallSkewMs: 0, rate: 1 }) },
        lives: 0,
        host: null,
        node: null,
        downSinceMs: null,
        harmedInLife: null,
        epochOnDisk: 0,
      })
  }

  get ids(): readonly NodeId[] {
    return this.#options.ids
  }

  /** The nodes that are up. */
  nodes(): SimNode[] {
    return this.ids.flatMap((id) => this.node(id) ?? [])
  }

  /** The newest that any node has ever known. */
  newestConfig(): ClusterConfig {
    return this.#newestConfig
  }

  /**
   * The configs whose voters' disks are needed: the newest, and while few of its voters know of it the one before. An
   * operator takes old voters away when told that the change is over (R10).
   */
  configsAtStake(): ClusterConfig[] {
    return this.#isInForce(this.#newestConfig)
      ? [this.#newestConfig]
      : [this.#configInForce, this.#newestConfig]
  }

  /** Says that the votes on its disk are lost or damaged. */
  harm(id: NodeId): void {
    const machine = this.#machine(id)
    machine.harmedInLife = machine.lives
    machine.epochOnDisk = 0
  }

  /** Until it was started again and votes. */
  isHarmed(id: NodeId): boolean {
    const machine = this.#machine(id)
    const { harmedInLife, lives, node } = machine
    if (harmedInLife === null) return false
    if (lives <= harmedInLife || !node || node.abstains !== null) return true
    machine.harmedInLife = null
    return false
  }

  node(id: NodeId): SimNode | null {
    return this.#machine(id).node
  }

  host(id: NodeId): SimHost | undefined {
    return this.#machine(id).host ?? undefined
  }

  disk(id: NodeId): SimDisk {
    return this.#machine(id).disk
  }

  clockError(id: NodeId): ClockError {
    return this.#machine(id).clockError
  }

  /** Begins a life unless one is under way. A start that the disk refuses is tried again. */
  boot(id: NodeId): void {
    const machine = this.#machine(id)
    if (machine.host) return
    const { world, network } = this.#components
    const host = new SimHost(
      { world, network, hostOf: (peer) => this.host(peer), clockError: machine.clockError },
      id,
    )
    machine.host = host
    machine.lives++
    const { disk } = machine
    const parts = {
      self: id,
      world,
      host,
      disk,
      genesis: this.#options.genesis,
      random: world.random.fork(`life ${machine.lives} of ${id}`),
      log: this.#components.log,
      variant: this.#components.variant,
      note: this.#components.note,
      isAlive: (peer: NodeId) => this.#seemsAlive(peer),
    }
    SimNode.boot(parts, { changeLogEntriesMax: this.#options.changeLogEntriesMax }).then(
      (node) => this.#rise(machine, host, node),
      () => this.#restart(id, host),
    )
  }

  kill(id: NodeId, how: CrashKind): void {
    const machine = this.#machine(id)
    if (!machine.host) return
    machine.host.die()
    machine.node?.registers.stop()
    machine.host = null
    machine.node = null
    machine.downSinceMs = this.#components.world.nowMs
    machine.disk.crash(how)
  }

  /** Ends all that is wrong with machines, and starts what is down. */
  heal(): void {
    for (const [id, machine] of this.#machines) {
      Object.assign(machine.disk, { fullUntilMs: 0, stalledUntilMs: 0, failsNextSync: false })
      machine.host?.resume()
      this.boot(id)
    }
  }

  #rise(machine: Machine, host: SimHost, node: SimNode): void {
    if (!host.alive) return
    machine.node = node
    machine.downSinceMs = null
    node.config.onChanged((config) => {
      // The written genesis has the epoch of the one that all were started with, and names the databases.
      const isWritten = config.epoch === this.#newestConfig.epoch && this.#newestConfig.epoch === 1
      if (isWritten || config.epoch > this.#newestConfig.epoch) this.#newestConfig = config
      const noteOnDisk = () => host.alive && this.#noteOnDisk(machine, config)
      node.config.durable().then(noteOnDisk, () => {})
    })
    this.#watch(host, node)
  }

  #noteOnDisk(machine: Machine, config: ClusterConfig): void {
    machine.epochOnDisk = Math.max(machine.epochOnDisk, config.epoch)
    if (config.epoch >= this.#configInForce.epoch && this.#isInForce(config)) this.#configInForce = config
  }

  #isInForce(config: ClusterConfig): boolean {
    return isQuorum(voterSets(config), (id) => this.#machine(id).epochOnDisk >= config.epoch)
  }

  /** A node whose disk refused a write does nothing more until it is started again. */
  #watch(host: SimHost, node: SimNode): void {
    if (!host.alive) return
    if (node.failure) return this.#restart(host.id, host)
    this.#components.world.after(RESTART_AFTER_MS, () => this.#watch(host, node))
  }

  #restart(id: NodeId, host: SimHost): void {
    if (!host.alive) return
    this.kill(id, 'process')
    this.#components.world.after(RESTART_AFTER_MS, () => this.boot(id))
  }

  #seemsAlive(id: NodeId): boolean {
    const { downSinceMs } = this.#machine(id)
    return downSinceMs === null || this.#components.world.nowMs - downSinceMs < SUSPECT_AFTER_MS
  }

  #machine(id: NodeId): Machine {
    const machine = this.#machines.get(id)
    if (!machine) throw new Error(`there is no node ${id} in this run`)
    return machine
  }
}
