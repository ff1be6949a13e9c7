/**
 * The value log: numbered segment files in `seg/`, of which the newest is being filled. The segment table in `chunks/`
 * says which files must exist; a marker file says that `seg/` is the directory that belongs to the index.
 */
import { stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { ClusterError, hasCode } from '../../cluster/errors.ts'
import { RECORD_ALIGN_BYTES, RECORD_HEADER_BYTES } from '../../cluster/transfer/chunk-buffer.ts'
import { segmentRows, type Location, type SegmentRow } from './chunk-rows.ts'
import type { Database } from './database.ts'
import { readIfPresent, syncDirectory, writeDurably } from './durable-file.ts'
import { SegmentFile } from './segment-file.ts'
import { SegmentReaders } from './segment-readers.ts'
import { parseHeader, recordBytes, type RecordHeader } from './segment-record.ts'
import { StoreError } from './store-error.ts'
import { Table } from './table.ts'

export interface SegmentStoreOptions {
  /** Default SEGMENT_BYTES_MAX. */
  segmentBytesMax?: number
}

/** A record's place. */
export interface Place {
  segment: number
  offset: number
}

interface Segment {
  sealed: boolean
  /** Of the file, as far as nothing is appended any more; when the store was opened before; null = it is gone. */
  sizeBytes: number | null
  /** Records that the index names or is about to name. */
  liveBytes: number
}

/** Few files, yet small enough to be rewritten in seconds when half of one is dead. */
export const SEGMENT_BYTES_MAX = 256 * 1024 * 1024
/** A segment that is being filled is sealed early for no less: sealing costs two syncs and a file. */
export const SEAL_DEAD_BYTES_MIN = 16 * 1024 * 1024
export const MARKER_FILE = 'SEGMENTS'
const NAME_DIGITS = 8
const SEGMENT_NAME = /^\d{8}\.seg$/

export class SegmentStore {
  readonly #directory: string
  readonly #database: Database
  readonly #rows: Table<number, SegmentRow>
  readonly #sizeBytesMax: number
  readonly #readers: SegmentReaders
  readonly #segments = new Map<number, Segment>()
  readonly #closing = new Set<Promise<void>>()
  #current: SegmentFile | null = null
  #rolling: Promise<void> | null = null
  #failure: ClusterError | null = null

  private constructor(directory: string, database: Database, options: SegmentStoreOptions) {
    this.#directory = directory
    this.#database = database
    this.#rows = new Table(database, segmentRows)
    this.#sizeBytesMax = options.segmentBytesMax ?? SEGMENT_BYTES_MAX
    this.#readers = new SegmentReaders((segment) => this.#path(segment))
  }

  /** Marks an empty directory as the one of this store. */
  static create(directory: string, storeUuid: string): Promise<void> {
    return writeDurably(join(directory, MARKER_FILE), `${storeUuid}\n`)
  }

  /**
   * Reads the segment table. Every row of the index must then be given to `adopt`, and `startAppending` called.
   * Throws SEGMENTS_MISSING, DATABASE_UNREADABLE.
   */
  static async open(
    components: { directory: string; database: Database; storeUuid: string },
    options: SegmentStoreOptions = {},
  ): Promise<SegmentStore> {
    await assertMarker(components.directory, components.storeUuid)
    const store = new SegmentStore(components.directory, components.database, options)
    await store.#load()
    return store
  }

  /** Bytes that the index names, headers and padding included. */
  get liveBytes(): number {
    let sum = 0
    for (const { liveBytes } of this.#segments.values()) sum += liveBytes
    return sum
  }

  /** Takes note of a row of the index; false when its bytes cannot be there. */
  adopt({ segment, offset, length }: Location): boolean {
    const known = this.#segments.get(segment)
    if (known === undefined || known.sizeBytes === null) return false
    if (offset + recordBytes(length) > known.sizeBytes) return false
    known.liveBytes += recordBytes(length)
    return true
  }

  /** Opens the last segment for appending, behind everything that it holds. */
  async startAppending(): Promise<void> {
    await this.#dropMissing()
    const last = [...this.#segments].at(-1)
    if (!last) return
    const [number, { sealed, sizeBytes }] = last
    if (!sealed && sizeBytes !== null) this.#current = await this.#openFile(number, sizeBytes)
  }

  /**
   * Appends a record; resolves with its place when it is durable. The place counts as live from then on: what is not
   * put into the index must be given back with `forget`. Throws STORE_FULL, STORE_NOT_WRITABLE.
   */
  async append(record: Buffer): Promise<Place> {
    if (record.length > this.#sizeBytesMax)
      throw new RangeError(`a record of ${record.length} bytes fits no segment`)
    for (;;) {
      if (this.#failure) throw this.#failure
      // Reserved and begun in one turn: a file that is sealed meanwhile waits for the writes that it knows.
      const writing = this.#begin(record)
      if (writing) return writing
      await this.#rollOnce()
    }
  }

  /** Null: there is no room in the segment that is being filled. */
  #begin(record: Buffer): Promise<Place> | null {
    const file = this.#current
    const offset = file?.reserve(record.length) ?? null
    if (!file || offset === null) return null
    // Before the record is in the index: a segment with a write under way is not dead.
    ;(this.#segments.get(file.number) as Segment).liveBytes += record.length
    return this.#write(file, record, offset)
  }

  async #write(file: SegmentFile, record: Buffer, offset: number): Promise<Place> {
    try {
      await file.write(record, offset)
      return { segment: file.number, offset }
    } catch (error) {
      this.forget(file.number, record.length)
      // A full disk can be emptied; a disk that fails otherwise is not to be trusted with one more byte.
      if (hasCode(error, 'STORE_NOT_WRITABLE')) this.#failure ??= error as ClusterError
      throw error
    }
  }

  /** Why nothing can be appended any more, or null. */
  get failure(): Error | null {
    return this.#failure
  }

  /** A record is not named any more. */
  forget(segment: number, sizeBytes: number): void {
    const known = this.#segments.get(segment)
    if (known) known.liveBytes -= sizeBytes
  }

  /** Fills `into` from the file; answers how many bytes there were. Throws what the file system throws. */
  read(segment: number, offset: number, into: Buffer): Promise<number> {
    return this.#readers.read(segment, offset, into)
  }

  /** Sealed segments of which less than half is live: worth to be rewritten. */
  sparseSegments(): number[] {
    return [...this.#segments]
      .filter(([, { sealed, liveBytes, sizeBytes }]) => sealed && isSparse(liveBytes, sizeBytes ?? 0))
      .map(([number]) => number)
  }

  /** Whether the index still names records in a segment. */
  isLive(segment: number): boolean {
    return (this.#segments.get(segment)?.liveBytes ?? 0) > 0
  }

  /**
   * Begins a new segment when the one that is being filled is mostly dead: a store that takes nothing new would never
   * give that space back. Throws STORE_FULL, STORE_NOT_WRITABLE.
   */
  async sealIfSparse(deadBytesMin = SEAL_DEAD_BYTES_MIN): Promise<void> {
    const sizeBytes = this.#current?.endBytes ?? 0
    const liveBytes = this.#segments.get(this.#current?.number ?? 0)?.liveBytes ?? 0
    if (sizeBytes - liveBytes >= deadBytesMin && liveBytes < sizeBytes / 2) await this.#rollOnce()
  }

  /** What is written in a segment, live or not, in order. Bytes that no record begins with are passed over. */
  async *records(segment: number): AsyncGenerator<RecordHeader & { offset: number }> {
    const header = Buffer.alloc(RECORD_HEADER_BYTES)
    let offset = 0
    while ((await this.read(segment, offset, header)) === header.length) {
      const parsed = parseHeader(header)
      if (parsed) yield { ...parsed, offset }
      offset += parsed ? recordBytes(parsed.length) : RECORD_ALIGN_BYTES
    }
  }

  /** Unlinks sealed segments in which nothing is live; answers the bytes that came back. */
  async unlinkDead(): Promise<number> {
    // A failed batch may have reached the disk: the index may name what memory does not count.
    this.#database.assertWritable()
    let freedBytes = 0
    for (const [number, { sealed, liveBytes }] of this.#segments) {
      if (!sealed || liveBytes > 0) continue
      this.#segments.delete(number)
      freedBytes += await this.#unlink(number)
    }
    return freedBytes
  }

  /** Waits for what is under way, then closes all files. */
  async close(): Promise<void> {
    await this.#rolling?.catch(() => {})
    await this.#current?.close()
    this.#current = null
    await Promise.all(this.#closing)
    await this.#readers.close()
  }

  async #load(): Promise<void> {
    for await (const row of this.#rows.scan()) {
      const size = await sizeOf(this.#path(row.key))
      // A row that cannot be read still says that the segment exists; it is simply not appended to.
      this.#segments.set(row.key, { sealed: row.damaged || row.value.sealed, sizeBytes: size, liveBytes: 0 })
    }
  }

  /** Files that are gone, after all rows that pointed into them were removed: their segments are history. */
  async #dropMissing(): Promise<void> {
    const missing = [...this.#segments]
      .filter(([, { sizeBytes }]) => sizeBytes === null)
      .map(([number]) => number)
    // The last one stays in the table: its number must not be given out again while caches may name it.
    const last = [...this.#segments.keys()].at(-1)
    const dropped = missing.filter((number) => number !== last)
    for (const number of dropped) this.#segments.delete(number)
    await this.#database.write(dropped.map((number) => this.#rows.del(number)))
  }

  async #rollOnce(): Promise<void> {
    this.#rolling ??= this.#roll().finally(() => {
      this.#rolling = null
    })
    await this.#rolling
  }

  /** Seals the full segment and begins the next one; name and row are durable before anything in it counts. */
  async #roll(): Promise<void> {
    const full = this.#current
    const number = ([...this.#segments.keys()].at(-1) ?? 0) + 1
    const file = await this.#openFile(number, 0)
    try {
      await syncDirectory(this.#directory)
      const seal = full ? [this.#rows.put(full.number, { sealed: true })] : []
      await this.#database.write([...seal, this.#rows.put(number, { sealed: false })])
    } catch (error) {
      await file.close()
      throw error
    }
    this.#segments.set(number, { sealed: false, sizeBytes: 0, liveBytes: 0 })
    this.#current = file
    if (full) this.#retire(full)
  }

  #retire(file: SegmentFile): void {
    const segment = this.#segments.get(file.number)
    if (segment) Object.assign(segment, { sealed: true, sizeBytes: file.endBytes })
    const closing = file
      .close()
      .catch(() => {})
      .finally(() => this.#closing.delete(closing))
    this.#closing.add(closing)
  }

  async #openFile(number: number, appendFrom: number): Promise<SegmentFile> {
    try {
      return await SegmentFile.open(number, this.#path(number), {
        sizeBytesMax: this.#sizeBytesMax,
        appendFrom,
      })
    } catch (error) {
      const isFull = (error as NodeJS.ErrnoException).code === 'ENOSPC'
      throw new ClusterError(
        isFull ? 'STORE_FULL' : 'STORE_NOT_WRITABLE',
        `segment ${number} cannot be opened`,
        {},
        error,
      )
    }
  }

  /** The file first: a row without a file is tidied at the next start, a file without a row would stay for ever. */
  async #unlink(number: number): Promise<number> {
    const path = this.#path(number)
    const freedBytes = (await sizeOf(path)) ?? 0
    await unlink(path).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    })
    this.#readers.forget(number)
    await this.#database.write([this.#rows.del(number)])
    return freedBytes
  }

  #path(number: number): string {
    return join(this.#directory, `${String(number).padStart(NAME_DIGITS, '0')}.seg`)
  }
}

/** The number of a segment by the name of its file; null when it is none. */
export function segmentNumberOf(fileName: string): number | null {
  return SEGMENT_NAME.test(fileName) ? Number.parseInt(fileName, 10) : null
}

function isSparse(liveBytes: number, sizeBytes: number): boolean {
  return liveBytes > 0 && liveBytes < sizeBytes / 2
}

async function assertMarker(directory: string, storeUuid: string): Promise<void> {
  const marker = await readIfPresent(join(directory, MARKER_FILE))
  if (marker?.trim() === storeUuid) return
  const message =
    marker === null
      ? `${directory} is not the segment directory of this store: mount the file system that belongs there`
      : `${directory} holds the segments of another store: mount the right file system there`
  throw new StoreError('SEGMENTS_MISSING', message, { directory })
}

async function sizeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}
