/** Makes what keeps images: the ways of their bytes, in and out, and the services that are asked for them. */
import type { Policy } from '../../api/auth/policy/policy.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import { levelOf } from './level-of.ts'
import type { CurrentConfig } from '../../cluster/register/current-config.ts'
import { systemClock as clock, systemRandom as random } from '../../cluster/runtime.ts'
import { ChunkBufferPool } from '../../cluster/transfer/chunk-buffer.ts'
import { buildCacheKeeper, keptHere } from './build-cache.ts'
import { buildImports, type ImportParts, type Imports } from './build-imports.ts'
import type { Notifications } from './build-notifications.ts'
import { buildTasks, buildTaskService, type TaskParts, type Tasks } from './build-tasks.ts'
import type { ImageCache } from '../cache/image-cache.ts'
import { BackendWriter } from '../data/backend-writer.ts'
import type { Foreground } from '../data/foreground.ts'
import type { HashPool } from '../data/hash-pool.ts'
import { ImageHolder } from '../data/image-holder.ts'
import { ImageReader } from '../data/image-reader.ts'
import { ImageWriter } from '../data/image-writer.ts'
import { OutsideBytes } from '../data/outside-bytes.ts'
import { BackendGate } from '../images/backend-gate.ts'
import { CachingOpener } from '../images/caching-opener.ts'
import { ImageMover } from '../images/image-mover.ts'
import { ImageRegisters } from '../images/image-registers.ts'
import { ImageService } from '../images/image-service.ts'
import { ImageUploader } from '../images/image-uploader.ts'
import { LocationHasher } from '../images/location-hasher.ts'
import { ImageOpener } from '../images/image-opener.ts'
import { ObjectDigests } from '../data/object-digests.ts'
import { StoreCopier } from '../imports/store-copier.ts'
import { StoreMover } from '../imports/store-mover.ts'
import type { CacheKeeper } from '../loops/cache-keeper.ts'
import { RepairPace } from '../loops/repair-pace.ts'
import type { Store } from '../store/store.ts'
import type { TaskService } from '../tasks/task-service.ts'

/** What the images stand on. */
export interface ImageParts extends ImportParts, TaskParts {
  currentConfig: CurrentConfig
  store: Store
  hashes: HashPool
  cluster: Cluster
  foreground: Foreground
  policy: Policy
  cache: ImageCache | null
}

export interface Images {
  registers: ImageRegisters
  holder: ImageHolder
  uploader: ImageUploader
  hasher: LocationHasher
  outside: OutsideBytes
  service: ImageService
  mover: ImageMover
  tasks: Tasks
  taskService: TaskService
  imports: Imports
  /** null: there is no cache to look after. */
  cacheKeeper: CacheKeeper | null
  /** Of what this node brings for itself. */
  pace: RepairPace
  storeMoves: { mover: StoreMover; pace: RepairPace }
}

/** Bytes a second: above any disk. */
const UNLIMITED_RATE = 1024 ** 4

export function buildImages(parts: ImageParts, notifications: Notifications | null): Images {
  const { config, log, identity, currentConfig, store, index, hashes, cluster, foreground } = parts
  const base = { identity, clock, random, log, config: currentConfig }
  const { fetcher, holders, replicator, control } = cluster
  const registers = new ImageRegisters({
    registers: cluster.registers,
    index,
    learned: (key) => store.registers.learned(key),
    onApplied: notifications?.images.onApplied,
  })
  const reader = new ImageReader({ ...base, fetcher })
  const uploads = new ChunkBufferPool(config.memory.uploads)
  const writer = new ImageWriter(
    { ...base, holders, replicator, pool: uploads, hashes, liveness: control.liveness },
    { durableCopies: config.replication.durableCopies },
  )
  foreground.watch(() => reader.isStreaming || uploads.slotsInUse > 0)
  const pace = new RepairPace(
    { clock, isForegroundBusy: () => foreground.isBusy || cluster.arePeersBusy },
    { bytesPerSecondMax: config.repair.bytesPerSecondMax },
  )
  const holder = new ImageHolder({ ...base, chunks: store.chunks, fetcher, reader, pace })
  const { backends, stores } = parts
  const backendWriter = new BackendWriter({ backends, pool: uploads, hashes })
  const gate = new BackendGate({
    config: currentConfig,
    levelOf: (id) => levelOf(id, { self: identity.id, control }),
    raiseLevel: (level) => cluster.registers.membership.raiseLevel(level),
  })
  const uploader = new ImageUploader(
    { ...base, registers, writer, holder, backends, backendWriter, gate },
    {
      sizeBytesMax: config.default.imageSizeCap,
      copies: { copies: config.replication.copies, rules: config.replication.copiesRule },
      formats: config.imageFormat,
      defaultStore: stores.default,
    },
  )
  const outside = new OutsideBytes(
    { outbound: parts.outbound, backends, clock, log },
    { sizeBytesMax: config.default.imageSizeCap, retries: config.default.httpRetries },
  )
  const hasher = new LocationHasher({ clock, log, registers, outside, stores, hashes, pool: uploads })
  const holdsWhole = (root: string) => store.chunks.isHeld(root)
  const current = async (id: string) => {
    const known = await registers.read(id)
    return known?.live ? known.record : null
  }
  const opener = new ImageOpener({ log, reader, outside, stores, holdsWhole, current })
  const tasks = buildTasks(parts)
  const { cache } = parts
  const isKeptHere = keptHere(parts)
  const cacheKeeper = buildCacheKeeper({
    log,
    cache,
    index,
    registers,
    opener,
    isKeptHere,
    clusterRegisters: cluster.registers,
  })
  const service = new ImageService(
    {
      ...base,
      registers,
      index,
      policy: parts.policy,
      limits: parts.limits,
      uploader,
      opener: cache ? new CachingOpener({ opener, cache, isKeptHere }) : opener,
      backends,
      outside,
      hasher,
      locationTasks: tasks.locations,
      onRead: notifications?.images.onRead,
    },
    {
      locations: {
        ...config.default,
        isHttpOn: parts.stores.isHttpOn,
        quota: config.default.imageLocationQuota,
      },
      quotas: { properties: config.default.imagePropertyQuota, tags: config.default.imageTagQuota },
      memberQuota: config.default.imageMemberQuota,
      storageQuotaBytes: config.default.userStorageQuota,
      delayedDelete: config.default.delayedDelete,
      staleLists: config.cluster.staleLists,
    },
  )
  const mover = new ImageMover({ ...base, registers, index, uploader, opener })
  const digests = new ObjectDigests({ outside, pool: uploads, hashes })
  // An operator has asked for it, and says how fast it may be.
  const movePace = new RepairPace(
    { clock, isForegroundBusy: () => false },
    { bytesPerSecondMax: UNLIMITED_RATE },
  )
  const storeMover = new StoreMover({ ...base, registers, uploader, opener, digests, stores, pace: movePace })
  const storeMoves = { mover: storeMover, pace: movePace }
  const taskService = buildTaskService(parts, tasks, service)
  const copier = new StoreCopier({ log, registers, opener, backends, backendWriter, gate })
  const imports = buildImports(parts, { registers, uploader, opener, copier, service }, tasks.keeper)
  const ways = { registers, holder, uploader, hasher, outside, service, mover, tasks, taskService }
  return { ...ways, imports, cacheKeeper, pace, storeMoves }
}
