/**
 * A node's data directory, opened in the right order and closed in reverse:
 *
 *     FORMAT    what this is and whose        meta/     registers
 *     seg/      segment files                 chunks/   index of chunks, references, pins
 *     ballast   freed by hand to let LevelDB open on a full disk
 */
import { open, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { hasCode } from '../../cluster/errors.ts'
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import type { Clock, Log, Random } from '../../cluster/runtime.ts'
import type { ChunkBufferPool } from '../../cluster/transfer/chunk-buffer.ts'
import { ChunkStore } from './chunk-store.ts'
import { Database } from './database.ts'
import { makeDirectoryDurably } from './durable-file.ts'
import { readFormat, writeFormat } from './format-version.ts'
import { FreeSpace } from './free-space.ts'
import { RegisterStore, type Projection } from './register-store.ts'
import { SegmentStore, type SegmentStoreOptions } from './segment-store.ts'
import { StoreError } from './store-error.ts'

export interface StoreComponents {
  clock: Clock
  random: Random
  log: Log
  buffers: ChunkBufferPool
}

export interface StoreOptions extends SegmentStoreOptions {
  directory: string
  nodeId: NodeId
  clusterId: string
  freeBytesMin: number
  ballastBytes: number
  project?: Projection
}

const STORE_UUID_BYTES = 16
const PID_FILE = 'node.pid'
const BALLAST_STEP_BYTES = 1024 * 1024

export class Store {
  readonly registers: RegisterStore
  readonly chunks: ChunkStore
  readonly space: FreeSpace
  readonly #meta: Database
  readonly #index: Database
  readonly #segments: SegmentStore

  private constructor(parts: {
    registers: RegisterStore
    chunks: ChunkStore
    space: FreeSpace
    meta: Database
    index: Database
    segments: SegmentStore
  }) {
    this.registers = parts.registers
    this.chunks = parts.chunks
    this.space = parts.space
    this.#meta = parts.meta
    this.#index = parts.index
    this.#segments = parts.segments
  }

  /** Opens the directory, or makes a new store in it. Throws StoreError; nothing stays open then. */
  static async open(components: StoreComponents, options: StoreOptions): Promise<Store> {
    const { directory, nodeId, clusterId } = options
    await makeDirectoryDurably(directory)
    const format = await readFormat(directory, nodeId, clusterId)
    const create = format === null
    const opened: { close(): Promise<void> }[] = []
    try {
      // The file lock of meta/ is the instance lock: the kernel drops it with the process, however that ends.
      const meta = await openLocked(directory, create)
      opened.unshift(meta)
      await writeFile(join(directory, PID_FILE), `${process.pid}\n`)
      const index = await Database.open(join(directory, 'chunks'), { create })
      opened.unshift(index)
      const storeUuid = format?.storeUuid ?? Buffer.from(components.random.bytes(STORE_UUID_BYTES)).toString('hex')
      const segments = await SegmentStore.open(join(directory, 'seg'), index, { storeUuid, create }, options)
      opened.unshift(segments)
      const registers = await RegisterStore.open(meta, components.random, options)
      const space = new FreeSpace(directory, components.clock, options)
      const chunks = await ChunkStore.open({ ...components, database: index, segments, space })
      await ensureBallast(join(directory, 'ballast'), options.ballastBytes)
      if (create) await writeFormat(directory, { clusterId, nodeId, storeUuid })
      await space.start()
      return new Store({ registers, chunks, space, meta, index, segments })
    } catch (error) {
      for (const part of opened) await part.close()
      throw error
    }
  }

  /** Why nothing can be written any more, or null. */
  get failure(): Error | null {
    return this.#meta.failure ?? this.#index.failure
  }

  async close(): Promise<void> {
    this.space.stop()
    await this.registers.close()
    await this.#segments.close()
    await this.#index.close()
    await this.#meta.close()
  }
}

async function openLocked(directory: string, create: boolean): Promise<Database> {
  try {
    return await Database.open(join(directory, 'meta'), { create })
  } catch (error) {
    if (!hasCode(error, 'STORE_IN_USE')) throw error
    const holder = (await readFile(join(directory, PID_FILE), 'utf8').catch(() => '')).trim()
    throw new StoreError(
      'STORE_IN_USE',
      `${directory} is in use by another node process${holder ? ` (pid ${holder})` : ''}: stop it first.`,
      { directory },
      error,
    )
  }
}

/** Real blocks, not a hole: freeing the file must free space. */
async function ensureBallast(path: string, sizeBytes: number): Promise<void> {
  const known = await stat(path).catch(() => null)
  if (known?.size === sizeBytes) return
  const handle = await open(path, 'w', 0o640)
  try {
    const step = Buffer.alloc(BALLAST_STEP_BYTES)
    for (let written = 0; written < sizeBytes; written += BALLAST_STEP_BYTES)
      await handle.write(step, 0, Math.min(BALLAST_STEP_BYTES, sizeBytes - written))
    await handle.datasync()
  } finally {
    await handle.close()
  }
}
