/** A cluster of the production register modules inside a simulated world, with the operations that the checker models. */
import type { ClusterConfig } from '../../cluster/membership/cluster-config.ts'
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import type { OperationTable } from '../../cluster/register/operations.ts'
import { decodeValue } from '../../cluster/register/register-value.ts'
import { Registers } from '../../cluster/register/registers.ts'
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

export interface SimNode {
  host: SimHost
  registers: Registers
  storage: MemoryRegisterStorage
}

export class RegisterCluster {
  readonly world: SimWorld
  readonly ids: NodeId[]
  readonly #disks = new Map<NodeId, MemoryRegisterDisk>()
  readonly #nodes = new Map<NodeId, SimNode>()
  readonly #config: ClusterConfig

  constructor(world: SimWorld, size: number) {
    this.world = world
    this.ids = Array.from({ length: size }, (_, i) => `node-${i}`)
    const nodes = this.ids.map((id) => ({ id, address: '', role: 'voter' as const, zone: null, weight: 1 }))
    this.#config = { clusterId: '00', epoch: 1, voters: this.ids, joint: null, nodes, featureLevel: 1 }
    for (const id of this.ids) {
      this.#disks.set(id, new MemoryRegisterDisk(`disk-of-${id}`))
      this.boot(id)
    }
  }

  boot(id: NodeId): void {
    const { world } = this
    const host = world.boot(id)
    const disk = this.#disks.get(id) as MemoryRegisterDisk
    const storage = new MemoryRegisterStorage(disk, { sync: () => host.sync(), logEntriesMax: 50 })
    const registers = new Registers({
      self: id,
      startNonce: Buffer.from(world.random.bytes(8)).toString('hex'),
      clock: host.clock,
      random: world.random,
      log: silentLog,
      config: { current: () => this.#config },
      liveness: { isAlive: (peer) => world.host(peer) !== undefined },
      rpc: host,
      storage,
      operations: counterOperations,
      abstains: () => null,
    })
    registers.start()
    this.#nodes.set(id, { host, registers, storage })
  }

  kill(id: NodeId): void {
    this.#nodes.get(id)?.registers.stop()
    this.#nodes.delete(id)
    this.world.kill(id)
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
