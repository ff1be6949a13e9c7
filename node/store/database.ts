/**
 * One LevelDB, opened with the options that its traps ask for, written in groups.
 *
 * - A failed log write can take later acknowledged ones with it, so the first write error ends all writing until the
 *   database was closed and opened again (`reopen`); reads go on meanwhile. What that write was to change is then written
 *   back as it was: parts of the log may be on the disk all the same, and nobody's memory knows of them.
 * - `createIfMissing` on a store that lost its CURRENT file opens empty and deletes the tables: only a new store may ask
 *   for it.
 * - A sync of LevelDB covers only its current log, not earlier unsynced writes: what must survive is written with sync.
 * - A second open of one path, even a failed one, releases the lock of the first: one handle per path and thread, see
 *   `openPaths`. Threads of one process share what was opened first (`multithreading`); whoever opened it first must
 *   close it last, since the others use its block cache.
 */
import { realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { Level } from 'level'
import { ClusterError } from '../../cluster/errors.ts'
import { corruptValue } from './codec.ts'
import { readIfPresent } from './durable-file.ts'
import { GroupCommit } from './group-commit.ts'
import type { KeyRange } from './keyspaces.ts'
import { Pulse } from './pulse.ts'
import { StoreError } from './store-error.ts'
import { SyncFailures } from './sync-failures.ts'

export type WriteOp = { type: 'put'; key: Buffer; value: Buffer } | { type: 'del'; key: Buffer }

/** What a database asks of the library; memory-level has it too. */
export interface LevelHandle {
  getSync(key: Buffer): Buffer | undefined
  /** The rows as they are now, whatever is written afterwards. Without it a write that succeeded is never taken back. */
  view?(): LevelView
  batch(operations: WriteOp[], options: { sync: boolean }): Promise<void>
  iterator(options: KeyRange & { highWaterMarkBytes: number }): LevelIterator
  keys(options: Partial<KeyRange> & { reverse?: boolean }): AsyncIterable<Buffer>
  close(): Promise<void>
}

export interface LevelView {
  getSync(key: Buffer): Buffer | undefined
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

/** Keys begin with the tag of their keyspace, see keyspaces.ts. */
const EVERYTHING: KeyRange = { gte: Buffer.of(0), lt: Buffer.of(0xff) }

/** POSIX locks belong to the process: closing any descriptor of LevelDB's LOCK file gives the lock away. */
const openPaths = new Set<string>()

export interface DatabaseHooks {
  /** Opens the same database once more, after its handle was closed. */
  openAgain: () => Promise<LevelHandle>
  onClose: () => void
  /** Of the disk that it is on. */
  disk: SyncFailures
}

const NO_HOOKS: Omit<DatabaseHooks, 'disk'> = {
  openAgain: () => Promise.reject(new Error('this database cannot be opened again')),
  onClose() {},
}

export class Database {
  /** Of its writes. */
  readonly pulse = new Pulse()
  #level: LevelHandle
  readonly #writes: GroupCommit<Write>
  readonly #hooks: DatabaseHooks
  #failure: ClusterError | null = null
  #onFailed: () => void = () => {}
  /** Writes back what the failed write was to change. */
  #undo: WriteOp[] = []
  /** Whether LevelDB has left out records of its log when it was opened, as damaged or torn. */
  readonly hasLostRecords: boolean

  /** Takes over an open handle; production opens its own with `Database.open`. */
  constructor(level: LevelHandle, hooks: Partial<DatabaseHooks> = {}, { hasLostRecords = false } = {}) {
    this.#level = level
    this.#writes = new GroupCommit((writes) => this.#writeBatch(writes), sizeOf)
    this.#hooks = { ...NO_HOOKS, disk: new SyncFailures(), ...hooks }
    this.hasLostRecords = hasLostRecords
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
      const hooks: DatabaseHooks = {
        openAgain: () => openLevel(place, { createIfMissing: false }),
        onClose: () => openPaths.delete(place),
        disk: await SyncFailures.of(place),
      }
      return new Database(level, hooks, { hasLostRecords: await tellsOfLostRecords(place) })
    } catch (error) {
      openPaths.delete(place)
      throw error
    }
  }

  /** Why nothing can be written any more, or null. */
  get failure(): Error | null {
    return this.#failure
  }

  /** Calls `listener` when a write fails after all was well. */
  onFailed(listener: () => void): void {
    this.#onFailed = listener
  }

  /**
   * After a failed write: closes, opens again, and takes back what that write may have left on the disk. Throws
   * DATABASE_UNREADABLE and what LevelDB throws; it may be tried again, but nothing can be read until it succeeds.
   */
  async reopen(): Promise<void> {
    await this.#level.close()
    this.#level = await this.#hooks.openAgain()
    await this.#level.batch(this.#undo, { sync: true })
    this.#undo = []
    this.#failure = null
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
      if (isClosed(error)) throw closed(error)
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

  /** Settles when all writes of before have ended; rejects as `write` does. */
  async writesEnded(): Promise<void> {
    await this.#writes.add({ operations: [], sync: false })
  }

  /**
   * Pairs in key order, as they were when the iteration began; many at a time, since a turn of the event loop for each
   * would take longer than to read it. While one page is worked on, LevelDB's thread reads the next.
   */
  async *pages(range: KeyRange): AsyncGenerator<[Buffer, Buffer][]> {
    const iterator = this.#iterator(range)
    const read = () => {
      const page = iterator.nextv(PAGE_ENTRIES).catch(rethrow)
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

  /** Reads every row once; throws what LevelDB throws for the first that cannot be read. */
  async readThrough(): Promise<void> {
    for await (const _page of this.pages(EVERYTHING));
  }

  async *keys(range: Partial<KeyRange> & { reverse?: boolean }): AsyncGenerator<Buffer> {
    try {
      yield* this.#level.keys(range)
    } catch (error) {
      rethrow(error)
    }
  }

  /** The first and the last key; null when there is none. */
  async ends(range: KeyRange): Promise<{ first: Buffer; last: Buffer } | null> {
    for await (const first of this.keys(range))
      for await (const last of this.keys({ ...range, reverse: true })) return { first, last }
    return null
  }

  async isEmpty(): Promise<boolean> {
    for await (const _key of this.keys({})) return false
    return true
  }

  /** Lets the writes under way end, refuses further ones, closes. */
  async close(): Promise<void> {
    await this.#writes.close()
    await this.#level.close()
    this.#hooks.onClose()
  }

  #iterator(range: KeyRange): LevelIterator {
    try {
      return this.#level.iterator({ ...range, highWaterMarkBytes: PAGE_BYTES })
    } catch (error) {
      return rethrow(error)
    }
  }

  async #writeBatch(writes: Write[]): Promise<void> {
    this.assertWritable()
    const operations = writes.flatMap((write) => write.operations)
    const sync = writes.some((write) => write.sync)
    const { disk } = this.#hooks
    const failuresBefore = disk.count
    const view = sync ? this.#level.view?.() : undefined
    try {
      await this.pulse.of(this.#level.batch(operations, { sync })).catch((error: unknown) => {
        disk.note()
        throw error
      })
      if (sync) disk.assertNoneSince(failuresBefore)
    } catch (error) {
      this.#undo = asIn(view ?? this.#level, operations)
      throw this.#failWith(error)
    } finally {
      await view?.close()
    }
  }

  #failWith(error: unknown): ClusterError {
    const why = error instanceof Error ? error.message : String(error)
    this.#failure = new ClusterError(
      'STORE_NOT_WRITABLE',
      `a write to the database failed: ${why}`,
      {},
      error,
    )
    this.#onFailed()
    return notWritable(this.#failure)
  }
}

