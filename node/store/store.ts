/**
 * A node's data directory, opened in the right order and closed in reverse.
 *
 * | file | what |
 * |---|---|
 * | `FORMAT` | what this is and whose; written last when a store is created |
 * | `meta/` | LevelDB: registers. Its lock is the lock of the whole directory |
 * | `chunks/` | LevelDB: where chunks are and who wants them |
 * | `seg/` | segment files; may be a mount of its own |
 * | `ballast` | room to open LevelDB on a full disk |
 * | `PID` | who has the directory open; for messages only |
 */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import type { LearnedListener } from '../../cluster/register/storage.ts'
import type { Clock, Log, Random } from '../../cluster/runtime.ts'
import type { ChunkBufferPool } from '../../cluster/transfer/chunk-buffer.ts'
import type { ChunkHasher } from '../../cluster/transfer/chunk-hasher.ts'
import { AuditRecord } from './audit-record.ts'
import { Ballast } from './ballast.ts'
import type { ChunkStore } from './chunk-store.ts'
import type { Database } from './database.ts'
import { DiskWatch } from './disk-watch.ts'
import { makeDirectory } from './durable-file.ts'
import {
  commitFormat,
  discardDraft,
  draftFormat,
  FORMAT_VERSION,
  isCreationInterrupted,
  readFormat,
  refuseCopy,
  replaceFormat,
  type FoundFormat,
  type StoreFormat,
} from './format-version.ts'
import { FreeSpace, statfsProbe, type SpaceProbe } from './free-space.ts'
import type { IndexFindings } from './index-check.ts'
import { INDEX_DIRECTORY, SEGMENTS_DIRECTORY } from './index-rebuild.ts'
import { openChunks, type OpenChunks } from './open-chunks.ts'
import { BALLAST_FILE, openRegisters, type OpenRegisters } from './open-registers.ts'
import type { Projection } from './register-batch.ts'
import type { RegisterScan } from './register-scan.ts'
import type { RegisterStore } from './register-store.ts'
import { SegmentCompactor } from './segment-compactor.ts'
import { writeMarker } from './segment-marker.ts'
import type { SegmentStoreOptions } from './segment-store.ts'
import { StoreError } from './store-error.ts'
import { WriteRecovery, type RecoverablePart } from './write-recovery.ts'

/** What is wrong with a store now, and what was found wrong when it was opened. */
export interface StoreCondition extends IndexFindings {
  /** Why nothing can be written any more, or null. */
  failure: string | null
  /** It takes no further chunk: less would be free than it keeps. */
  isFull: boolean
  freeBytesMin: number
  /** `meta/` could not be read, and an empty one took its place. */
  registersLost: boolean
  /** The chunk index could not be read, and was made anew with so many records; null: it was whole. */
  indexRebuilt: number | null
}

export interface StoreComponents {
  clock: Clock
  random: Random
  log: Log
  hasher: ChunkHasher
  /** For reading back what is stored; used by the store alone. */
  buffers: ChunkBufferPool
  /** Default: statfs of the directory of the segments. */
  spaceProbe?: SpaceProbe
  /** How the registers are read at the start, by the path of `meta/`. Default: on the event loop. */
  scan?: (path: string) => RegisterScan
}

export interface StoreOptions extends SegmentStoreOptions {
  directory: string
  nodeId: NodeId
  /** Below this, chunks are refused with STORE_FULL. */
  freeBytesMin: number
  ballastBytes: number
  project?: Projection
  /** See RegisterStoreOptions. */
  onFound?: LearnedListener
  changeLogEntriesMax?: number
  /** `serac repair --forget-votes`: takes a copied or restored directory as this node's own, without its votes. */
  forgetVotes?: boolean
  /** See RegistersOptions. */
  registersElsewhere?: boolean
  /** See ChunksOptions. */
  segmentsLost?: boolean
  /** See WriteRecoveryComponents. */
  recoveryRoomBytes?: number
}

