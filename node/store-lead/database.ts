/**
 * One LevelDB. Every write is a batch with `sync: true`; callers are grouped. After the first failed write nothing more
 * is acknowledged until the database was closed and opened again: LevelDB would acknowledge and then lose later writes.
 */
import { Level } from 'level'
import { ClusterError } from '../../cluster/errors.ts'
import { GroupCommit } from './group-commit.ts'
import { rangeOf } from './keyspaces.ts'
import { StoreError } from './store-error.ts'

export type WriteOp = { type: 'put'; key: Buffer; value: Buffer } | { type: 'del'; key: Buffer }

/** Above some 80 MiB LevelDB's own arithmetic overflows and compaction becomes five times dearer. */
const FILE_BYTES_MAX = 32 * 1024 * 1024
const WRITE_BUFFER_BYTES = 16 * 1024 * 1024
const CACHE_BYTES = 32 * 1024 * 1024

/** A second open of one path in one process would silently drop the process's file lock. */
const openPaths = new Set<string>()

export class Database {
  readonly #level: Level<Buffer, Buffer>
  readonly #path: string
  readonly #commits = new GroupCommit<WriteOp[]>((groups) => this.batch(groups.flat()))
  #failure: Error | null = null

  private constructor(level: Level<Buffer, Buffer>, path: string) {
    this.#level = level
    this.#path = path
  }

  /** `create` only for a new store. Throws STORE_IN_USE, STORE_INCOMPLETE. */
  static async open(path: string, { create }: { create: boolean }): Promise<Database> {
    if (openPaths.has(path)) throw new StoreError('STORE_IN_USE', `${path} is open in this process already.`)
    openPaths.add(path)
    const level = new Level<Buffer, Buffer>(path, {
      keyEncoding: 'buffer',
      valueEncoding: 'buffer',
      createIfMissing: create,
      maxFileSize: FILE_BYTES_MAX,
      writeBufferSize: WRITE_BUFFER_BYTES,
      cacheSize: CACHE_BYTES,
    })
    try {
      await level.open()
    } catch (error) {
      openPaths.delete(path)
      throw explainOpenError(path, error)
    }
    return new Database(level, path)
  }

  /** Why nothing can be written any more, or null. */
  get failure(): Error | null {
    return this.#failure
  }

  /** Resolves when the operations are durable, in one batch. Throws STORE_NOT_WRITABLE. */
  write(operations: WriteOp[]): Promise<void> {
    return this.#commits.add(operations)
  }

  /** One batch of its own, for callers that group themselves. Never two at a time. Throws STORE_NOT_WRITABLE. */
  async batch(operations: WriteOp[]): Promise<void> {
    if (this.#failure) throw notWritable(this.#path, this.#failure)
    try {
      await this.#level.batch(operations, { sync: true })
    } catch (error) {
      this.#failure = error as Error
      throw notWritable(this.#path, error)
    }
  }

  get(key: Buffer): Buffer | undefined {
    return this.#level.getSync(key)
  }

  /** Rows whose key begins with `prefix`, in key order. */
  rows(prefix: Buffer): AsyncIterable<[Buffer, Buffer]> {
    return this.#level.iterator(rangeOf(prefix))
  }

  /** Keys that begin with `prefix`, in order. */
  keys(prefix: Buffer): AsyncIterable<Buffer> {
    return this.#level.keys(rangeOf(prefix))
  }

  async close(): Promise<void> {
    await this.#commits.idle()
    await this.#level.close()
    openPaths.delete(this.#path)
  }
}

function notWritable(path: string, cause: unknown): ClusterError {
  return new ClusterError('STORE_NOT_WRITABLE', `${path} cannot be written; restart the node once the disk is sound`, { path }, cause)
}

function explainOpenError(path: string, error: unknown): Error {
  const cause = (error as { cause?: { code?: string; message?: string } }).cause
  if (cause?.code === 'LEVEL_LOCKED')
    return new StoreError('STORE_IN_USE', `${path} is in use by another process.`, { path }, error)
  return new StoreError('STORE_INCOMPLETE', `${path} cannot be opened: ${cause?.message ?? String(error)}`, { path }, error)
}
