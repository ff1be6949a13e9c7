/** Where a test may put something broken in the place of a part. Each gets the right one and gives the one to use. */
import type { NodeId, PeerRpc } from '../../../cluster/network/rpc-port.ts'
import type { CurrentConfig } from '../../../cluster/register/current-config.ts'
import type { HeldPromises } from '../../../cluster/register/held-promises.ts'
import type { OperationTable } from '../../../cluster/register/operations.ts'
import type { Registers } from '../../../cluster/register/registers.ts'
import type { LearnerRow } from '../../../cluster/register/storage.ts'
import type { RegisterStore } from '../../../node/store/register-store.ts'
import type { LevelHandle } from '../../../node/store/database.ts'
import type { SimDisk } from '../disk/sim-disk.ts'
import type { SimHost } from '../world/sim-host.ts'
import type { SimWorld } from '../world/sim-world.ts'

/** What one life of a node stands on. */
export interface LifeParts {
  self: NodeId
  world: SimWorld
  host: SimHost
  disk: SimDisk
}

export interface StoredParts extends LifeParts {
  store: RegisterStore
}

/** The registers as clients use them. */
export type RegisterClient = Pick<
  Registers,
  'read' | 'execute' | 'executeOnNewKey' | 'mintOpId' | 'freshen' | 'collect'
>

export interface Variant {
  /** Meddles with the disk before a start. */
  beforeOpen?: (parts: LifeParts) => void
  level?: (level: LevelHandle, parts: LifeParts) => LevelHandle
  storage?: (store: RegisterStore, parts: LifeParts) => RegisterStore
  rpc?: (rpc: PeerRpc, parts: StoredParts) => PeerRpc
  config?: (config: CurrentConfig, parts: StoredParts) => CurrentConfig
  operations?: OperationTable
  held?: (held: HeldPromises, parts: StoredParts) => HeldPromises
  startNonce?: (nonce: string, parts: LifeParts) => string
  client?: (client: RegisterClient, parts: StoredParts) => RegisterClient
  /** Whether a learner row is put into the list's index. */
  isIndexed?: (row: LearnerRow) => boolean
}

/** `target` with some of its methods exchanged; the others go on working on `target`, private fields and all. */
export function overriding<T extends object>(target: T, overrides: Partial<T>): T {
  return new Proxy(target, {
    get(inner, name) {
      if (Object.hasOwn(overrides, name)) return Reflect.get(overrides, name) as unknown
      const member: unknown = Reflect.get(inner, name, inner)
      return typeof member === 'function' ? (member as (...args: unknown[]) => unknown).bind(inner) : member
    },
  })
}
