/** Makes the ways that the bytes of images take, in and out of this node, and the registers that say what they are of. */
import type { Cluster } from '../../cluster/cluster.ts'
import type { NodeIdentity } from '../../cluster/network/identity.ts'
import type { CurrentConfig } from '../../cluster/register/current-config.ts'
import { systemClock as clock, systemRandom as random, type Log } from '../../cluster/runtime.ts'
import { ChunkBufferPool } from '../../cluster/transfer/chunk-buffer.ts'
import type { Backends } from '../backends/backends.ts'
import type { SeracConfig } from '../config/options.ts'
import { BackendWriter } from '../data/backend-writer.ts'
import type { Foreground } from '../data/foreground.ts'
import type { HashPool } from '../data/hash-pool.ts'
import { ImageHolder } from '../data/image-holder.ts'
import { ImageReader } from '../data/image-reader.ts'
import { ImageWriter } from '../data/image-writer.ts'
import { OutsideBytes } from '../data/outside-bytes.ts'
import { BackendGate } from '../images/backend-gate.ts'
import type { ImageIndex } from '../images/image-index.ts'
import { ImageOpener } from '../images/image-opener.ts'
import { ImageRegisters, type AppliedChange } from '../images/image-registers.ts'
import { ImageUploader } from '../images/image-uploader.ts'
import type { StoreList } from '../images/store-list.ts'
import { RepairPace } from '../loops/repair-pace.ts'
import type { OutboundHttp } from '../outbound/outbound-http.ts'
import type { Store } from '../store/store.ts'
import { levelOf } from './level-of.ts'
/** What they stand on. */
export interface ImageBytesParts {
  config: SeracConfig
  log: Log
  identity: NodeIdentity
  currentConfig: CurrentConfig
  store: Store
  index: ImageIndex
  hashes: HashPool
  cluster: Cluster
  foreground: Foreground
  outbound: OutboundHttp
  backends: Backends
  stores: StoreList
}

export interface ImageBytes {
  registers: ImageRegisters
  /** What uploads and everything like them keep in memory. */
  uploads: ChunkBufferPool
  uploader: ImageUploader
  holder: ImageHolder
  outside: OutsideBytes
  opener: ImageOpener
  backendWriter: BackendWriter
  gate: BackendGate
  /** Of what this node brings for itself. */
  pace: RepairPace
}

export function buildImageBytes(
  parts: ImageBytesParts,
  onApplied: ((change: AppliedChange) => void) | undefined,
): ImageBytes {
  const {
    config,
    log,
    identity,
    currentConfig,
    store,
    index,
    hashes,
    cluster,
    foreground,
    backends,
    stores,
  } = parts
  const base = { identity, clock, random, log, config: currentConfig }
  const { fetcher, holders, replicator, control } = cluster
  const registers = new ImageRegisters({
    registers: cluster.registers,
    index,
    learned: (key) => store.registers.learned(key),
    onApplied,
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
    { outbound: parts.outbound, backends, hashes, clock, log },
    { sizeBytesMax: config.default.imageSizeCap, retries: config.default.httpRetries },
  )
  const holdsWhole = (root: string) => store.chunks.isHeld(root)
  const current = async (id: string) => {
    const known = await registers.read(id)
    return known?.live ? known.record : null
  }
  const opener = new ImageOpener({ log, reader, outside, stores, holdsWhole, current })
  return { registers, uploads, uploader, holder, outside, opener, backendWriter, gate, pace }
}
