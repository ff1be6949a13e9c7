/** What the transfer tests have in common: a config, a memory bulk plane, fetcher and replicator of one node. */
import type { ClusterConfig } from '../../../cluster/membership/cluster-config.ts'
import type { NodeId } from '../../../cluster/network/rpc-port.ts'
import { silentLog, systemClock } from '../../../cluster/runtime.ts'
import { ChunkBuffer, ChunkBufferPool, SLOT_BYTES } from '../../../cluster/transfer/chunk-buffer.ts'
import { ChunkFetcher, type ChunkFetcherOptions } from '../../../cluster/transfer/chunk-fetcher.ts'
import { ChunkHolders } from '../../../cluster/transfer/chunk-holders.ts'
import { ChunkReplicator } from '../../../cluster/transfer/chunk-replicator.ts'
import { ImpatientChunks } from '../../../cluster/transfer/impatient-chunks.ts'
import { HangingDisk } from '../../helpers/hanging-disk.ts'
import { MemoryBulk, type MemoryBulkOptions } from '../../helpers/memory-bulk.ts'

export const UPLOAD = 'ab'.repeat(16)

export function configOf(ids: readonly NodeId[]): ClusterConfig {
  const nodes = ids.map((id) => ({
    id,
    address: `${id}:9293`,
    role: 'voter' as const,
    zone: null,
    weight: 1,
  }))
  return {
    clusterId: 'c1'.repeat(16),
    epoch: 1,
    voters: [...ids],
    joint: null,
    nodes,
    databases: {},
    invites: [],
    removed: [],
    featureLevel: 1,
  }
}

/** Node `ids[0]` of a cluster whose bulk plane is memory. */
export function transferOf(ids: readonly NodeId[], options: ChunkFetcherOptions & MemoryBulkOptions = {}) {
  const self = ids[0] ?? ''
  const bulk = new MemoryBulk(ids, options)
  const local = bulk.at(self)
  const disk = new HangingDisk()
  const holders = new ChunkHolders({ self, local: new ImpatientChunks(local, disk), bulk })
  const pool = new ChunkBufferPool(8 * SLOT_BYTES)
  const config = { current: () => configOf(ids) }
  const dead = new Set<NodeId>()
  const liveness = { isAlive: (id: NodeId) => !dead.has(id) }
  const common = { holders, pool, config, liveness, clock: options.clock ?? systemClock, log: silentLog }
  const fetcher = new ChunkFetcher(common, options)
  const replicator = new ChunkReplicator({ holders, fetcher, log: silentLog })
  return { self, bulk, local, disk, holders, pool, config, dead, liveness, fetcher, replicator }
}

/** A buffer outside any pool. */
export function bufferOf(bytes: Uint8Array): ChunkBuffer {
  const buffer = new ChunkBuffer(Buffer.alloc(SLOT_BYTES), () => {})
  buffer.room.set(bytes)
  buffer.length = bytes.length
  return buffer
}
