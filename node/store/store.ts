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
import { mkdir, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { hasCode } from '../../cluster/errors.ts'
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import type { LearnedListener } from '../../cluster/register/storage.ts'
import type { Clock, Log, Random } from '../../cluster/runtime.ts'
import type { ChunkBufferPool } from '../../cluster/transfer/chunk-buffer.ts'
import { AuditRecord } from './audit-record.ts'
import { ensureBallast, releaseBallast } from './ballast.ts'
import { ChunkStore } from './chunk-store.ts'
import { Database } from './database.ts'
import { readIfPresent, syncDirectory } from './durable-file.ts'
import {
  commitFormat,
  discardDraft,
  draftFormat,
  FORMAT_VERSION,
  isCreationInterrupted,
  readFormat,
  refuseCopy,
  replaceFormat,
  type StoreFormat,
} from './format-version.ts'
import { FreeSpace, statfsProbe, type SpaceProbe } from './free-space.ts'
import { INDEX_DIRECTORY, isIndexDamage, rebuildIndex, SEGMENTS_DIRECTORY } from './index-rebuild.ts'
import type { Projection } from './register-batch.ts'
import type { RegisterScan } from './register-scan.ts'
import { RegisterStore } from './register-store.ts'
import { SegmentCompactor } from './segment-compactor.ts'
import { SegmentStore, type SegmentStoreOptions } from './segment-store.ts'
import { StoreError } from './store-error.ts'

export interface StoreComponents {
  clock: Clock
  random: Random
  log: Log
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
}

interface StoreParts {
  meta: Database
  index: Database
  segments: SegmentStore
  registers: RegisterStore
  chunks: ChunkStore
  space: FreeSpace
}

const STORE_UUID_BYTES = 16
const DIRECTORY_MODE = 0o750
const PID_FILE = 'PID'

export class Store {
  readonly registers: RegisterStore
  readonly chunks: ChunkStore
  readonly compactor: SegmentCompactor
  readonly auditRecord: AuditRecord
  readonly space: FreeSpace
  readonly #parts: StoreParts
  readonly #directory: string
  #format: StoreFormat

  private constructor(directory: string, format: StoreFormat, parts: StoreParts, clock: Clock) {
    this.#directory = directory
    this.#format = format
    this.#parts = parts
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
    const isNew = found === null
    const closers: (() => Promise<void>)[] = []
    try {
      const meta = await openMeta(directory, isNew, components.log)
      closers.push(() => meta.close())
      const format = found?.format ?? (await beginCreation(meta, components.random, options))
      const parts = await openParts(meta, format, components, options, { isNew, closers })
      if (isNew) await commitFormat(directory)
      const store = new Store(directory, format, parts, components.clock)
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

  async close(): Promise<void> {
    const { meta, index, segments, registers, chunks, space } = this.#parts
    space.stop()
    await chunks.close()
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

/**
 * The kernel drops the lock of `meta/` when the process ends, however it ends, and it holds between containers that
 * share the directory. Nothing in this process may ever open that lock file: closing it would give the lock away.
 */
async function openMeta(directory: string, isNew: boolean, log: Log): Promise<Database> {
  const path = join(directory, 'meta')
  if (isNew) await makeDirectory(path)
  try {
    const meta = await openWithRoom(path, directory, isNew, log)
    await writeFile(join(directory, PID_FILE), `${process.pid} on ${hostname()}\n`)
    return meta
  } catch (error) {
    if (!hasCode(error, 'STORE_LOCKED')) throw error
    const holder = (await readIfPresent(join(directory, PID_FILE)))?.trim() ?? 'unknown'
    const message = `${directory} is in use by another process (pid ${holder}): stop that one first`
    throw new StoreError('STORE_LOCKED', message, { directory, holder }, error)
  }
}

/** A full disk must not keep the index from being opened: the ballast is given up for it. */
async function openWithRoom(
  path: string,
  directory: string,
  createIfMissing: boolean,
  log: Log,
): Promise<Database> {
  try {
    return await Database.open(path, { createIfMissing })
  } catch (error) {
    const isFull = hasCode(error, 'DATABASE_UNREADABLE') && /no space left/i.test(error.message)
    if (!isFull || !(await releaseBallast(join(directory, 'ballast')))) throw error
    log.warn({ path }, 'the disk is full: the ballast was given up to open the database')
    return Database.open(path, { createIfMissing })
  }
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

async function openParts(
  meta: Database,
  format: StoreFormat,
  components: StoreComponents,
  options: StoreOptions,
  { isNew, closers }: { isNew: boolean; closers: (() => Promise<void>)[] },
): Promise<StoreParts> {
  const { directory, ballastBytes } = options
  const segmentsPath = join(directory, SEGMENTS_DIRECTORY)
  if (isNew) {
    await makeDirectory(join(directory, INDEX_DIRECTORY))
    await makeDirectory(segmentsPath)
    await SegmentStore.create(segmentsPath, format.storeUuid)
  }
  const { random, log } = components
  const scan = components.scan?.(join(directory, 'meta'))
  const registers = await RegisterStore.open({ database: meta, random, log, ...(scan && { scan }) }, options)
  const space = new FreeSpace(
    { clock: components.clock, probe: components.spaceProbe ?? statfsProbe(segmentsPath) },
    options,
  )
  const openChunks = () => openChunkStore({ ...components, space }, format, options, isNew)
  const { index, segments, chunks } = await openChunks().catch(async (error: unknown) => {
    if (isNew || !isIndexDamage(error)) throw error
    log.error(
      { error: String(error) },
      'the chunk index cannot be read: it is made anew from the segment files',
    )
    await rebuildIndex({ directory, storeUuid: format.storeUuid }, log)
    return openChunks()
  })
  closers.push(
    () => index.close(),
    () => segments.close(),
  )
  await space.start()
  closers.push(() => Promise.resolve(space.stop()))
  if (isNew || space.freeBytes > options.freeBytesMin + ballastBytes)
    await ensureBallast(join(directory, 'ballast'), ballastBytes)
  return { meta, index, segments, registers, chunks, space }
}

type ChunkParts = Pick<StoreParts, 'index' | 'segments' | 'chunks'>

/** The index and what it names. Nothing stays open when it fails. */
async function openChunkStore(
  components: StoreComponents & { space: FreeSpace },
  { storeUuid }: StoreFormat,
  options: StoreOptions,
  isNew: boolean,
): Promise<ChunkParts> {
  const { directory } = options
  const index = await openWithRoom(join(directory, INDEX_DIRECTORY), directory, isNew, components.log)
  try {
    const place = { directory: join(directory, SEGMENTS_DIRECTORY), database: index, storeUuid }
    const segments = await SegmentStore.open(place, options)
    try {
      const chunks = await ChunkStore.open({ ...components, database: index, segments })
      return { index, segments, chunks }
    } catch (error) {
      await segments.close()
      throw error
    }
  } catch (error) {
    await index.close()
    throw error
  }
}

async function makeDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: DIRECTORY_MODE })
  await syncDirectory(join(path, '..'))
}
