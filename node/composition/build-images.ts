/** Makes what keeps images: the ways of their bytes, in and out, and the services that are asked for them. */
import type { Policy } from '../../api/auth/policy/policy.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import type { CurrentConfig } from '../../cluster/register/current-config.ts'
import { systemClock as clock, systemRandom as random } from '../../cluster/runtime.ts'
import type { ImageCache } from '../cache/image-cache.ts'
import type { Foreground } from '../data/foreground.ts'
import type { HashPool } from '../data/hash-pool.ts'
import { ObjectDigests } from '../data/object-digests.ts'
import { CachingOpener } from '../images/caching-opener.ts'
import { ImageMover } from '../images/image-mover.ts'
import { ImageService } from '../images/image-service.ts'
import { LocationHasher } from '../images/location-hasher.ts'
import { StoreAdopter } from '../imports/store-adopter.ts'
import { StoreCopier } from '../imports/store-copier.ts'
import { StoreMover } from '../imports/store-mover.ts'
import type { CacheKeeper } from '../loops/cache-keeper.ts'
import { RepairPace } from '../loops/repair-pace.ts'
import type { Store } from '../store/store.ts'
import type { TaskService } from '../tasks/task-service.ts'
import { buildCacheKeeper, keptHere } from './build-cache.ts'
import { buildImageBytes, type ImageBytes } from './build-image-bytes.ts'
import { buildImports, type ImportParts, type Imports } from './build-imports.ts'
import type { Notifications } from './build-notifications.ts'
import { buildTasks, buildTaskService, type TaskParts, type Tasks } from './build-tasks.ts'

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

export interface Images extends Pick<ImageBytes, 'registers' | 'holder' | 'uploader' | 'outside' | 'pace'> {
  hasher: LocationHasher
  service: ImageService
  mover: ImageMover
  adopter: StoreAdopter
  tasks: Tasks
  taskService: TaskService
  imports: Imports
  /** null: there is no cache to look after. */
  cacheKeeper: CacheKeeper | null
  storeMoves: StoreMoves
}

/** Between stores, at the rate that an operator says. */
export interface StoreMoves {
  mover: StoreMover
  pace: RepairPace
}

/** Bytes a second: above any disk. */
const UNLIMITED_RATE = 1024 ** 4

export function buildImages(parts: ImageParts, notifications: Notifications | null): Images {
  const { config, log, identity, currentConfig, index, hashes, cluster, backends, stores } = parts
  const base = { identity, clock, random, log, config: currentConfig }
  const ways = buildImageBytes(parts, notifications?.images.onApplied)
  const { registers, uploads, uploader, holder, outside, opener, backendWriter, gate, pace } = ways
  const hasher = new LocationHasher({ clock, log, registers, outside, stores, hashes, pool: uploads })
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
  const storeMoves = buildStoreMoves(parts, ways, digests)
  const adopter = new StoreAdopter({ clock, log, mover, backends, digests, gate, stores })
  const taskService = buildTaskService(parts, tasks, service)
  const copier = new StoreCopier({ log, registers, opener, backends, backendWriter, gate })
  const imports = buildImports(parts, { registers, uploader, opener, copier, service }, tasks.keeper)
  const services = { service, hasher, mover, adopter, tasks, taskService, imports, cacheKeeper, storeMoves }
  return { registers, holder, uploader, outside, pace, ...services }
}

function buildStoreMoves(
  { log, stores }: ImageParts,
  { registers, uploader, opener }: ImageBytes,
  digests: ObjectDigests,
): StoreMoves {
  // An operator has asked for it, and says how fast it may be.
  const pace = new RepairPace({ clock, isForegroundBusy: () => false }, { bytesPerSecondMax: UNLIMITED_RATE })
  return { mover: new StoreMover({ clock, log, registers, uploader, opener, digests, stores, pace }), pace }
}
