/**
 * The value log: numbered segment files in `seg/`, of which the newest is being filled. The segment table in `chunks/`
 * says which files must exist; a marker file says that `seg/` is the directory that belongs to the index.
 */
import { readdir, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { ClusterError, hasCode } from '../../cluster/errors.ts'
import { RECORD_ALIGN_BYTES, RECORD_HEADER_BYTES } from '../../cluster/transfer/chunk-buffer.ts'
import { segmentRows, type Location, type SegmentRow } from './chunk-rows.ts'
import type { Database } from './database.ts'
import { syncDirectory } from './durable-file.ts'
import { Pulse } from './pulse.ts'
import { SegmentFile, type OpenFile, type SegmentFileOptions } from './segment-file.ts'
import { assertMarker } from './segment-marker.ts'
import { SegmentReaders } from './segment-readers.ts'
import { parseHeader, recordBytes, type RecordHeader } from './segment-record.ts'
import { Table } from './table.ts'

export interface SegmentStoreOptions {
  /** Default SEGMENT_BYTES_MAX. */
  segmentBytesMax?: number
  /** See SegmentFileOptions. */
  openFile?: OpenFile
}

export interface SegmentPlace {
  /** `seg/`. */
  directory: string
  /** Holds the segment table. */
  database: Database
  /** What the marker must say. */
  storeUuid: string
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
  /** Behind the last record that the index named when the store was opened. */
  indexedBytes: number
}

/** Few files, yet small enough to be rewritten in seconds when half of one is dead. */
export const SEGMENT_BYTES_MAX = 256 * 1024 * 1024
/** A segment that is being filled is sealed early for no less: sealing costs two syncs and a file. */
export const SEAL_DEAD_BYTES_MIN = 16 * 1024 * 1024
const NAME_DIGITS = 8
const SEGMENT_NAME = /^\d{8}\.seg$/

export class SegmentStore {
  /** Of what is appended ... */
  readonly appending = new Pulse()
  /** ... and of what is read. */
  readonly reading = new Pulse()
  readonly #directory: string
  readonly #storeUuid: string
  readonly #database: Database
  readonly #rows: Table<number, SegmentRow>
  readonly #fileOptions: Pick<SegmentFileOptions, 'sizeBytesMax' | 'openFile'>
  readonly #readers: SegmentReaders
  readonly #segments = new Map<number, Segment>()
  readonly #closing = new Set<Promise<void>>()
  #current: SegmentFile | null = null
  #rolling: Promise<void> | null = null
  #failure: ClusterError | null = null
  #onFailed: () => void = () => {}
  /** Files that the table does not name although records are in them: it has lost their rows. */
  #unlisted: number[] = []
  #lost: number[] = []

  private constructor({ directory, database, storeUuid }: SegmentPlace, options: SegmentStoreOptions) {
    this.#directory = directory
    this.#storeUuid = storeUuid
    this.#database = database
    this.#rows = new Table(database, segmentRows)
    const { segmentBytesMax = SEGMENT_BYTES_MAX, openFile } = options
    this.#fileOptions = { sizeBytesMax: segmentBytesMax, ...(openFile && { openFile }) }
    this.#readers = new SegmentReaders((segment) => this.#path(segment))
  }

  /**
   * Reads the segment table. Every row of the index must then be given to `adopt`, and `startAppending` called.
   * Throws SEGMENTS_MISSING, DATABASE_UNREADABLE.
   */
  static async open(place: SegmentPlace, options: SegmentStoreOptions = {}): Promise<SegmentStore> {
    await assertMarker(place.directory, place.storeUuid)
    const store = new SegmentStore(place, options)
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
    const endBytes = offset + recordBytes(length)
    if (endBytes > known.sizeBytes) return false
    known.liveBytes += recordBytes(length)
    known.indexedBytes = Math.max(known.indexedBytes, endBytes)
    return true
  }

  /** Segments of the table whose files were gone when the store was opened. */
  get lost(): readonly number[] {
    return this.#lost
  }

  /**
   * What is written where the index names nothing: behind its last record in the segment that is being filled, and in files
   * that the table has forgotten. Every row of the index must have been given to `adopt`.
   */
  async *unindexed(): AsyncGenerator<RecordHeader & Place> {
    const last = this.#last()
    if (last && !last.sealed && last.sizeBytes !== null) yield* this.#named(last)
    for (const number of this.#unlisted) yield* this.#named({ number, indexedBytes: 0 })
  }

  /**
   * Opens the last segment for appending, behind the last record that the index names; where its tail cannot be read
   * (`sealsLast`), the next one is begun instead.
   */
  async startAppending({ sealsLast = false } = {}): Promise<void> {
    await this.#tidyTable(sealsLast)
    const last = this.#last()
    if (last && !last.sealed && last.sizeBytes !== null)
      this.#current = await this.#openFile(last.number, { appendFrom: last.indexedBytes, cutsTail: true })
  }

  /** Calls `listener` when appending fails after all was well, but for want of space. */
  onFailed(listener: () => void): void {
    this.#onFailed = listener
  }

  /**
   * After a failure: appends again, to a new segment. What the old one acknowledged stays in it. Throws SEGMENTS_MISSING,
   * STORE_FULL, STORE_NOT_WRITABLE; it may be tried again.
   */
  async recover(): Promise<void> {
    await this.#rollOnce()
    this.#failure = null
  }

  /**
   * Appends a record; resolves with its place when it is durable. The place counts as live from then on: what is not
   * put into the index must be given back with `forget`. Throws STORE_FULL, STORE_NOT_WRITABLE.
   */
  async append(record: Buffer): Promise<Place> {
    if (record.length > this.#fileOptions.sizeBytesMax)
      throw new RangeError(`a record of ${record.length} bytes fits no segment`)
    for (;;) {
      if (this.#failure) throw this.#failure
      // Reserved and begun in one turn: a file that is sealed meanwhile waits for the writes that it knows.
      const writing = this.#begin(record)
      if (writing) return writing
      await this.#rollOnce().catch((error: unknown) => this.#failWith(error))
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
      await this.appending.of(file.write(record, offset))
      return { segment: file.number, offset }
    } catch (error) {
      this.forget(file.number, record.length)
      return this.#failWith(error)
    }
  }

  /** A full disk can be emptied; a disk that fails otherwise is not to be trusted with one more byte. */
  #failWith(error: unknown): never {
    if (hasCode(error, 'STORE_NOT_WRITABLE') && !this.#failure) {
      this.#failure = error as ClusterError
      this.#onFailed()
    }
    throw error
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
    return this.reading.of(this.#readers.read(segment, offset, into))
  }

  /** Throws STORE_NOT_WRITABLE when `seg/` is no longer the directory that was opened. */
  async assertMounted(): Promise<void> {
    await assertMarker(this.#directory, this.#storeUuid).catch((error: unknown) => {
      throw new ClusterError('STORE_NOT_WRITABLE', (error as Error).message, {}, error)
    })
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
  async *records(segment: number, from = 0): AsyncGenerator<RecordHeader & { offset: number }> {
    const header = Buffer.alloc(RECORD_HEADER_BYTES)
    let offset = from
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
    const sealed = new Map<number, boolean>()
    // A row that cannot be read still says that the segment exists; it is simply not appended to.
    for await (const row of this.#rows.scan()) sealed.set(row.key, row.damaged || row.value.sealed)
    const files = (await readdir(this.#directory)).flatMap((name) => segmentNumberOf(name) ?? [])
    for (const number of files) {
      // An empty one was just being begun.
      if (sealed.has(number) || !(await sizeOf(this.#path(number)))) continue
      this.#unlisted.push(number)
      sealed.set(number, true)
    }
    for (const number of [...sealed.keys()].toSorted((a, b) => a - b)) {
      const sizeBytes = await sizeOf(this.#path(number))
      if (sizeBytes === null) this.#lost.push(number)
      this.#segments.set(number, {
        sealed: sealed.get(number) ?? true,
        sizeBytes,
        liveBytes: 0,
        indexedBytes: 0,
      })
    }
  }

  #last(): (Segment & { number: number }) | null {
    const last = [...this.#segments].at(-1)
    return last ? { number: last[0], ...last[1] } : null
  }

  async *#named(segment: { number: number; indexedBytes: number }): AsyncGenerator<RecordHeader & Place> {
    for await (const record of this.records(segment.number, segment.indexedBytes))
      yield { ...record, segment: segment.number }
  }

  /**
   * Files that are gone, after all rows that pointed into them were removed: their segments are history. The last one stays
   * in the table: its number must not be given out again while caches may name it.
   */
  async #tidyTable(sealsLast: boolean): Promise<void> {
    const last = this.#last()
    const dropped = this.#lost.filter((number) => number !== last?.number)
    for (const number of dropped) this.#segments.delete(number)
    const sealed = [...this.#unlisted]
    if (sealsLast && last) sealed.push(last.number)
    for (const number of sealed) Object.assign(this.#segments.get(number) ?? {}, { sealed: true })
    await this.#database.write([
      ...dropped.map((number) => this.#rows.del(number)),
      ...sealed.map((number) => this.#rows.put(number, { sealed: true })),
    ])
  }

  async #rollOnce(): Promise<void> {
    this.#rolling ??= this.appending.of(this.#roll()).finally(() => {
      this.#rolling = null
    })
    await this.#rolling
  }

  /** Seals the full segment and begins the next one; name and row are durable before anything in it counts. */
  async #roll(): Promise<void> {
    const full = this.#current
    const number = (this.#last()?.number ?? 0) + 1
    // Else a file would be begun where a mount has gone, and be hidden when it comes back.
    await this.assertMounted()
    const file = await this.#openFile(number, { appendFrom: 0 })
    try {
      await syncDirectory(this.#directory)
      const seal = full ? [this.#rows.put(full.number, { sealed: true })] : []
      await this.#database.write([...seal, this.#rows.put(number, { sealed: false })])
    } catch (error) {
      await file.close()
      throw error
    }
    this.#segments.set(number, { sealed: false, sizeBytes: 0, liveBytes: 0, indexedBytes: 0 })
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

  async #openFile(
    number: number,
    options: Pick<SegmentFileOptions, 'appendFrom' | 'cutsTail'>,
  ): Promise<SegmentFile> {
    try {
      return await SegmentFile.open(number, this.#path(number), {
        ...this.#fileOptions,
        ...options,
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

async function sizeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}
