/**
 * Makes this node's part of the cluster. A module of its own because of what it loads: libp2p takes most of a second, in
 * which a start can read the registers.
 */
import { Cluster } from '../../cluster/cluster.ts'
import { gossipService } from '../../cluster/gossip/gossipsub.ts'
import { checkGossip } from '../../cluster/gossip/self-check.ts'
import type { NodeIdentity } from '../../cluster/network/identity.ts'
import type { CurrentConfig } from '../../cluster/register/current-config.ts'
import { systemClock as clock, systemRandom as random, type Log } from '../../cluster/runtime.ts'
import { ChunkBufferPool } from '../../cluster/transfer/chunk-buffer.ts'
import type { ChunkHasher } from '../../cluster/transfer/chunk-hasher.ts'
import { ImpatientChunks } from '../../cluster/transfer/impatient-chunks.ts'
import type { SeracConfig } from '../config/options.ts'
import type { Foreground } from '../data/foreground.ts'
import { imageOperations } from '../images/image-operations.ts'
import { metadefOperations } from '../metadefs/namespace-operations.ts'
import type { Store } from '../store/store.ts'
import { taskOperations } from '../tasks/task-operations.ts'

export interface ClusterParts {
  config: SeracConfig
  log: Log
  identity: NodeIdentity
  currentConfig: CurrentConfig
  store: Store
  hasher: ChunkHasher
  foreground: Foreground
  /** For chunks on their way to clients. */
  downloads: ChunkBufferPool
}

/** What the other nodes are told of this one. */
export interface NodeFacts {
  version: string
  /** Of the control and bulk planes. */
  advertiseHost: string
  apiUrl: string
}

/** Throws GOSSIP_BROKEN when the packages that are installed cannot gossip with each other. */
export function proveGossip(): Promise<void> {
  return checkGossip(random, { gossip: gossipService() })
}

/** Not started. */
export function buildCluster(
  { config, log, identity, currentConfig, store, hasher, foreground, downloads }: ClusterParts,
  { version, advertiseHost, apiUrl }: NodeFacts,
): Cluster {
  store.disk.allowForLoneNode(() => currentConfig.current().nodes.length === 1)
  return new Cluster(
    {
      identity,
      clock,
      random,
      log,
      hasher,
      config: currentConfig,
      abstains: () => diskFailure(store),
      storage: store.registers,
      chunks: new ImpatientChunks(store.chunks, store.disk),
      downloads,
      peers: new ChunkBufferPool(config.memory.peers),
      operations: { ...imageOperations, ...metadefOperations, ...taskOperations },
    },
    {
      bindHost: config.cluster.bindHost,
      controlPort: config.cluster.controlPort,
      bulkPort: config.cluster.bulkPort,
      advertiseHost,
      facts: () => ({ version, apiUrl }),
      isBusy: () => foreground.isBusy,
    },
  )
}

/** A vote that cannot be written must not be given. */
function diskFailure(store: Store): string | null {
  return store.failure ? `its disk refuses writes (${store.failure.message})` : null
}
