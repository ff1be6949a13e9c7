/** The value log: segment files under `seg/`, one of them open for appending, with the table of them in `chunks/`. */
import { constants } from 'node:fs'
import { open, readFile, stat, unlink, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { ClusterError } from '../../cluster/errors.ts'
import { RECORD_ALIGN_BYTES } from '../../cluster/transfer/chunk-buffer.ts'
import { sealRecord, unsealRecord } from './codec.ts'
import type { Database } from './database.ts'
import { makeDirectoryDurably, syncDirectory, writeFileDurably } from './durable-file.ts'
import { CHUNKS, segmentKey } from './keyspaces.ts'
import { SEGMENT_BYTES_MAX, SegmentFile } from './segment-file.ts'
import { StoreError } from './store-error.ts'

/** Where a record is. */
export interface Place {
  segment: number
  offset: number
}

export interface SegmentStoreOptions {
  /** For tests. */
  segmentBytesMax?: number
}

/** A row of the segment table. */
interface SegmentRow {
  sealed: boolean
}

const SEGMENT_ROW_VERSION = 1
const MARKER = 'SERAC-SEGMENTS'
/** Open read handles; beyond it the longest unused is closed. */
const READERS_MAX = 512

export class SegmentStore {
  readonly #directory: string
  readonly #database: Database
  readonly #bytesMax: number
  readonly #direct: boolean
  readonly #readers = new Map<number, Promise<FileHandle>>()
  readonly #missing = new Set<number>()
  #current: SegmentFile | null = null
  #next = 1
  /** Opening the next segment; appends that come meanwhile wait for it. */
  #rolling: Promise<void> | null = null

  private constructor(directory: string, database: Database, direct: boolean, options: SegmentStoreOptions) {
    this.#directory = directory
    this.#database = database
    this.#direct = direct
    this.#bytesMax = options.segmentBytesMax ?? SEGMENT_BYTES_MAX
  }

  /** `create` only for a new store. Throws STORE_INCOMPLETE when the marker is gone: a mount is missing. */
  static async open(
    directory: string,
    database: Database,
    { storeUuid, create }: { storeUuid: string; create: boolean },
    options: SegmentStoreOptions = {},
  ): Promise<SegmentStore> {
    if (create) await createDirectory(directory, storeUuid)
    await assertMarker(directory, storeUuid)
    const store = new SegmentStore(directory, database, await acceptsDirect(directory), options)
    await store.#load()
    return store
  }

  /** Segments of the table whose file is gone. */
  get missing(): ReadonlySet<number> {
    return this.#missing
  }

  /** Appends a record; resolves with its place when it is durable. Throws STORE_FULL, STORE_NOT_WRITABLE. */
  async append(record: Buffer): Promise<Place> {
    for (;;) {
      if (this.#rolling) await this.#rolling
      const segment = this.#current
      const offset = segment?.reserve(record.length) ?? null
      if (segment && offset !== null) {
        await segment.write(record, offset)
        return { segment: segment.number, offset }
      }
      this.#rolling ??= this.#roll().finally(() => (this.#rolling = null))
    }
  }

  /** Fills `into` from `place`; answers how many bytes there were. */
  async read(place: Place, into: Buffer): Promise<number> {
    const handle = await this.#reader(place.segment)
    let filled = 0
    while (filled < into.length) {
      const { bytesRead } = await handle.read(into, filled, into.length - filled, place.offset + filled)
      if (bytesRead === 0) break
      filled += bytesRead
    }
    return filled
  }

  async close(): Promise<void> {
    await this.#rolling
    await this.#current?.close()
    for (const reader of this.#readers.values()) await (await reader).close()
    this.#readers.clear()
  }

  async #load(): Promise<void> {
    let last: { number: number; row: SegmentRow } | null = null
    for await (const [key, value] of this.#database.rows(Buffer.of(CHUNKS.segment))) {
      const number = key.readUInt32BE(1)
      last = { number, row: unsealRecord(key, SEGMENT_ROW_VERSION, value) as SegmentRow }
      this.#next = number + 1
      if (!(await exists(this.#path(number)))) this.#missing.add(number)
    }
    if (last && !last.row.sealed && !this.#missing.has(last.number)) this.#current = await this.#openFile(last.number)
  }

  /** Seals the full segment and begins the next, durably, before anything in it is acknowledged. */
  async #roll(): Promise<void> {
    const full = this.#current
    const number = this.#next++
    const file = await this.#openFile(number)
    await syncDirectory(this.#directory)
    const rows = [this.#row(number, { sealed: false })]
    if (full) rows.push(this.#row(full.number, { sealed: true }))
    await this.#database.write(rows)
    this.#current = file
    await full?.close()
  }

  #row(number: number, row: SegmentRow) {
    const key = segmentKey(number)
    return { type: 'put' as const, key, value: sealRecord(key, SEGMENT_ROW_VERSION, row) }
  }

  #openFile(number: number): Promise<SegmentFile> {
    return SegmentFile.open(number, this.#path(number), { direct: this.#direct, bytesMax: this.#bytesMax })
  }

  #reader(number: number): Promise<FileHandle> {
    const known = this.#readers.get(number)
    if (known) {
      // Last used goes last: the first is the one to close.
      this.#readers.delete(number)
      this.#readers.set(number, known)
      return known
    }
    const opened = open(this.#path(number), 'r').catch((error: unknown) => {
      this.#readers.delete(number)
      throw new ClusterError('CHUNK_MISSING', `segment ${number} cannot be opened`, { number }, error)
    })
    this.#readers.set(number, opened)
    return opened
  }

  #path(number: number): string {
    return join(this.#directory, `${String(number).padStart(8, '0')}.seg`)
  }
}

async function createDirectory(directory: string, storeUuid: string): Promise<void> {
  await makeDirectoryDurably(directory)
  await writeFileDurably(join(directory, MARKER), `${storeUuid}\n`)
}

async function assertMarker(directory: string, storeUuid: string): Promise<void> {
  const marker = await readFile(join(directory, MARKER), 'utf8').catch(() => null)
  if (marker?.trim() === storeUuid) return
  throw new StoreError(
    'STORE_INCOMPLETE',
    `${directory} is not the segment directory of this store: is its disk mounted? ` +
      'If the disk is lost, remove the whole data directory and let the node join anew.',
    { directory },
  )
}

/** Whether the filesystem takes O_DIRECT writes from page-aligned memory (tmpfs does not). */
async function acceptsDirect(directory: string): Promise<boolean> {
  const path = join(directory, 'direct-probe')
  try {
    const handle = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_DIRECT, 0o600)
    try {
      await handle.write(pageAligned(RECORD_ALIGN_BYTES), 0, RECORD_ALIGN_BYTES, 0)
    } finally {
      await handle.close()
    }
    return true
  } catch {
    return false
  } finally {
    await unlink(path).catch(() => {})
  }
}

function pageAligned(sizeBytes: number): Buffer {
  return Buffer.from(new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer, 0, sizeBytes)
}

declare const WebAssembly: {
  Memory: new (size: { initial: number; maximum: number; shared: true }) => { buffer: SharedArrayBuffer }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