/** LevelDB shows nothing of a write that failed, as long as its handle is open; of one that is not believed, a view. */
function asIn(before: Pick<LevelView, 'getSync'>, operations: readonly WriteOp[]): WriteOp[] {
  return operations.flatMap(({ key }): WriteOp[] => {
    try {
      const value = before.getSync(key)
      return [value === undefined ? { type: 'del', key } : { type: 'put', key, value }]
    } catch {
      // What could not be read before cannot be read afterwards either.
      return []
    }
  })
}

function sizeOf({ operations }: Write): number {
  return operations.reduce((sum, op) => sum + op.key.length + (op.type === 'put' ? op.value.length : 0), 0)
}

function notWritable(first: ClusterError): ClusterError {
  const message = `${first.message}; nothing is written until the database was closed and opened again`
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
    const message = `LevelDB cannot open ${path}: ${why}. ${adviceOn(why)}`
    throw new StoreError('DATABASE_UNREADABLE', message, { path, why }, error)
  }
  return {
    getSync: (key) => level.getSync(key),
    view: () => {
      const snapshot = level.snapshot()
      return { getSync: (key) => level.getSync(key, { snapshot }), close: () => snapshot.close() }
    },
    batch: (operations, options) => writeChained(level, operations, options),
    iterator: (options) => level.iterator(options),
    keys: (options) => level.keys(options),
    close: () => level.close(),
  }
}

/** What an operator can do about an error that may pass. Damage is dealt with where it is known what was lost. */
function adviceOn(why: string): string {
  if (/no space left/i.test(why)) return 'Make room on that disk, then start again'
  if (/permission denied/i.test(why)) return 'Give the files to the user that serac runs as, then start again'
  if (/too many open files/i.test(why)) return 'Raise the limit of open files, then start again'
  return 'See whether its disk fails or was mounted read-only'
}

/** It says so nowhere but in its own log, which begins anew with each opening. */
async function tellsOfLostRecords(path: string): Promise<boolean> {
  const said = await readIfPresent(join(path, 'LOG'))
  return said !== null && /: dropping \d+ bytes;/.test(said)
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

/** By `close`, or for a moment by `reopen`. */
function isClosed(error: unknown): boolean {
  const { code } = error as { code?: string }
  return code === 'LEVEL_DATABASE_NOT_OPEN' || code === 'LEVEL_ITERATOR_NOT_OPEN'
}

function rethrow(error: unknown): never {
  throw isClosed(error) ? closed(error) : error
}

function closed(cause: unknown): ClusterError {
  return new ClusterError('STOPPING', 'the database is closed', {}, cause)
}
