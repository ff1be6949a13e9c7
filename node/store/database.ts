/**
 * One LevelDB, opened with the options that its traps ask for, written in groups.
 *
 * - A failed log write can take later acknowledged ones with it, so the first write error ends all writing until the
 *   database was closed and opened again.
 * - `createIfMissing` on a store that lost its CURRENT file opens empty and deletes the tables: only a new store may ask
 *   for it.
 * - A sync of LevelDB covers only its current log, not earlier unsynced writes: what must survive is written with sync.
 * - A second open of one path, even a failed one, releases the lock of the first: one handle per path and thread, see
 *   `openPaths`. Threads of one process share what was opened first (`multithreading`); whoever opened it first must
 *   close it last, since the others use its block cache.
 */
import { realpath } from 'node:fs/promises'
import { Level } from 'level'
import { ClusterError } from '../../cluster/errors.ts'
import { corruptValue } from './codec.ts'
import { GroupCommit } from './group-commit.ts'
import type { KeyRange } from './keyspaces.ts'
import { StoreError } from './store-error.ts'

export type WriteOp = { type: 'put'; key: Buffer; value: Buffer } | { type: 'del'; key: Buffer }

/** What a database asks of the library; memory-level has it too. */
export interface LevelHandle {
  getSync(key: Buffer): Buffer | undefined
  batch(operations: WriteOp[], options: { sync: boolean }): Promise<void>
  iterator(options: KeyRange & { highWaterMarkBytes: number }): LevelIterator
  keys(options: Partial<KeyRange> & { reverse?: boolean }): AsyncIterable<Buffer>
  close(): Promise<void>
}

export interface LevelIterator {
  /** At most `count` pairs; none at the end. */
  nextv(count: number): Promise<[Buffer, Buffer][]>
  close(): Promise<void>
}

export interface WriteOptions {
  /** False: a power cut may take it back (the end of the process does not). Default true. */
  sync?: boolean
}

interface Write {
  operations: readonly WriteOp[]
  sync: boolean
}

export interface DatabaseOptions {
  /** True only while a store is being created. */
  createIfMissing: boolean
}

/** Memory before LevelDB writes a table; two may be held. Larger ones make opening after a crash slower. */
const WRITE_BUFFER_BYTES = 8 * 1024 * 1024
/** One damaged table loses this much at most. Above some 80 MiB LevelDB's size arithmetic overflows. */
const TABLE_BYTES_MAX = 2 * 1024 * 1024
/**
 * What is compressed and read as one. Rows of one kind repeat the names of their fields: four times LevelDB's own block
 * takes a quarter less of the disk, and of the mapped files in memory.
 */
const BLOCK_BYTES = 16 * 1024
/** Uncompressed blocks kept in memory, for each of two databases: what is read again and again is cached above this. */
const BLOCK_CACHE_BYTES = 8 * 1024 * 1024

/** What a scan reads at once, at the most: some 10 ms of decoding. */
const PAGE_ENTRIES = 1000
const PAGE_BYTES = 256 * 1024

/** POSIX locks belong to the process: closing any descriptor of LevelDB's LOCK file gives the lock away. */
const openPaths = new Set<string>()

export class Database {
  readonly #level: LevelHandle
  readonly #writes: GroupCommit<Write>
  readonly #onClose: () => void
  #failure: ClusterError | null = null

  /** Takes over an open handle; production opens its own with `Database.open`. */
  constructor(level: LevelHandle, onClose: () => void = () => {}) {
    this.#level = level
    this.#writes = new GroupCommit((writes) => this.#writeBatch(writes), sizeOf)
    this.#onClose = onClose
  }

  /** Throws STORE_OPEN_TWICE, STORE_LOCKED, DATABASE_UNREADABLE. The directory must exist. */
  static async open(path: string, options: DatabaseOptions): Promise<Database> {
    const place = await realpath(path).catch((error: unknown) => {
      throw new StoreError('DATABASE_UNREADABLE', `${path} is gone`, { path }, error)
    })
    if (openPaths.has(place))
      throw new StoreError('STORE_OPEN_TWICE', `${place} is open in this process`, { path: place })
    openPaths.add(place)
    try {
      const level = await openLevel(place, options)
      return new Database(level, () => openPaths.delete(place))
    } catch (error) {
      openPaths.delete(place)
      throw error
    }
  }

  /** Why nothing can be written any more, or null. */
  get failure(): Error | null {
    return this.#failure
  }

