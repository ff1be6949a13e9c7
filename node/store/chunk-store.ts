/**
 * This node's chunks: bytes in segment files, everything else about a chunk in LevelDB under its hash (architecture §4).
 * A chunk is acknowledged when its bytes, then its index row, are durable; it is verified each time it is read.
 */
import { ClusterError, hasCode } from '../../cluster/errors.ts'
import type { Clock, Log } from '../../cluster/runtime.ts'
import {
  CHUNK_BYTES_MAX,
  RECORD_HEADER_BYTES,
  type ChunkBuffer,
  type ChunkBufferPool,
} from '../../cluster/transfer/chunk-buffer.ts'
import type { ChunkHasher } from '../../cluster/transfer/chunk-hasher.ts'
import type { ChunkHash, LocalChunks, UploadId } from '../../cluster/transfer/local-chunks.ts'
import { ChunkClaims, type PinnedUpload } from './chunk-claims.ts'
import { walkClaims, type WalkedChunk } from './claim-walk.ts'
import { locationRows, type DamageReason, type Location } from './chunk-rows.ts'
import { DamageLog } from './damage-log.ts'
import type { Database, WriteOp } from './database.ts'
import type { FreeSpace } from './free-space.ts'
import { HeldRoots } from './held-roots.ts'
import { IndexCheck, type IndexFindings } from './index-check.ts'
import { KeyedLock } from './keyed-lock.ts'
import { Quarantine, type DamageCounts } from './quarantine.ts'
import { composeRecord, recordBytes } from './segment-record.ts'
import type { Place, SegmentStore } from './segment-store.ts'
import { Table } from './table.ts'

export interface ChunkStoreComponents {
  database: Database
  segments: SegmentStore
  space: FreeSpace
  clock: Clock
  log: Log
  hasher: ChunkHasher
  /** For reading back what is stored; nobody else's, so that waiting for it cannot wait for itself. */
  buffers: ChunkBufferPool
}

/** What reading a chunk back has shown. `missing`: it is not here (any more). */
export interface Verified {
  state: 'sound' | 'damaged' | 'missing'
  /** That were read. */
  bytes: number
}

/** Told of a chunk that has left the index, with the manifests that want it. */
export type DamageListener = (hash: ChunkHash, roots: readonly ChunkHash[]) => void

/** What the file system says when bytes are gone for good, as opposed to too many open files and the like. */
const BYTES_LOST = ['EIO', 'ENOENT', 'EUCLEAN']

export class ChunkStore implements LocalChunks {
  readonly #components: ChunkStoreComponents
  readonly #locations
  readonly #quarantine: Quarantine
  readonly #damageLog: DamageLog
  readonly #claims: ChunkClaims
  readonly #held: HeldRoots
  readonly #locks = new KeyedLock()
  readonly #underWay = new Set<Promise<unknown>>()
  readonly #onDamaged: DamageListener[] = []
  readonly #onClaimed: ((hash: ChunkHash) => void)[] = []
  #findings: IndexFindings = { lostChunks: 0, lostSegments: 0, rescuedChunks: 0 }
  #isClosed = false

  private constructor(components: ChunkStoreComponents) {
    this.#components = components
    this.#locations = new Table(components.database, locationRows)
    this.#held = new HeldRoots(components.database)
    this.#quarantine = new Quarantine(components.database)
    this.#damageLog = new DamageLog(components)
    this.#claims = new ChunkClaims(components.database, components.clock)
  }

  /**
   * Reads the index, compares it with the segment files, and drops the rows whose bytes are gone. Throws what LevelDB throws
   * when any block of it is damaged: what nobody could walk through would keep the reapers from their work for ever.
   */
  static async open(components: ChunkStoreComponents): Promise<ChunkStore> {
    await components.database.readThrough()
    const store = new ChunkStore(components)
    await store.#held.load()
    await store.#quarantine.load()
    await store.#check()
    return store
  }

  /** What was found wrong when the store was opened. */
  get findings(): IndexFindings {
    return this.#findings
  }

  /** Bytes on disk of all chunks. */
  get storedBytes(): number {
    return this.#components.segments.liveBytes
  }

  get damage(): DamageCounts {
    return this.#quarantine.counts
  }

  /** Called when a chunk was found damaged and left the index. */
  onDamaged(listener: DamageListener): void {
    this.#onDamaged.push(listener)
  }

  /** Called when a claim on a chunk, old or new, is durable: whoever thought it unwanted was wrong. */
  onClaimed(listener: (hash: ChunkHash) => void): void {
    this.#onClaimed.push(listener)
  }

