/**
 * The segment that is being filled: an append-only file. Places are reserved in memory, records are written side by
 * side, and one fdatasync covers all that were written before it began.
 *
 * Records are written past the page cache where the file system allows it, which saves 1 to 2 CPU seconds a GiB.
 */
import { constants } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { ClusterError } from '../../cluster/errors.ts'
import { SharedRun } from '../../cluster/register/shared-run.ts'
import { alignUp } from '../../cluster/transfer/chunk-buffer.ts'
import { Semaphore } from '../../cluster/transfer/semaphore.ts'
import { SyncFailures } from './sync-failures.ts'

export interface SegmentFileOptions {
  sizeBytesMax: number
  /** Nothing is written below: an index row may point there. */
  appendFrom: number
  /** Cuts off what lies behind `appendFrom`: a write that was torn, and that nobody names. */
  cutsTail?: boolean
  /** For tests, which let it fail. Default: the file system's. */
  openFile?: OpenFile
}

export type OpenFile = (path: string, flags: number, mode?: number) => Promise<FileHandle>

interface OpenedFile {
  path: string
  buffered: FileHandle
  direct: FileHandle | null
  disk: SyncFailures
}

const FILE_MODE = 0o640
/**
 * Half of the threads that wait for disks (see serac.cts): when writes hang, reads and LevelDB have the others. More at once
 * make no disk faster.
 */
const WRITES_AT_ONCE = 8
/** What a file system says that takes no direct writes, or not from this memory. */
const NO_DIRECT = ['EINVAL', 'EOPNOTSUPP', 'ENOTSUP']
const NO_SPACE = ['ENOSPC', 'EDQUOT']

export class SegmentFile {
  readonly number: number
  readonly #path: string
  readonly #sizeBytesMax: number
  readonly #buffered: FileHandle
  #direct: FileHandle | null
  readonly #syncs: SharedRun<void>
  readonly #disk: SyncFailures
  readonly #underWay = new Set<Promise<void>>()
  readonly #turns = new Semaphore(WRITES_AT_ONCE)
  #end: number
  #failure: ClusterError | null = null

  private constructor(
    file: Pick<SegmentFile, 'number'> & OpenedFile,
    { sizeBytesMax, appendFrom }: SegmentFileOptions,
  ) {
    this.number = file.number
    this.#path = file.path
    this.#buffered = file.buffered
    this.#direct = file.direct
    this.#disk = file.disk
    this.#sizeBytesMax = sizeBytesMax
    this.#end = appendFrom
    this.#syncs = new SharedRun(() => this.#sync())
  }

  /** Opens or creates the file. What is there stays; appending begins behind it. */
  static async open(number: number, path: string, options: SegmentFileOptions): Promise<SegmentFile> {
    const { openFile = open } = options
    const buffered = await openFile(path, constants.O_WRONLY | constants.O_CREAT, FILE_MODE)
    const { size } = await buffered.stat()
    const keptBytes = options.cutsTail ? Math.min(size, options.appendFrom) : size
    if (keptBytes < size) await buffered.truncate(keptBytes)
    const direct = await openDirect(path, openFile)
    const disk = await SyncFailures.of(path)
    const appendFrom = alignUp(Math.max(keptBytes, options.appendFrom))
    return new SegmentFile({ number, path, buffered, direct, disk }, { ...options, appendFrom })
  }

  /** Behind the last reserved place. */
  get endBytes(): number {
    return this.#end
  }

  /** The place for a record, or null: this file takes no more. */
  reserve(sizeBytes: number): number | null {
    if (this.#failure || this.#end + sizeBytes > this.#sizeBytesMax) return null
    const offset = this.#end
    this.#end += sizeBytes
    return offset
  }

  /**
   * Resolves when the record is durable at the reserved place. Throws STORE_FULL, STORE_NOT_WRITABLE; the place is lost
   * then.
   */
  async write(record: Buffer, offset: number): Promise<void> {
    const work = this.#write(record, offset)
    this.#underWay.add(work)
    try {
      await work
    } finally {
      this.#underWay.delete(work)
    }
  }

  /** Lets the writes under way end, then closes. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#underWay)
    await this.#direct?.close()
    await this.#buffered.close()
  }

  async #write(record: Buffer, offset: number): Promise<void> {
    const failuresBefore = this.#disk.count
    const endTurn = await this.#turns.acquire()
    try {
      const written = await this.#writeDirect(record, offset)
      await this.#writeBuffered(record, offset, written)
    } catch (error) {
      const failure = explain(this.#path, error)
      // A full disk can be emptied; one that fails otherwise gets no further record into this file.
      if (failure.code !== 'STORE_FULL') this.#failure ??= failure
      throw failure
    } finally {
      endTurn()
    }
    await this.#syncs.run()
    this.#assertDurable(failuresBefore)
  }

  #assertDurable(failuresBefore: number): void {
    try {
      this.#disk.assertNoneSince(failuresBefore)
    } catch (error) {
      this.#failure ??= error as ClusterError
      throw error
    }
  }

  /** Answers how much was written; the rest, after a short or refused write, goes through the page cache. */
  async #writeDirect(record: Buffer, offset: number): Promise<number> {
    const direct = this.#direct
    if (!direct) return 0
    try {
      const { bytesWritten } = await direct.write(record, 0, record.length, offset)
      return bytesWritten
    } catch (error) {
      if (!NO_DIRECT.includes(codeOf(error))) throw error
      return 0
    }
  }

  async #writeBuffered(record: Buffer, offset: number, from: number): Promise<void> {
    let written = from
    while (written < record.length) {
      const { bytesWritten } = await this.#buffered.write(
        record,
        written,
        record.length - written,
        offset + written,
      )
      if (bytesWritten === 0) throw new Error(`nothing was written at ${offset + written}`)
      written += bytesWritten
    }
  }

  /**
   * After a failed fdatasync the kernel may drop what it could not write and report success the next time, so nothing
   * in this file is ever acknowledged again.
   */
  async #sync(): Promise<void> {
    if (this.#failure) throw this.#failure
    try {
      await this.#buffered.datasync()
    } catch (error) {
      this.#failure = explain(this.#path, error)
      this.#disk.note()
      throw this.#failure
    }
  }
}

async function openDirect(path: string, openFile: OpenFile): Promise<FileHandle | null> {
  try {
    return await openFile(path, constants.O_WRONLY | constants.O_DIRECT)
  } catch (error) {
    if (NO_DIRECT.includes(codeOf(error))) return null
    throw error
  }
}

function explain(path: string, error: unknown): ClusterError {
  if (NO_SPACE.includes(codeOf(error)))
    return new ClusterError('STORE_FULL', 'the disk is full', { path }, error)
  return new ClusterError(
    'STORE_NOT_WRITABLE',
    `${path} cannot be written: ${String(error)}`,
    { path },
    error,
  )
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? ''
}