  /** Throws STORE_NOT_WRITABLE after a failed write. */
  assertWritable(): void {
    if (this.#failure) throw notWritable(this.#failure)
  }

  /** The stored value, or undefined. On the calling thread: a look-up takes some 10 µs. */
  get(key: Buffer): Buffer | undefined {
    try {
      return this.#level.getSync(key)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'LEVEL_DATABASE_NOT_OPEN') throw closed(error)
      throw corruptValue(key, 'LevelDB cannot read it', error)
    }
  }

  has(key: Buffer): boolean {
    return this.get(key) !== undefined
  }

  /**
   * Writes all or nothing; resolves when durable (unless `sync` is false). Writes land in the order of the calls.
   * Rejects with STORE_NOT_WRITABLE, PEER_BUSY, STOPPING.
   */
  async write(operations: readonly WriteOp[], { sync = true }: WriteOptions = {}): Promise<void> {
    if (operations.length > 0) await this.#writes.add({ operations, sync })
  }

  /**
   * Pairs in key order, as they were when the iteration began; many at a time, since a turn of the event loop for each
   * would take longer than to read it. While one page is worked on, LevelDB's thread reads the next.
   */
  async *pages(range: KeyRange): AsyncGenerator<[Buffer, Buffer][]> {
    const iterator = this.#level.iterator({ ...range, highWaterMarkBytes: PAGE_BYTES })
    const read = () => {
      const page = iterator.nextv(PAGE_ENTRIES)
      // Whoever ends early never awaits it.
      page.catch(() => {})
      return page
    }
    try {
      for (let next = read(); ;) {
        const page = await next
        if (page.length === 0) return
        next = read()
        yield page
      }
    } finally {
      await iterator.close()
    }
  }

  keys(range: KeyRange): AsyncIterable<Buffer> {
    return this.#level.keys(range)
  }

  /** The first and the last key; null when there is none. */
  async ends(range: KeyRange): Promise<{ first: Buffer; last: Buffer } | null> {
    for await (const first of this.#level.keys(range))
      for await (const last of this.#level.keys({ ...range, reverse: true })) return { first, last }
    return null
  }

  async isEmpty(): Promise<boolean> {
    for await (const _key of this.#level.keys({})) return false
    return true
  }

  /** Lets the writes under way end, refuses further ones, closes. */
  async close(): Promise<void> {
    await this.#writes.close()
    await this.#level.close()
    this.#onClose()
  }

  async #writeBatch(writes: Write[]): Promise<void> {
    this.assertWritable()
    const operations = writes.flatMap((write) => write.operations)
    const sync = writes.some((write) => write.sync)
    try {
      await this.#level.batch(operations, { sync })
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      this.#failure = new ClusterError(
        'STORE_NOT_WRITABLE',
        `a write to the database failed: ${why}`,
        {},
        error,
      )
      throw notWritable(this.#failure)
    }
  }
}

function sizeOf({ operations }: Write): number {
  return operations.reduce((sum, op) => sum + op.key.length + (op.type === 'put' ? op.value.length : 0), 0)
}

function notWritable(first: ClusterError): ClusterError {
  const message = `${first.message}; nothing is written until the store was closed and opened again`
  return new ClusterError('STORE_NOT_WRITABLE', message, {}, first)
}

async function openLevel(path: string, { createIfMissing }: DatabaseOptions): Promise<LevelHandle> {
  const level = new Level<Buffer, Buffer>(path, { keyEncoding: 'buffer', valueEncoding: 'buffer' })
  try {
    await level.open({
      createIfMissing,
      writeBufferSize: WRITE_BUFFER_BYTES,
      maxFileSize: TABLE_BYTES_MAX,
      cacheSize: BLOCK_CACHE_BYTES,
      blockSize: BLOCK_BYTES,
      compression: true,
      multithreading: true,
    })
  } catch (error) {
    const { cause } = error as { cause?: { code?: string; message?: string } }
    if (cause?.code === 'LEVEL_LOCKED')
      throw new StoreError('STORE_LOCKED', `${path} is locked`, { path }, error)
    const why = cause?.message ?? String(error)
    const message = `LevelDB cannot open ${path}: ${why}. "serac repair" explains what can be done`
    throw new StoreError('DATABASE_UNREADABLE', message, { path, why }, error)
  }
  return {
    getSync: (key) => level.getSync(key),
    batch: (operations, options) => writeChained(level, operations, options),
    iterator: (options) => level.iterator(options),
    keys: (options) => level.keys(options),
    close: () => level.close(),
  }
}

/** As `level.batch(operations)`, of which each operation costs eight times as much: it is copied, then taken apart again. */
function writeChained(
  level: Level<Buffer, Buffer>,
  operations: readonly WriteOp[],
  options: { sync: boolean },
): Promise<void> {
  const batch = level.batch()
  for (const op of operations) {
    if (op.type === 'put') batch.put(op.key, op.value)
    else batch.del(op.key)
  }
  return batch.write(options)
}

function closed(cause: unknown): ClusterError {
  return new ClusterError('STOPPING', 'the database is closed', {}, cause)
}
