/** Makes the loops that end what records say: abandoned claims, deleted images whose time is over, tombstones. */
import type { Cluster } from '../../cluster/cluster.ts'
import type { NodeIdentity } from '../../cluster/network/identity.ts'
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import type { CurrentConfig } from '../../cluster/register/current-config.ts'
import { coordinatorsOf } from '../../cluster/register/key-order.ts'
import { systemClock as clock, type Log } from '../../cluster/runtime.ts'
import type { SeracConfig } from '../config/options.ts'
import type { ImageIndex } from '../images/image-index.ts'
import { imageIdOf, imageKey } from '../images/image-operations.ts'
import type { ImageRecord } from '../images/image-record.ts'
import { toKnown, type ImageRegisters } from '../images/image-registers.ts'
import { Reaper, type Life } from '../loops/reaper.ts'
import { Scrubber } from '../loops/scrubber.ts'
import { TombstoneReaper } from '../loops/tombstone-reaper.ts'
import type { NamespaceIndex } from '../metadefs/namespace-index.ts'
import { isMetadefKey } from '../metadefs/namespace-record.ts'
import type { Store } from '../store/store.ts'

export interface RecordLoopParts {
  config: SeracConfig
  log: Log
  identity: NodeIdentity
  currentConfig: CurrentConfig
  store: Store
  index: ImageIndex
  definitions: NamespaceIndex
  cluster: Cluster
  registers: ImageRegisters
  lifeOf: (node: NodeId) => Life
  /** Whether this node works on the upload or computation of that id. */
  isRunningHere: (claimId: string) => boolean
}

const DAY_MS = 24 * 3_600_000

export interface RecordLoops {
  reaper: Reaper
  scrubber: Scrubber
  tombstones: TombstoneReaper
}

export function buildRecordLoops(parts: RecordLoopParts): RecordLoops {
  const { config, log, identity, currentConfig, store, index, definitions, cluster, registers } = parts
  const caughtUp = () => cluster.registers.caughtUp
  const isCoordinator = (key: string) => isFirstFor(key, parts)
  const base = { clock, log, caughtUp }
  const reaper = new Reaper({
    ...base,
    self: identity.id,
    registers,
    claimedImages: () =>
      [...index.rows()].filter(({ upload, hashing }) => upload ?? hashing).map(({ id }) => id),
    lifeOf: parts.lifeOf,
    isRunningHere: parts.isRunningHere,
  })
  const scrubber = new Scrubber(
    {
      ...base,
      registers,
      pendingImages: () => pendingImages(index),
      isFirstFor: (id) => isCoordinator(imageKey(id)),
    },
    { keepMs: config.default.scrubTime },
  )
  const tombstones = new TombstoneReaper(
    {
      ...base,
      deletedKeys: () => [...deletedKeys(store, index), ...deletedMetadefKeys(store, definitions)],
      local: (key) => {
        const row = store.registers.learned(key)
        return row && toKnown(row.value)
      },
      registers: cluster.registers,
      isAlive: (id) => cluster.control.liveness.isAlive(id),
      isCoordinator,
      isVoter: () => currentConfig.current().voters.includes(identity.id),
    },
    { keepMs: config.images.tombstoneDays * DAY_MS },
  )
  return { reaper, scrubber, tombstones }
}

/** Image registers with a row here and no live image. */
export function deletedKeys(store: Store, index: ImageIndex): string[] {
  return store.registers.learnedKeys().filter((key) => {
    const id = imageIdOf(key)
    return id !== null && !index.get(id)
  })
}

function deletedMetadefKeys(store: Store, definitions: NamespaceIndex): string[] {
  return store.registers.learnedKeys().filter((key) => isMetadefKey(key) && !definitions.isLive(key))
}

/** Whether this node is the one that looks after a register first. */
export function isFirstFor(
  key: string,
  { currentConfig, identity }: Pick<RecordLoopParts, 'currentConfig' | 'identity'>,
): boolean {
  return coordinatorsOf(key, currentConfig.current().voters)[0] === identity.id
}

/** Deleted images that wait for their end. */
export function pendingImages(index: ImageIndex): ImageRecord[] {
  return [...index.rows()].filter(({ status }) => status === 'pending_delete')
}
