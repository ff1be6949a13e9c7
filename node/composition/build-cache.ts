/** Makes the image cache of this node and what looks after it. */
import { placedNodes } from '../../cluster/placement/placement-policy.ts'
import { systemClock as clock, type Log } from '../../cluster/runtime.ts'
import type { NodeIdentity } from '../../cluster/network/identity.ts'
import type { CurrentConfig } from '../../cluster/register/current-config.ts'
import type { Registers } from '../../cluster/register/registers.ts'
import type { ChunkBufferPool } from '../../cluster/transfer/chunk-buffer.ts'
import { ImageCache } from '../cache/image-cache.ts'
import type { SeracConfig } from '../config/options.ts'
import type { HashPool } from '../data/hash-pool.ts'
import type { ImageIndex } from '../images/image-index.ts'
import type { ImageOpener } from '../images/image-opener.ts'
import type { ImageRecord } from '../images/image-record.ts'
import type { ImageRegisters } from '../images/image-registers.ts'
import { CacheKeeper } from '../loops/cache-keeper.ts'
import { statfsProbe } from '../store/free-space.ts'
import type { Store } from '../store/store.ts'
import { chunkHasher } from './chunk-hasher.ts'

export interface CacheParts {
  config: SeracConfig
  log: Log
  hashes: HashPool
  downloads: ChunkBufferPool
}

/** Null when none is configured. One that cannot be opened is none: the node does without. */
export async function openCache({ config, log, hashes, downloads }: CacheParts): Promise<ImageCache | null> {
  const { imageCacheDir: directory, imageCacheMaxSize: bytesMax } = config.default
  if (directory === null) return null
  const { freeBytesMin } = config.store
  const components = {
    clock,
    log,
    hasher: chunkHasher(hashes),
    pool: downloads,
    probe: statfsProbe(directory),
  }
  const cache = new ImageCache(components, { directory, bytesMax, freeBytesMin })
  try {
    await cache.start()
    return cache
  } catch (error) {
    log.error({ directory, error: String(error) }, 'the image cache cannot be opened: this node has none')
    return null
  }
}

/** Whether this node holds an image as a member of the cluster, or is about to. */
export function keptHere({
  identity,
  currentConfig,
  store,
}: {
  identity: NodeIdentity
  currentConfig: CurrentConfig
  store: Store
}): (record: ImageRecord) => boolean {
  return ({ id, data }) =>
    data !== null &&
    (store.chunks.isHeld(data.root) ||
      placedNodes(currentConfig.current(), id, data.copies).includes(identity.id))
}

export interface KeeperParts {
  log: Log
  cache: ImageCache | null
  index: ImageIndex
  registers: ImageRegisters
  opener: Pick<ImageOpener, 'open'>
  isKeptHere: (record: ImageRecord) => boolean
  clusterRegisters: Pick<Registers, 'caughtUp'>
}

/** Null without a cache. */
export function buildCacheKeeper({
  cache,
  index,
  clusterRegisters,
  ...parts
}: KeeperParts): CacheKeeper | null {
  if (!cache) return null
  return new CacheKeeper({
    ...parts,
    clock,
    cache,
    known: (id) => index.get(id),
    caughtUp: () => clusterRegisters.caughtUp,
  })
}