  /** What `isDamaged` names, in the order of its finding. */
  damaged(): ChunkHash[] {
    return this.#quarantine.hashes()
  }

  isDamaged(hash: ChunkHash): boolean {
    return this.#quarantine.has(hash)
  }

  has(hash: ChunkHash): boolean {
    return this.#locations.has(hash)
  }

  read(hash: ChunkHash, into: ChunkBuffer): Promise<void> {
    return this.#run(() => this.#read(hash, into))
  }

  put(hash: ChunkHash, buffer: ChunkBuffer, pin: UploadId | null): Promise<void> {
    return this.#alone(hash, async () => {
      await this.#put(hash, buffer, pin)
      this.#tellClaimed(hash)
    })
  }

  async have(hashes: readonly ChunkHash[], pin: UploadId): Promise<boolean[]> {
    return Promise.all(
      hashes.map((hash) =>
        this.#alone(hash, async () => {
          if (!(await this.#findSound(hash))) return false
          await this.#components.database.write(this.#claims.pin(hash, pin))
          this.#tellClaimed(hash)
          return true
        }),
      ),
    )
  }

  unpin(upload: UploadId): Promise<void> {
    return this.#run(() => this.#claims.unpin(upload))
  }

  pinnedUploads(): Promise<PinnedUpload[]> {
    return this.#claims.pinnedUploads()
  }

  async addReferences(root: ChunkHash, hashes: readonly ChunkHash[]): Promise<ChunkHash[]> {
    await this.#run(() => this.#claims.reference(root, hashes))
    for (const hash of hashes) this.#tellClaimed(hash)
    // A delete that looked before the rows were there may still end now; one that looks later finds them.
    for (const hash of hashes) await this.#locks.settled(hash)
    return hashes.filter((hash) => !this.has(hash))
  }

  /** Whether the manifest `root` claims a chunk here. */
  isReferenced(root: ChunkHash, hash: ChunkHash): boolean {
    return this.#claims.isReferenced({ hash, root })
  }

  /**
   * Removes every reference of `roots`, found in the index and not by their manifests, which may be gone. A root that is
   * referenced again meanwhile keeps what was not removed yet, and what is written from then on. Answers how many went.
   */
  dropRoots(roots: readonly ChunkHash[]): Promise<number> {
    return this.#run(() => this.#claims.dropRoots(roots))
  }

  /** Notes whether this node holds the manifest `root` and every chunk of it. The mark goes when one is found damaged. */
  setHeld(root: ChunkHash, held: boolean): Promise<void> {
    return this.#run(() => this.#held.set(root, held))
  }

  /** How often something of `root` was found damaged since the start: what was looked at before may be gone. */
  damagesOf(root: ChunkHash): number {
    return this.#held.damagesOf(root)
  }

  isHeld(root: ChunkHash): boolean {
    return this.#held.has(root)
  }

  heldRoots(): ChunkHash[] {
    return this.#held.all()
  }

  /** The manifests that are not whole without this chunk. */
  async rootsWith(hash: ChunkHash): Promise<ChunkHash[]> {
    return [hash, ...(await this.#claims.rootsOf(hash))]
  }

  /**
   * Every chunk that is here or referenced, with who wants it, as of the call: a hint, `removeUnclaimed` decides. A chunk that
   * should be here and is not named any more is damaged. Claims that cannot be read are dropped at the end, and then no image
   * counts as held here until it was looked at again.
   */
  async *walkClaims(): AsyncGenerator<WalkedChunk> {
    const damaged: Buffer[] = []
    const claims = this.#claims.keys((storedKey) => damaged.push(storedKey))
    const walk = walkClaims({ locations: this.#locations.keys(), ...claims }, (root) => this.isHeld(root))
    for await (const chunk of walk) {
      if (chunk.isMissed) await this.#alone(chunk.hash, () => this.#condemnMissed(chunk.hash))
      yield chunk
    }
    if (damaged.length > 0) await this.#distrustClaims(damaged)
  }

  /** Whether a manifest or an upload wants a chunk. */
  isClaimed(hash: ChunkHash): Promise<boolean> {
    return this.#claims.isClaimed(hash)
  }

  /** The chunks of one segment, by the index: reads all of it. */
  async *locatedIn(segment: number): AsyncGenerator<{ hash: ChunkHash; place: Place }> {
    for await (const row of this.#locations.scan())
      if (!row.damaged && row.value.segment === segment) yield { hash: row.key, place: row.value }
  }

  /** Up to `count` chunks of the index after `hash`, or from the first on (null), for whoever goes slowly. */
  hashesAfter(hash: ChunkHash | null, count: number): Promise<ChunkHash[]> {
    return this.#run(() => this.#locations.keysAfter(hash, count))
  }

  /** Reads a chunk back; one that is damaged leaves the index. */
  verify(hash: ChunkHash): Promise<Verified> {
    return this.#alone(hash, async () => {
      const before = this.#lookUp(hash)
      if (before === null) return this.#verifyAbsent(hash)
      const bytes = before === 'damaged' ? 0 : before.length
      return { state: (await this.#findSound(hash)) ? 'sound' : 'damaged', bytes }
    })
  }

  /** Forgets the damage of chunks that no manifest and no upload wants any more. */
  tidyQuarantine(): Promise<void> {
    return this.#run(async () => {
      const unwanted: ChunkHash[] = []
      for (const hash of this.#quarantine.hashes())
        if (!(await this.#claims.isClaimed(hash))) unwanted.push(hash)
      await this.#components.database.write(this.#quarantine.drop(unwanted))
    })
  }

  /** Removes a chunk that has neither reference nor pin; answers whether it did. */
  removeUnclaimed(hash: ChunkHash): Promise<boolean> {
    return this.#alone(hash, async () => {
      const location = this.#lookUp(hash)
      if (location === null || (await this.#claims.isClaimed(hash))) return false
      await this.#components.database.write([this.#locations.del(hash)])
      if (location !== 'damaged') this.#forget(location)
      return true
    })
  }

  /** Writes a chunk anew if its index row still names `from`; its old place is then dead. Answers the bytes written. */
  relocate(hash: ChunkHash, from: Place): Promise<number> {
    return this.#alone(hash, async () => {
      const location = this.#lookUp(hash)
      if (location === null || location === 'damaged') return 0
      if (location.segment !== from.segment || location.offset !== from.offset) return 0
      return this.#withBuffer((buffer) => this.#move(hash, location, buffer))
    })
  }

  /** Refuses what comes now and waits for what is under way. */
  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.allSettled(this.#underWay)
    this.#damageLog.close()
  }

  async #read(hash: ChunkHash, into: ChunkBuffer): Promise<void> {
    const location = this.#lookUp(hash)
    if (location === null) throw missing(hash)
    if (location !== 'damaged' && !(await this.#readInto(hash, location, into))) return
    // Once more, while nothing can move it: a rewrite may have taken it elsewhere meanwhile.
    await this.#locks.run(hash, async () => {
      const again = this.#lookUp(hash)
      if (again === null) throw missing(hash)
      const wrong = again === 'damaged' ? 'row' : await this.#readInto(hash, again, into)
      if (!wrong) return
      await this.#condemn(hash, again, wrong)
      throw new ClusterError('CHUNK_DAMAGED', `the stored bytes of chunk ${hash} are not what was stored`, {
        hash,
      })
    })
  }

  async #put(hash: ChunkHash, buffer: ChunkBuffer, pin: UploadId | null): Promise<void> {
    if (buffer.length < 1 || buffer.length > CHUNK_BYTES_MAX)
      throw new RangeError(`no chunk has ${buffer.length} bytes`)
    const { database, space } = this.#components
    database.assertWritable()
    const pins = pin === null ? [] : this.#claims.pin(hash, pin)
    if (await this.#findSound(hash)) return database.write(pins)
    space.take(recordBytes(buffer.length))
    await this.#append(hash, buffer, pins)
  }

  /** Bytes first, then the rows: a crash between leaves bytes that nobody names. */
  async #append(hash: ChunkHash, buffer: ChunkBuffer, also: WriteOp[]): Promise<void> {
    const { segments, database } = this.#components
    const place = await segments.append(composeRecord(buffer, hash))
    const put = this.#locations.put(hash, { ...place, length: buffer.length })
    await database.write([put, ...this.#quarantine.heal(hash), ...also])
  }

  /** Under the hash lock: where the chunk is, if its bytes are right; what is not right leaves the index. */
  async #findSound(hash: ChunkHash): Promise<Location | null> {
    const location = this.#lookUp(hash)
    if (location === null) return null
    if (location === 'damaged') {
      await this.#condemn(hash, location, 'row')
      return null
    }
    const wrong = await this.#withBuffer((buffer) => this.#readInto(hash, location, buffer))
    if (wrong) await this.#condemn(hash, location, wrong)
    return wrong ? null : location
  }

  /** A row that a scan shows and a look-up does not find: the table that it stands in is damaged. */
  async #verifyAbsent(hash: ChunkHash): Promise<Verified> {
    if (await this.#locations.isEmpty(Buffer.from(hash, 'hex'))) return { state: 'missing', bytes: 0 }
    await this.#condemn(hash, 'damaged', 'row')
    return { state: 'damaged', bytes: 0 }
  }

  async #move(hash: ChunkHash, from: Location, buffer: ChunkBuffer): Promise<number> {
    const wrong = await this.#readInto(hash, from, buffer)
    if (wrong) {
      await this.#condemn(hash, from, wrong)
      return 0
    }
    await this.#append(hash, buffer, [])
    this.#forget(from)
    return recordBytes(from.length)
  }

  #tellClaimed(hash: ChunkHash): void {
    for (const listener of this.#onClaimed) listener(hash)
  }

  #lookUp(hash: ChunkHash): Location | 'damaged' | null {
    try {
      return this.#locations.get(hash)
    } catch (error) {
      if (hasCode(error, 'CORRUPT_VALUE')) return 'damaged'
      throw error
    }
  }

  /** What is wrong with the bytes at `location`, or null: they are then in `into`. */
  async #readInto(
    hash: ChunkHash,
    { segment, offset, length }: Location,
    into: ChunkBuffer,
  ): Promise<DamageReason | null> {
    try {
      const bytes = into.room.subarray(0, length)
      const filled = await this.#components.segments.read(segment, offset + RECORD_HEADER_BYTES, bytes)
      if (filled < length) return 'lost'
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException
      // A mount that has gone comes back with all that is in it.
      if (code === 'ENOENT') await this.#components.segments.assertMounted()
      if (BYTES_LOST.includes(code)) return 'lost'
      throw error
    }
    into.length = length
    return (await this.#components.hasher(into)) === hash ? null : 'bytes'
  }

  /** Under the hash lock: takes a damaged chunk out of the index, and the held marks of every root that needs it. */
  async #condemn(hash: ChunkHash, found: Location | 'damaged', reason: DamageReason): Promise<void> {
    const { database, log, clock } = this.#components
    const location = found === 'damaged' ? null : found
    this.#damageLog.report(hash, { reason, ...location })
    const roots = await this.rootsWith(hash)
    const quarantined = this.#quarantine.add(hash, { location, foundMs: clock.wallMs(), reason })
    try {
      await database.write([this.#locations.del(hash), ...quarantined, ...this.#held.unmark(roots)])
      if (location) this.#forget(location)
    } catch (error) {
      // The caller learns that the chunk is damaged either way; the store is then known not to be writable.
      log.error({ hash, error: String(error) }, 'a damaged chunk could not be taken out of the index')
    }
    for (const listener of this.#onDamaged) listener(hash, roots)
  }

  /** Its row has gone without a trace, unless it has come or an image was let go since the walk began. */
  async #condemnMissed(hash: ChunkHash): Promise<void> {
    const roots = await this.rootsWith(hash)
    if (!this.has(hash) && roots.some((root) => this.isHeld(root)))
      await this.#condemn(hash, 'damaged', 'row')
  }

  async #distrustClaims(damaged: readonly Buffer[]): Promise<void> {
    const { database, log } = this.#components
    this.#findings.lostChunks += damaged.length
    log.error(
      { rows: damaged.length },
      'the chunk index has damaged rows: every image of this node is looked at again',
    )
    const dels = damaged.map((key): WriteOp => ({ type: 'del', key }))
    await database.write([...dels, ...this.#held.unmark(this.#held.all())])
  }

  #forget({ segment, length }: Location): void {
    this.#components.segments.forget(segment, recordBytes(length))
  }

  async #check(): Promise<void> {
    const check = new IndexCheck({
      ...this.#components,
      locations: this.#locations,
      claims: this.#claims,
      held: this.#held,
      quarantine: this.#quarantine,
      isSound: async (hash, at) =>
        (await this.#withBuffer((buffer) => this.#readInto(hash, at, buffer))) === null,
    })
    this.#findings = await check.run()
  }

  async #withBuffer<T>(work: (buffer: ChunkBuffer) => Promise<T>): Promise<T> {
    const buffer = await this.#components.buffers.acquire()
    try {
      return await work(buffer)
    } finally {
      buffer.release()
    }
  }

  #alone<T>(hash: ChunkHash, work: () => Promise<T>): Promise<T> {
    return this.#run(() => this.#locks.run(hash, work))
  }

  /** Every call goes through here, so that `close` knows of it. */
  async #run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new ClusterError('STOPPING', 'the chunk store is closed')
    const running = work()
    this.#underWay.add(running)
    try {
      return await running
    } finally {
      this.#underWay.delete(running)
    }
  }
}

function missing(hash: ChunkHash): ClusterError {
  return new ClusterError('CHUNK_MISSING', `chunk ${hash} is not here`, { hash })
}
