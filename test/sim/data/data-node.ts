/** One life of one node's data path: the production modules, as node/daemon.ts composes them, over simulated disks and records. */
import { createHash, type Hash } from 'node:crypto'
import { contentHashHex } from '../../../cluster/content-hash.ts'
import type { ConfigView, LivenessView } from '../../../cluster/membership/cluster-config.ts'
import type { NodeIdentity } from '../../../cluster/network/identity.ts'
import type { NodeId } from '../../../cluster/network/rpc-port.ts'
import { silentLog as log } from '../../../cluster/runtime.ts'
import { ChunkBufferPool, type ChunkBuffer } from '../../../cluster/transfer/chunk-buffer.ts'
import { inlineHasher } from '../../../cluster/transfer/chunk-hasher.ts'
import { ChunkFetcher } from '../../../cluster/transfer/chunk-fetcher.ts'
import { ChunkHolders } from '../../../cluster/transfer/chunk-holders.ts'
import { ChunkReplicator } from '../../../cluster/transfer/chunk-replicator.ts'
import { ImageChecksums } from '../../../node/data/checksums.ts'
import type { HashSession } from '../../../node/data/hash-thread.ts'
import { ImageHolder } from '../../../node/data/image-holder.ts'
import { ImageReader } from '../../../node/data/image-reader.ts'
import { ImageWriter } from '../../../node/data/image-writer.ts'
import { ImageUploader } from '../../../node/images/image-uploader.ts'
import { ChunkReaper } from '../../../node/loops/chunk-reaper.ts'
import { ClaimReaper } from '../../../node/loops/claim-reaper.ts'
import { WorkerLife } from '../../../node/loops/worker-life.ts'
import { Reaper } from '../../../node/loops/reaper.ts'
import { RepairPace } from '../../../node/loops/repair-pace.ts'
import { Loop } from '../../../node/loops/loop.ts'
import { Updater } from '../../../node/loops/updater.ts'
import { ChunkStore } from '../../../node/store/chunk-store.ts'
import { Database } from '../../../node/store/database.ts'
import { FreeSpace } from '../../../node/store/free-space.ts'
import { SegmentCompactor } from '../../../node/store/segment-compactor.ts'
import type { SimDisk } from '../disk/sim-disk.ts'
import type { SeededRandom } from '../world/seeded-random.ts'
import type { SimHost } from '../world/sim-host.ts'
import type { SimNetwork } from '../world/sim-network.ts'
import type { SimWorld } from '../world/sim-world.ts'
import { DataLevel } from './data-level.ts'
import type { DataVariant } from './data-variant.ts'
import { SimBulk, smallBuffer, type BulkTarget } from './sim-bulk.ts'
import { NodeRecords, type LearnedRecords, type RecordAuthority } from './sim-records.ts'
import { asSegmentStore, SimSegments, type SegmentDisk } from './sim-segments.ts'
import { noBackends } from '../../helpers/memory-backends.ts'

export interface DataNodeParts {
  world: SimWorld
  host: SimHost
  network: SimNetwork
  random: SeededRandom
  startNonce: string
  disk: SimDisk
  segments: SegmentDisk
  learned: LearnedRecords
  authority: RecordAuthority
  config: ConfigView
  liveness: LivenessView
  targetOf: (id: NodeId) => BulkTarget | undefined
  lifeOf: (id: NodeId) => { startNonce: string | null; silentMs: number }
  variant: DataVariant
}

export const CHUNK_BYTES = 600
/** Short, so that the grace ends in the midst of uploads. */
const GRACE_MS = 500
const PLENTY_BYTES = 2 ** 40
const FORMATS = { requireImageFormatMatch: true, vmdkAllowedTypes: [], gptSafetyChecksNonfatal: [] }
/** What no notice told is learned by then, as from the change logs. */
const CATCH_UP = { name: 'catch-up', everyMs: 2000, retryMs: 500 }
const REWRITING = { name: 'segment-reaper', everyMs: 100, retryMs: 100 }

export interface DataNode {
  host: SimHost
  chunks: ChunkStore
  records: NodeRecords
  uploader: ImageUploader
  reader: ImageReader
  writer: ImageWriter
}

type ChunkParts = Pick<DataNodeParts, 'world' | 'host' | 'random' | 'disk' | 'segments' | 'variant'>

/** The chunks of a node: `store` as it is, `chunks` as the variant makes it. */
export async function openChunks(parts: ChunkParts) {
  const { clock } = parts.host
  const database = new Database(new DataLevel(parts))
  const segments = asSegmentStore(new SimSegments(parts))
  const probe = () => Promise.resolve({ freeBytes: PLENTY_BYTES, totalBytes: PLENTY_BYTES })
  const space = new FreeSpace({ clock, probe }, { freeBytesMin: 0 })
  await space.start()
  const pool = new SmallPool()
  const store = await ChunkStore.open({
    database,
    segments,
    space,
    clock,
    log,
    hasher: inlineHasher,
    buffers: pool,
  })
  const chunks = parts.variant.chunks?.(store, { database, segments, clock }) ?? store
  return { store, chunks, segments, pool, compactor: new SegmentCompactor({ segments, chunks, clock }) }
}

