/**
 * One segment: an append-only file of records. Space is reserved in memory, records are written side by side, and one
 * fdatasync covers all that were written before it began.
 */
import { constants } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { ClusterError } from '../../cluster/errors.ts'
import { alignUp } from '../../cluster/transfer/chunk-buffer.ts'
import { GroupCommit } from './group-commit.ts'

/** A segment is sealed when the next record would pass this. */
export const SEGMENT_BYTES_MAX = 256 * 1024 * 1024

export class SegmentFile {
  readonly number: number
  readonly #path: string
  readonly #writer: FileHandle
  readonly #bytesMax: number
  readonly #syncs: GroupCommit<void>
  #end: number

  private constructor(number: number, path: string, writer: FileHandle, end: number, bytesMax: number) {
    this.number = number
    this.#path = path
    this.#writer = writer
    this.#end = end
    this.#bytesMax = bytesMax
    this.#syncs = new GroupCommit(() => writer.datasync())
  }

  /** Opens for appending behind what is there. `direct`: past the page cache, from page-aligned memory. */
  static async open(number: number, path: string, options: { direct: boolean; bytesMax: number }): Promise<SegmentFile> {
    const flags = constants.O_RDWR | constants.O_CREAT | (options.direct ? constants.O_DIRECT : 0)
    const writer = await open(path, flags, 0o640)
    const { size } = await writer.stat()
    return new SegmentFile(number, path, writer, alignUp(size), options.bytesMax)
  }

  /** Bytes reserved so far. */
  get end(): number {
    return this.#end
  }

  /** The place for a record, or null when the segment is full. */
  reserve(sizeBytes: number): number | null {
    if (this.#end + sizeBytes > this.#bytesMax) return null
    const offset = this.#end
    this.#end += sizeBytes
    return offset
  }

  /** Resolves when the whole record is durable. Throws STORE_FULL, STORE_NOT_WRITABLE. */
  async write(record: Buffer, offset: number): Promise<void> {
    try {
      let written = 0
      while (written < record.length) {
        const { bytesWritten } = await this.#writer.write(record, written, record.length - written, offset + written)
        if (bytesWritten === 0) throw new Error('nothing was written')
        written += bytesWritten
      }
      await this.#syncs.add()
    } catch (error) {
      throw explainWriteError(this.#path, error)
    }
  }

  async close(): Promise<void> {
    await this.#syncs.idle()
    await this.#writer.close()
  }
}

function explainWriteError(path: string, error: unknown): ClusterError {
  const code = (error as NodeJS.ErrnoException).code
  if (code === 'ENOSPC' || code === 'EDQUOT') return new ClusterError('STORE_FULL', 'the disk is full', { path }, error)
  return new ClusterError('STORE_NOT_WRITABLE', `${path} cannot be written: ${String(error)}`, { path }, error)
}