interface StoreParts extends OpenRegisters, OpenChunks {
  space: FreeSpace
  ballast: Ballast
}

const STORE_UUID_BYTES = 16

export class Store {
  readonly registers: RegisterStore
  readonly chunks: ChunkStore
  readonly compactor: SegmentCompactor
  readonly auditRecord: AuditRecord
  readonly space: FreeSpace
  /** Whether it hangs. */
  readonly disk: DiskWatch
  readonly #parts: StoreParts
  readonly #directory: string
  readonly #recovery: WriteRecovery
  #format: StoreFormat

  private constructor(
    { directory, recoveryRoomBytes }: StoreOptions,
    format: StoreFormat,
    parts: StoreParts,
    { clock, log }: StoreComponents,
  ) {
    this.#directory = directory
    this.#format = format
    this.#parts = parts
    this.#recovery = new WriteRecovery({
      clock,
      log,
      parts: recoverableParts(directory, parts),
      ballastPath: join(directory, BALLAST_FILE),
      ...(recoveryRoomBytes !== undefined && { roomBytesMin: recoveryRoomBytes }),
    })
    const { meta, index, segments } = parts
    for (const part of [meta, index, segments]) part.onFailed(() => this.#recovery.begin())
    this.disk = new DiskWatch(clock, {
      writing: [meta.pulse, index.pulse, segments.appending],
      reading: [segments.reading],
    })
    this.disk.start()
    this.registers = parts.registers
    this.chunks = parts.chunks
    this.space = parts.space
    this.compactor = new SegmentCompactor({ ...parts, clock })
    this.auditRecord = new AuditRecord(parts.index)
  }

  /** Opens the directory, or makes a new store in it. Throws StoreError; nothing stays open then. */
  static async open(components: StoreComponents, options: StoreOptions): Promise<Store> {
    const { directory } = options
    await makeDirectory(directory)
    const found = await readFormat(directory, options.nodeId)
    if (found && !options.forgetVotes) refuseCopy(directory, found)
    const closers: (() => Promise<void>)[] = []
    try {
      const { format, parts } = await openParts(components, options, found, closers)
      if (!found) await commitFormat(directory)
      const store = new Store(options, format, parts, components)
      if (found) await store.#adopt(found.isCopy, options)
      return store
    } catch (error) {
      for (const close of closers.toReversed()) await close()
      throw error
    }
  }

  /** Why nothing can be written any more, or null. */
  get failure(): Error | null {
    const { meta, index, segments } = this.#parts
    return meta.failure ?? index.failure ?? segments.failure
  }

  /** For the status: what is wrong now, and what was found wrong when it was opened. */
  get condition(): StoreCondition {
    const { areLost, indexRebuilt, chunks, space } = this.#parts
    const why = this.failure ?? this.disk.hang
    const failure = why && [why.message, this.#recovery.lastError?.message]
    return {
      failure: failure && failure.filter((each) => each !== undefined).join('; '),
      isFull: space.isFull,
      freeBytesMin: space.freeBytesMin,
      registersLost: areLost,
      indexRebuilt,
      ...chunks.findings,
    }
  }

  get clusterId(): string | null {
    return this.#format.clusterId
  }

  /** Notes, durably, which cluster this store belongs to. */
  async setClusterId(clusterId: string): Promise<void> {
    if (clusterId === this.#format.clusterId) return
    const format = { ...this.#format, clusterId }
    await replaceFormat(this.#directory, format)
    this.#format = format
  }

  /**
   * Resolves when the writes that both databases were given before, and a look at the disk, have ended, well or badly. Never
   * rejects; it does not resolve while something of the store hangs.
   */
  async answers(): Promise<void> {
    const { meta, index } = this.#parts
    await Promise.allSettled([
      meta.writesEnded(),
      index.writesEnded(),
      stat(join(this.#directory, SEGMENTS_DIRECTORY)),
    ])
  }

  async close(): Promise<void> {
    const { meta, index, segments, registers, chunks, space, ballast } = this.#parts
    this.disk.stop()
    space.stop()
    ballast.stop()
    await chunks.close()
    await this.#recovery.stop()
    await registers.close()
    await segments.close()
    await index.close()
    await meta.close()
  }

  /** Brings FORMAT up to date with what was found out about an existing directory. */
  async #adopt(isCopy: boolean, { forgetVotes }: StoreOptions): Promise<void> {
    await discardDraft(this.#directory)
    if (forgetVotes) await this.registers.renewIdentity(false)
    if (isCopy) await replaceFormat(this.#directory, this.#format)
  }
}

function recoverableParts(
  directory: string,
  { meta, index, segments }: StoreParts,
): readonly RecoverablePart[] {
  return [
    { directory, failure: () => meta.failure, recover: () => meta.reopen() },
    { directory, failure: () => index.failure, recover: () => index.reopen() },
    {
      directory: join(directory, SEGMENTS_DIRECTORY),
      failure: () => segments.failure,
      recover: () => segments.recover(),
    },
  ]
}

/** Under the lock: makes sure that there is nothing to lose here, then says that a store is being made. */
async function beginCreation(
  meta: Database,
  random: Random,
  { directory, nodeId }: StoreOptions,
): Promise<StoreFormat> {
  if (!(await isCreationInterrupted(directory)) && !(await meta.isEmpty())) {
    const message =
      `${directory} holds data but no FORMAT file: it was lost, or the directory is only partly restored. ` +
      `Put FORMAT back from the same directory, or replace the node by an empty one with "serac replace"`
    throw new StoreError('FORMAT_DAMAGED', message, { directory })
  }
  const storeUuid = Buffer.from(random.bytes(STORE_UUID_BYTES)).toString('hex')
  const format = { version: FORMAT_VERSION, nodeId, clusterId: null, storeUuid }
  await draftFormat(directory, format)
  return format
}

/** Each part is closed by `closers` when a later one cannot be opened. */
async function openParts(
  components: StoreComponents,
  options: StoreOptions,
  found: FoundFormat | null,
  closers: (() => Promise<void>)[],
): Promise<{ format: StoreFormat; parts: StoreParts }> {
  const { directory, freeBytesMin, ballastBytes } = options
  const { clock, log, random } = components
  const isNew = found === null
  let format = found?.format ?? null
  const opened = await openRegisters(components, options, {
    isNew,
    async onLocked(meta) {
      format ??= await beginCreation(meta, random, options)
    },
  })
  const { meta } = opened
  closers.push(() => meta.close())
  const { storeUuid } = format!
  const segmentsPath = join(directory, SEGMENTS_DIRECTORY)
  if (isNew) await createChunks(directory, storeUuid)
  const space = new FreeSpace(
    { clock, probe: components.spaceProbe ?? statfsProbe(segmentsPath) },
    { freeBytesMin },
  )
  const chunkParts = await openChunks({ ...components, space }, { ...options, storeUuid }, { isNew })
  const { index, segments } = chunkParts
  closers.push(
    () => index.close(),
    () => segments.close(),
  )
  await space.start()
  closers.push(() => Promise.resolve(space.stop()))
  const ballast = new Ballast(join(directory, BALLAST_FILE), ballastBytes, {
    clock,
    log,
    spareBytes: () => space.freeBytes - freeBytesMin,
  })
  await ballast.start()
  closers.push(() => Promise.resolve(ballast.stop()))
  const parts = { ...opened, ...chunkParts, space, ballast }
  return { format: format!, parts }
}

async function createChunks(directory: string, storeUuid: string): Promise<void> {
  await makeDirectory(join(directory, INDEX_DIRECTORY))
  await makeDirectory(join(directory, SEGMENTS_DIRECTORY))
  await writeMarker(join(directory, SEGMENTS_DIRECTORY), storeUuid)
}
