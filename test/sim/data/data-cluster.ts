/** Three machines with disks, and the node that lives on each now, if one does. */
import type { NodeId } from '../../../cluster/network/rpc-port.ts'
import { contentHashHex } from '../../../cluster/content-hash.ts'
import type { ChunkHash } from '../../../cluster/transfer/local-chunks.ts'
import { locationRows, type Location } from '../../../node/store/chunk-rows.ts'
import { Database } from '../../../node/store/database.ts'
import { Table } from '../../../node/store/table.ts'
import { configOf } from '../../cluster/transfer/transfer-fixture.ts'
import { chunksIn, type StoredChunks } from '../../helpers/stored-chunks.ts'
import { SimDisk, type CrashKind } from '../disk/sim-disk.ts'
import { SimLevel } from '../disk/sim-level.ts'
import type { SeededRandom } from '../world/seeded-random.ts'
import { SimHost } from '../world/sim-host.ts'
import { PEACE, SimNetwork } from '../world/sim-network.ts'
import type { SimWorld } from '../world/sim-world.ts'
import { bootDataNode, type DataNode } from './data-node.ts'
import type { DataVariant } from './data-variant.ts'
import { RecordAuthority, type LearnedRecords } from './sim-records.ts'
import { SegmentDisk } from './sim-segments.ts'

export const NODE_IDS: readonly NodeId[] = ['a', 'b', 'c']
const NONCE_BYTES = 8
const RIGHT = { wallSkewMs: 0, rate: 1 }

interface Machine {
  id: NodeId
  disk: SimDisk
  segments: SegmentDisk
  learned: LearnedRecords
  random: SeededRandom
  life: { host: SimHost; startNonce: string; node: DataNode | null } | null
  diedMs: number
}

export class DataCluster {
  readonly world: SimWorld
  readonly network: SimNetwork
  readonly authority = new RecordAuthority()
  readonly machines: readonly Machine[]
  readonly #variant: DataVariant
  readonly #onlooker: SimHost
  #isPeaceful = false

  constructor(world: SimWorld, variant: DataVariant) {
    this.world = world
    this.#variant = variant
    this.network = new SimNetwork(world, { ...PEACE, loss: 0.01, straggling: 0.05 })
    const onlooker = { world, network: this.network, hostOf: () => undefined, clockError: RIGHT }
    this.#onlooker = new SimHost(onlooker, 'onlooker')
    this.machines = NODE_IDS.map((id) => {
      const random = world.random.fork(id)
      const own = { disk: new SimDisk(random.fork('disk')), segments: new SegmentDisk() }
      return { id, ...own, learned: new Map(), random, life: null, diedMs: 0 }
    })
  }

  machine(id: NodeId): Machine {
    return this.machines.find((machine) => machine.id === id)!
  }

  /** The nodes that are up. */
  get nodes(): DataNode[] {
    return this.machines.flatMap(({ life }) => life?.node ?? [])
  }

  async boot(id: NodeId): Promise<void> {
    const machine = this.machine(id)
    const { world, network, authority } = this
    const clockError = { wallSkewMs: machine.random.between(-5000, 5000), rate: 1 }
    const hostOf = (peer: NodeId) => this.machine(peer).life?.host
    const host = new SimHost({ world, network, hostOf, clockError }, id)
    const startNonce = Buffer.from(machine.random.bytes(NONCE_BYTES)).toString('hex')
    const life = { host, startNonce, node: null as DataNode | null }
    machine.life = life
    const node = await bootDataNode({
      ...{ world, host, network, authority, startNonce, variant: this.#variant },
      ...{ disk: machine.disk, segments: machine.segments, learned: machine.learned, random: machine.random },
      config: { current: () => configOf(NODE_IDS) },
      liveness: { isAlive: (peer) => this.machine(peer).life !== null },
      targetOf: (peer) => this.machine(peer).life?.node ?? undefined,
      lifeOf: (peer) => this.#lifeOf(peer),
    })
    node.records.isPeaceful = this.#isPeaceful
    life.node = node
  }

  crash(id: NodeId, kind: CrashKind): void {
    const machine = this.machine(id)
    machine.life?.host.die()
    machine.life = null
    machine.diedMs = this.world.nowMs
    machine.disk.crash(kind)
    machine.segments.crash(kind)
  }

  /** Nothing more goes wrong, and all nodes are up. */
  async heal(): Promise<void> {
    this.network.heal()
    this.#isPeaceful = true
    for (const { records } of this.nodes) records.isPeaceful = true
    for (const { id, life } of this.machines) if (life === null) await this.boot(id)
  }

  /** Whether the bytes of a chunk are on this disk as they should be, as far as a start would find. */
  isSound(id: NodeId, hash: ChunkHash): boolean {
    const machine = this.machine(id)
    const location = this.#location(machine, hash)
    const payload = location && machine.segments.payload(location)
    return payload !== null && contentHashHex(payload) === hash
  }

  /** Flips a bit of a chunk; answers whether it was there. */
  rot(id: NodeId, hash: ChunkHash): boolean {
    const machine = this.machine(id)
    const location = this.#location(machine, hash)
    const payload = location && machine.segments.payload(location)
    if (!payload) return false
    payload[0] = (payload[0] ?? 0) ^ 1
    return true
  }

  stored(id: NodeId): Promise<StoredChunks> {
    return chunksIn(this.#databaseOf(this.machine(id)))
  }

  #location(machine: Machine, hash: ChunkHash): Location | null {
    return new Table(this.#databaseOf(machine), locationRows).get(hash)
  }

  /** To look at only. */
  #databaseOf({ disk }: Machine): Database {
    return new Database(new SimLevel({ world: this.world, host: this.#onlooker, disk }))
  }

  #lifeOf(id: NodeId): { startNonce: string | null; silentMs: number } {
    const { life, diedMs } = this.machine(id)
    if (life) return { startNonce: life.startNonce, silentMs: 0 }
    return { startNonce: null, silentMs: this.world.nowMs - diedMs }
  }
}
