/** Makes the loops that end what records say: abandoned claims, deleted images whose time is over, tombstones. */
import type { Cluster } from '../../cluster/cluster.ts'
import type { NodeIdentity } from '../../cluster/network/identity.ts'
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import type { CurrentConfig } from '../../cluster/register/current-config.ts'
import { systemClock as clock, type Log } from '../../cluster/runtime.ts'
import type { Backends } from '../backends/backends.ts'
import type { SeracConfig } from '../config/options.ts'
import type { DiscardedObjects } from '../images/discarded-objects.ts'
import type { ImageIndex } from '../images/image-index.ts'
import { imageIdOf, imageKey } from '../images/image-operations.ts'
import type { ImageRecord } from '../images/image-record.ts'
import { toKnown, type ImageRegisters } from '../images/image-registers.ts'
import { ObjectReaper } from '../loops/object-reaper.ts'
import { Reaper } from '../loops/reaper.ts'
import { Scrubber } from '../loops/scrubber.ts'
import { TaskReaper } from '../loops/task-reaper.ts'
import { TombstoneReaper } from '../loops/tombstone-reaper.ts'
import { WorkerLife, type Life } from '../loops/worker-life.ts'
import type { NamespaceIndex } from '../metadefs/namespace-index.ts'
import { isMetadefKey } from '../metadefs/namespace-record.ts'
import type { Store } from '../store/store.ts'
import type { TaskIndex } from '../tasks/task-index.ts'
import { taskIdOf, taskKey } from '../tasks/task-record.ts'
import type { Tasks } from './build-tasks.ts'

export interface RecordLoopParts {
  config: SeracConfig
  log: Log
  identity: NodeIdentity
  currentConfig: CurrentConfig
  store: Store
  index: ImageIndex
  definitions: NamespaceIndex
  tasks: TaskIndex
  cluster: Cluster
  registers: ImageRegisters
  backends: Backends
  discarded: DiscardedObjects
  taskRecords: Pick<Tasks, 'registers' | 'keeper'>
  lifeOf: (node: NodeId) => Life
  /** Whether this node works on the upload, import or computation of that id. */
  isRunningHere: (claimId: string) => boolean
}

const DAY_MS = 24 * 3_600_000

export interface RecordLoops {
  reaper: Reaper
  objectReaper: ObjectReaper
  taskReaper: TaskReaper
  scrubber: Scrubber
  tombstones: TombstoneReaper
}

export function buildRecordLoops(parts: RecordLoopParts): RecordLoops {
  const { config, log, identity, currentConfig, store, index, cluster, registers, tasks } = parts
  const caughtUp = () => cluster.registers.caughtUp
  const seesTo = (key: string) => cluster.registers.seesTo(key)
  const base = { clock, log, caughtUp }
  const { lifeOf, isRunningHere } = parts
  const workers = new WorkerLife({ self: identity.id, lifeOf, isRunningHere })
  const reaper = new Reaper(
    { ...base, registers, claimedImages: () => claimedImages(index), workers },
    { stagedMs: config.images.stagingTime },
  )
  const objectReaper = new ObjectReaper({
    ...base,
    registers,
    backends: parts.backends,
    discarded: () => parts.discarded.all,
    seesTo: (id) => seesTo(imageKey(id)),
  })
  const taskReaper = new TaskReaper({
    ...base,
    ...parts.taskRecords,
    index: tasks,
    images: registers,
    workers,
    seesTo: (id) => seesTo(taskKey(id)),
  })
  const scrubber = new Scrubber(
    {
      ...base,
      registers,
      pendingImages: () => pendingImages(index),
      seesTo: (id) => seesTo(imageKey(id)),
    },
    { keepMs: config.default.scrubTime },
  )
  const tombstones = new TombstoneReaper(
    {
      ...base,
      deletedKeys: () => [...deletedKeys(store, index), ...otherDeletedKeys(parts)],
      local: (key) => {
        const row = store.registers.learned(key)
        return row && toKnown(row.value)
      },
      registers: cluster.registers,
      isAlive: (id) => cluster.control.liveness.isAlive(id),
      isCoordinator: (key) => cluster.registers.coordinates(key),
      isVoter: () => currentConfig.current().voters.includes(identity.id),
    },
    { keepMs: config.images.tombstoneDays * DAY_MS },
  )
  return { reaper, objectReaper, taskReaper, scrubber, tombstones }
}

/** Image registers with a row here and no live image. */
export function deletedKeys(store: Store, index: ImageIndex): string[] {
  return store.registers.learnedKeys().filter((key) => {
    const id = imageIdOf(key)
    return id !== null && !index.get(id)
  })
}

/** The same of metadata definitions and tasks. */
function otherDeletedKeys({ store, definitions, tasks }: RecordLoopParts): string[] {
  return store.registers
    .learnedKeys()
    .filter(
      (key) =>
        (isMetadefKey(key) && !definitions.isLive(key)) || (taskIdOf(key) !== null && !tasks.isLive(key)),
    )
}

function claimedImages(index: ImageIndex): string[] {
  return [...index.rows()]
    .filter(({ upload, hashing, staged }) => upload ?? hashing ?? staged)
    .map(({ id }) => id)
}

/** Deleted images that wait for their end. */
export function pendingImages(index: ImageIndex): ImageRecord[] {
  return [...index.rows()].filter(({ status }) => status === 'pending_delete')
}