/** Rejects when the disk refuses. */
export async function bootDataNode(parts: DataNodeParts): Promise<DataNode> {
  const { host, random, startNonce, liveness, config, variant } = parts
  const { clock } = host
  const self = host.id
  const { store, chunks, compactor, pool } = await openChunks(parts)
  const records = new NodeRecords(parts)
  const bulk = new SimBulk(parts)
  const holders = new ChunkHolders({ self, local: chunks, bulk })
  const fetcher = new ChunkFetcher({ holders, pool, config, liveness, clock, log })
  const replicator = new ChunkReplicator({ holders, fetcher, log })
  const reader = new ImageReader({ fetcher, config })
  const hashes = { open: () => Promise.resolve(inlineChecksums()) }
  const writer = new ImageWriter(
    { holders, replicator, pool, hashes, config, liveness, clock, log },
    { chunkSizeBytes: CHUNK_BYTES },
  )
  const pace = new RepairPace({ clock, isForegroundBusy: () => false }, { bytesPerSecondMax: PLENTY_BYTES })
  const holder = new ImageHolder({ chunks, fetcher, reader, config, pace })
  const identity = { id: self, startNonce } as NodeIdentity
  const uploader = new ImageUploader(
    { identity, clock, random, log, registers: records, writer, holder, ...noBackends() },
    {
      sizeBytesMax: PLENTY_BYTES,
      copies: { copies: null, rules: [] },
      formats: FORMATS,
      defaultStore: 'cluster',
    },
  )
  const mayRun = () => true
  const updater = new Updater({
    clock,
    random,
    log,
    caughtUp: mayRun,
    holder,
    settled: (id) => records.local(id),
    allImages: () => records.ids(),
    misplaced: { giveUp: () => Promise.reject(new Error('every node holds everything')) },
    out: { look: () => false },
    pace,
    belongsHere: () => true,
    isVoter: () => true,
  })
  records.onLearned = (id) => updater.enqueue(id)
  store.onDamaged((_hash, roots) => {
    for (const { id, data } of records.liveImages())
      if (data && roots.includes(data.root)) updater.enqueue(id)
  })
  const claims = new ClaimReaper({
    log,
    chunks,
    holder,
    liveImages: () => records.liveImages(),
    freshen: () => records.freshen(),
    isRootLearned: (root) =>
      Promise.resolve([...records.liveImages()].some(({ data }) => data?.root === root)),
    reconcile: (id) => updater.enqueue(id),
  })
  const judged = variant.claims?.(claims, { chunks, clock }) ?? claims
  const chunkReaper = new ChunkReaper({ clock, log, chunks, claims: judged, mayRun }, { graceMs: GRACE_MS })
  const workers = new WorkerLife({
    self,
    lifeOf: parts.lifeOf,
    isRunningHere: (upload) => uploader.isRunning(upload),
  })
  const reaper = new Reaper(
    {
      clock,
      log,
      registers: records,
      claimedImages: () =>
        [...records.liveImages()].filter(({ status }) => status === 'saving').map(({ id }) => id),
      workers,
      caughtUp: mayRun,
    },
    { stagedMs: Infinity },
  )
  // As the segment reaper, which looks only each five seconds: half as long as the load of a run.
  const rewriting = new Loop({ clock, log }, REWRITING, async (signal) => {
    await compactor.runOnce(signal)
  })
  const catchUp = new Loop({ clock, log }, CATCH_UP, () => records.freshen())
  const loops = [updater.loop, chunkReaper.loop, reaper.loop, rewriting, catchUp]
  for (const loop of loops) loop.start()
  return { host, chunks, records, uploader, reader, writer }
}

/** Slots of one block: a real pool takes 16 MiB of shared memory. */
class SmallPool extends ChunkBufferPool {
  constructor() {
    super(0)
  }

  override acquire(): Promise<ChunkBuffer> {
    return Promise.resolve(smallBuffer())
  }
}

/** As the hash workers compute them. */
function inlineChecksums(): ImageChecksums {
  const session = (hash: Hash): HashSession => ({
    update: ({ memory, offsetBytes, lengthBytes }, onNamed) => {
      const bytes = Buffer.from(memory, offsetBytes, lengthBytes)
      hash.update(bytes)
      onNamed?.(bytes.every((byte) => byte === 0) ? null : contentHashHex(bytes))
      return Promise.resolve()
    },
    finish: () => Promise.resolve(hash.digest('hex')),
    close: () => {},
  })
  return new ImageChecksums(
    { md5: session(createHash('md5')), multihash: session(createHash('sha512')) },
    () => {},
  )
}
