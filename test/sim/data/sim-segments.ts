/** The value log on a simulated disk: what SegmentStore does with files, with every step at a time from the seed. */
import { RECORD_HEADER_BYTES } from '../../../cluster/transfer/chunk-buffer.ts'
import type { Location } from '../../../node/store/chunk-rows.ts'
import { parseHeader, recordBytes, type RecordHeader } from '../../../node/store/segment-record.ts'
import type { Place, SegmentStore } from '../../../node/store/segment-store.ts'
import type { CrashKind } from '../disk/sim-disk.ts'
import type { SeededRandom } from '../world/seeded-random.ts'
import type { SimHost } from '../world/sim-host.ts'
import type { SimWorld } from '../world/sim-world.ts'

interface SimFile {
  /** By offset; the payload of a record is what it holds on the disk. */
  records: Map<number, Buffer>
  synced: Set<number>
  endBytes: number
  sealed: boolean
}

/** Eight records of one block: segments fill and empty all the time. */
const SEGMENT_BYTES_MAX = 8 * 4096
const IO_MS_MIN = 0.1
const IO_MS_MAX = 3
/** Now and then a step takes much longer. */
const HICCUP_ODDS = 0.02
const HICCUP_MS_MAX = 60

/** What outlives the process. */
export class SegmentDisk {
  readonly files = new Map<number, SimFile>()

  crash(kind: CrashKind): void {
    if (kind === 'process') return
    for (const { records, synced } of this.files.values())
      for (const offset of records.keys()) if (!synced.has(offset)) records.delete(offset)
  }

  /** The stored payload, or null. */
  payload({ segment, offset, length }: Location): Buffer | null {
    const record = this.files.get(segment)?.records.get(offset)
    return record?.subarray(RECORD_HEADER_BYTES, RECORD_HEADER_BYTES + length) ?? null
  }
}

/** What the chunk store and the compactor ask of it. */
type SegmentLog = Pick<
  SegmentStore,
  | 'adopt'
  | 'unindexed'
  | 'lost'
  | 'assertMounted'
  | 'startAppending'
  | 'append'
  | 'read'
  | 'forget'
  | 'sparseSegments'
  | 'isLive'
  | 'sealIfSparse'
  | 'records'
  | 'unlinkDead'
  | 'liveBytes'
>

export class SimSegments implements SegmentLog {
  readonly #world: SimWorld
  readonly #host: SimHost
  readonly #disk: SegmentDisk
  readonly #random: SeededRandom
  /** Whole files do not vanish here. */
  readonly lost: readonly number[] = []
  readonly #liveBytes = new Map<number, number>()
  /** By segment, the offset of the last record that the index named at the start. */
  readonly #indexedTo = new Map<number, number>()
  #current: number | null = null

  constructor(parts: { world: SimWorld; host: SimHost; segments: SegmentDisk; random: SeededRandom }) {
    this.#world = parts.world
    this.#host = parts.host
    this.#disk = parts.segments
    this.#random = parts.random
  }

