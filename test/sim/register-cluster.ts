/** A cluster of the production register modules inside a simulated world, with the operations that the checker models. */
import type { ClusterConfig } from '../../cluster/membership/cluster-config.ts'
import type { NodeId, PeerRpc } from '../../cluster/network/rpc-port.ts'
import { CurrentConfig } from '../../cluster/register/current-config.ts'
import type { OperationTable } from '../../cluster/register/operations.ts'
import { decodeValue } from '../../cluster/register/register-value.ts'
import { Registers } from '../../cluster/register/registers.ts'
import type { RegisterStorage } from '../../cluster/register/storage.ts'
import { silentLog } from '../../cluster/runtime.ts'
import { MemoryRegisterDisk, MemoryRegisterStorage } from '../helpers/memory-register-storage.ts'
import type { SimHost, SimWorld } from './sim-world.ts'

/** A register that holds a number: create refuses when there is one, add returns the sum so far. */
export const counterOperations: OperationTable = {
  create: (current, args) =>
    current
      ? { kind: 'refuse', refusal: { code: 'CONFLICT', message: 'taken' } }
      : { kind: 'write', next: { live: true, record: args } },
  add: (current, args) =>
    current
      ? { kind: 'write', next: { live: true, record: (current.record as number) + (args as number) } }
      : { kind: 'refuse', refusal: { code: 'NOT_FOUND', message: 'no such counter' } },
}

/** The registers as clients use them. */
export type RegisterClient = Pick<Registers, 'read' | 'execute' | 'mintOpId'>

/** Where a test may put something broken in the place of a part. Each gets the right one and gives the one to use. */
export interface Variant {
  /** The disk that a node finds when it starts again. */
  disk?: (before: MemoryRegisterDisk) => MemoryRegisterDisk
  storage?: (storage: MemoryRegisterStorage, disk: MemoryRegisterDisk, host: SimHost) => RegisterStorage
  rpc?: (rpc: PeerRpc, storage: RegisterStorage) => PeerRpc
  startNonce?: (id: NodeId) => string
  client?: (registers: Registers, storage: RegisterStorage) => RegisterClient
}

export interface SimNode {
  host: SimHost
  registers: RegisterClient
  storage: RegisterStorage
  stop: () => void
}

export class RegisterCluster {
  readonly world: SimWorld
  readonly ids: NodeId[]
  readonly #disks = new Map<NodeId, MemoryRegisterDisk>()
  readonly #nodes = new Map<NodeId, SimNode>()
  readonly #config: ClusterConfig
  readonly #variant: Variant

  constructor(world: SimWorld, size: number, variant: Variant = {}) {
    this.world = world
    this.#variant = variant
    this.ids = Array.from({ length: size }, (_, i) => `node-${i}`)
    const nodes = this.ids.map((id) => ({ id, address: '', role: 'voter' as const, zone: null, weight: 1 }))
    this.#config = {
      clusterId: '00',
      epoch: 1,
      voters: this.ids,
      joint: null,
      nodes,
      databases: {},
      invites: [],
      featureLevel: 1,
    }
    for (const id of this.ids) {
      this.#disks.set(id, new MemoryRegisterDisk(`disk-of-${id}`))
      this.boot(id)
    }
  }

  boot(id: NodeId): void {
    const { world } = this
    const variant = this.#variant
    const host = world.boot(id)
    const disk = this.disk(id)
    const durable = new MemoryRegisterStorage(disk, { sync: () => host.sync(), logEntriesMax: 50 })
    const storage = variant.storage?.(durable, disk, host) ?? durable
    const registers = new Registers({
      self: id,
      startNonce: variant.startNonce?.(id) ?? Buffer.from(world.random.bytes(8)).toString('hex'),
      clock: host.clock,
      random: world.random,
      log: silentLog,
      config: new CurrentConfig(storage, this.#config),
      liveness: { isAlive: (peer) => world.host(peer) !== undefined },
      rpc: variant.rpc?.(host, storage) ?? host,
      storage,
      operations: counterOperations,
      abstains: () => null,
    })
    registers.start()
    const client = variant.client?.(registers, storage) ?? registers
    this.#nodes.set(id, { host, registers: client, storage, stop: () => registers.stop() })
  }

  kill(id: NodeId): void {
    this.#nodes.get(id)?.stop()
    this.#nodes.delete(id)
    this.world.kill(id)
    this.#disks.set(id, this.#variant.disk?.(this.disk(id)) ?? this.disk(id))
  }

  node(id: NodeId): SimNode | undefined {
    return this.#nodes.get(id)
  }

  disk(id: NodeId): MemoryRegisterDisk {
    return this.#disks.get(id) as MemoryRegisterDisk
  }
}

export function recordOf(value: Uint8Array): number {
  return decodeValue(value).record as number
}