  get liveBytes(): number {
    return [...this.#liveBytes.values()].reduce((sum, bytes) => sum + bytes, 0)
  }

  adopt({ segment, offset, length }: Location): boolean {
    if (!this.#disk.files.get(segment)?.records.has(offset)) return false
    this.#count(segment, recordBytes(length))
    this.#indexedTo.set(segment, Math.max(offset, this.#indexedTo.get(segment) ?? -1))
    return true
  }

  /** Behind the last record that the index names: what a crash left between bytes and row. */
  async *unindexed(): AsyncGenerator<RecordHeader & Place> {
    for (const [segment, { sealed }] of this.#disk.files)
      if (!sealed)
        for await (const record of this.records(segment))
          if (record.offset > (this.#indexedTo.get(segment) ?? -1)) yield { ...record, segment }
  }

  startAppending(): Promise<void> {
    const open = [...this.#disk.files].filter(([, { sealed }]) => !sealed)
    this.#current = open.at(-1)?.[0] ?? null
    return Promise.resolve()
  }

  async append(record: Buffer): Promise<Place> {
    const bytes = Buffer.from(record)
    const { segment, file } = this.#currentFile(bytes.length)
    const offset = file.endBytes
    file.endBytes += bytes.length
    this.#count(segment, bytes.length)
    await this.#io()
    file.records.set(offset, bytes)
    await this.#io()
    file.synced.add(offset)
    return { segment, offset }
  }

  /** Opens first: a file that is unlinked after that is still read. */
  async read(segment: number, offset: number, into: Buffer): Promise<number> {
    await this.#io()
    const file = this.#disk.files.get(segment)
    if (!file) throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
    await this.#io()
    for (const [at, record] of file.records)
      if (at <= offset && offset < at + record.length) return record.copy(into, 0, offset - at)
    return 0
  }

  assertMounted(): Promise<void> {
    return Promise.resolve()
  }

  forget(segment: number, sizeBytes: number): void {
    this.#count(segment, -sizeBytes)
  }

  sparseSegments(): number[] {
    return [...this.#disk.files]
      .filter(([segment, { sealed, endBytes }]) => {
        const live = this.#live(segment)
        return sealed && live > 0 && live < endBytes / 2
      })
      .map(([segment]) => segment)
  }

  isLive(segment: number): boolean {
    return this.#live(segment) > 0
  }

  sealIfSparse(): Promise<void> {
    const file = this.#current === null ? null : this.#disk.files.get(this.#current)
    if (!file || this.#live(this.#current ?? 0) >= file.endBytes / 2) return Promise.resolve()
    file.sealed = true
    this.#current = null
    return Promise.resolve()
  }

  async *records(segment: number): AsyncGenerator<RecordHeader & { offset: number }> {
    const offsets = [...(this.#disk.files.get(segment)?.records.keys() ?? [])].toSorted((a, b) => a - b)
    for (const offset of offsets) {
      const header = Buffer.alloc(RECORD_HEADER_BYTES)
      await this.read(segment, offset, header)
      const parsed = parseHeader(header)
      if (parsed) yield { ...parsed, offset }
    }
  }

  async unlinkDead(): Promise<number> {
    let freedBytes = 0
    for (const [segment, { sealed, endBytes }] of [...this.#disk.files]) {
      if (!sealed || this.isLive(segment)) continue
      await this.#io()
      this.#disk.files.delete(segment)
      this.#liveBytes.delete(segment)
      freedBytes += endBytes
    }
    return freedBytes
  }

  #currentFile(sizeBytes: number): { segment: number; file: SimFile } {
    const open = this.#current === null ? undefined : this.#disk.files.get(this.#current)
    if (open && this.#current !== null && open.endBytes + sizeBytes <= SEGMENT_BYTES_MAX)
      return { segment: this.#current, file: open }
    if (open) open.sealed = true
    const segment = Math.max(0, ...this.#disk.files.keys()) + 1
    const file = { records: new Map(), synced: new Set<number>(), endBytes: 0, sealed: false }
    this.#disk.files.set(segment, file)
    this.#current = segment
    return { segment, file }
  }

  #live(segment: number): number {
    return this.#liveBytes.get(segment) ?? 0
  }

  #count(segment: number, bytes: number): void {
    this.#liveBytes.set(segment, this.#live(segment) + bytes)
  }

  /** One step of the disk; never ends for a process that has died. */
  #io(): Promise<void> {
    const hiccupMs = this.#random.chance(HICCUP_ODDS) ? this.#random.float() * HICCUP_MS_MAX : 0
    const ms = this.#random.between(IO_MS_MIN, IO_MS_MAX) + hiccupMs
    return new Promise((resolve) => this.#world.after(ms, () => this.#host.run(resolve)))
  }
}

/** As a caller of the real store sees it: TypeScript compares classes with private fields by name. */
export function asSegmentStore(segments: SegmentLog): SegmentStore {
  return segments as unknown as SegmentStore
}
