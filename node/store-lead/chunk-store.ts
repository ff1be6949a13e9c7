/**
 * This node's chunks (architecture §4): the index in LevelDB (`chunks/`) says where each chunk's bytes are in the segment
 * files. One lock per hash covers put, have, pin and removal.
 */
import { contentHashHex } from '../../cluster/content-hash.ts'
import { ClusterError, hasCode } from '../../cluster/errors.ts'
import type { Log } from '../../cluster/runtime.ts'
import type { ChunkBuffer, ChunkBufferPool } from '../../cluster/transfer/chunk-buffer.ts'
import type { ChunkHash, LocalChunks, UploadId } from '../../cluster/transfer/local-chunks.ts'
import { seal, sealRecord, unseal } from './codec.ts'
import type { Database, WriteOp } from './database.ts'
import { KeyedLock } from './keyed-lock.ts'
import { CHUNKS, hexKey, hexOf } from './keyspaces.ts'
import { parseRecordHeader, recordBytes, sealRecordBuffer } from './segment-record.ts'
import type { Place, SegmentStore } from './segment-store.ts'
import type { FreeSpace } from './free-space.ts'

export interface ChunkStoreComponents {
  database: Database
  segments: SegmentStore
  space: FreeSpace
  /** Slots for reading back what is held before it counts. */
  buffers: ChunkBufferPool
  log: Log
}

interface Location extends Place {
  storedBytes: number
}

const LOCATION_VERSION = 1
const CLAIM_VERSION = 1
const NOTE_VERSION = 1
const LOCATION_BYTES = 16
/** Rows per batch of references or pins: keeps any one batch short. */
const CLAIMS_PER_BATCH = 1024
const HASH_HEX = 64

export class ChunkStore implements LocalChunks {
  readonly #components: ChunkStoreComponents
  readonly #locks = new KeyedLock()
  readonly #held = new Set<ChunkHash>()
  #storedBytes = 0

  private constructor(components: ChunkStoreComponents) {
    this.#components = components
  }

  /** Reads what is needed in memory, and forgets chunks whose segment is gone. */
  static async open(components: ChunkStoreComponents): Promise<ChunkStore> {
    const store = new ChunkStore(components)
    await store.#load()
    return store
  }

  /** Bytes of all chunks in the index. */
  get storedBytes(): number {
    return this.#storedBytes
  }

  has(hash: ChunkHash): boolean {
    return this.#locate(hash) !== null
  }

  async read(hash: ChunkHash, into: ChunkBuffer): Promise<void> {
    const location = this.#locate(hash)
    if (!location) throw new ClusterError('CHUNK_MISSING', `chunk ${hash} is not here`, { hash })
    if (await this.#readVerified(hash, location, into)) return
    // A rewrite may have moved it between look-up and read.
    const again = this.#locate(hash)
    const isMoved = again && (again.segment !== location.segment || again.offset !== location.offset)
    if (isMoved && (await this.#readVerified(hash, again, into))) return
    await this.#locks.run(hash, () => this.#quarantine(hash))
    throw new ClusterError('CHUNK_DAMAGED', `chunk ${hash} was damaged on disk`, { hash })
  }

  put(hash: ChunkHash, buffer: ChunkBuffer, pin: UploadId | null): Promise<void> {
    return this.#locks.run(hash, async () => {
      const claims = pin === null ? [] : pinRows(hash, pin)
      if (await this.#isSound(hash)) return this.#components.database.write(claims)
      this.#components.space.assertRoom(recordBytes(buffer.length))
      const place = await this.#components.segments.append(sealRecordBuffer(buffer, hash))
      await this.#components.database.write([this.#locationRow(hash, { ...place, storedBytes: buffer.length }), ...claims])
      this.#storedBytes += buffer.length
    })
  }

  async have(hashes: readonly ChunkHash[], pin: UploadId): Promise<boolean[]> {
    const answers: boolean[] = []
    for (const hash of hashes) answers.push(await this.#locks.run(hash, () => this.#pinIfSound(hash, pin)))
    return answers
  }

  async unpin(upload: UploadId): Promise<void> {
    const prefix = hexKey(CHUNKS.uploadPin, upload)
    let rows: WriteOp[] = []
    for await (const key of this.#components.database.keys(prefix)) {
      const hash = hexOf(key).slice(upload.length)
      rows.push({ type: 'del', key }, { type: 'del', key: hexKey(CHUNKS.pin, hash, upload) })
      if (rows.length < CLAIMS_PER_BATCH) continue
      await this.#components.database.write(rows)
      rows = []
    }
    if (rows.length > 0) await this.#components.database.write(rows)
  }

  async addReferences(root: ChunkHash, hashes: readonly ChunkHash[]): Promise<ChunkHash[]> {
    await this.#writeClaims(hashes, (hash) => claim(hexKey(CHUNKS.reference, hash, root)))
    return hashes.filter((hash) => !this.has(hash))
  }

  dropReferences(root: ChunkHash, hashes: readonly ChunkHash[]): Promise<void> {
    return this.#writeClaims(hashes, (hash) => ({ type: 'del', key: hexKey(CHUNKS.reference, hash, root) }))
  }

  /** Manifest roots of which every chunk is here. */
  heldRoots(): ChunkHash[] {
    return [...this.#held]
  }

  isHeld(root: ChunkHash): boolean {
    return this.#held.has(root)
  }

  async setHeld(root: ChunkHash, held: boolean): Promise<void> {
    const key = hexKey(CHUNKS.held, root)
    await this.#components.database.write([held ? claim(key) : { type: 'del', key }])
    if (held) this.#held.add(root)
    else this.#held.delete(root)
  }

  /** Whether any upload or reference claims the chunk. */
  async isClaimed(hash: ChunkHash): Promise<boolean> {
    for (const tag of [CHUNKS.reference, CHUNKS.pin])
      for await (const _ of this.#components.database.keys(hexKey(tag, hash))) return true
    return false
  }

  async #load(): Promise<void> {
    const { database, segments, log } = this.#components
    let lost: WriteOp[] = []
    for await (const [key, row] of database.rows(Buffer.of(CHUNKS.location))) {
      const location = decodeLocation(key, row)
      if (segments.missing.has(location.segment)) lost.push({ type: 'del', key })
      else this.#storedBytes += location.storedBytes
    }
    if (lost.length > 0) {
      log.error({ chunks: lost.length, segments: [...segments.missing] }, 'segment files are gone: their chunks will be pulled again')
      // Nothing is known to be whole any more; the updater looks at every image again.
      for await (const key of database.keys(Buffer.of(CHUNKS.held))) lost.push({ type: 'del', key })
      for (; lost.length > 0; lost = lost.slice(CLAIMS_PER_BATCH)) await database.write(lost.slice(0, CLAIMS_PER_BATCH))
    }
    for await (const key of database.keys(Buffer.of(CHUNKS.held))) this.#held.add(hexOf(key))
  }

  #locate(hash: ChunkHash): Location | null {
    if (hash.length !== HASH_HEX) return null
    const key = hexKey(CHUNKS.location, hash)
    const row = this.#components.database.get(key)
    return row ? decodeLocation(key, row) : null
  }

  async #pinIfSound(hash: ChunkHash, pin: UploadId): Promise<boolean> {
    if (!(await this.#isSound(hash))) return false
    await this.#components.database.write(pinRows(hash, pin))
    return true
  }

  /** Re-reads and re-hashes what the index names; forgets it when it is damaged. Called under the hash lock. */
  async #isSound(hash: ChunkHash): Promise<boolean> {
    const location = this.#locate(hash)
    if (!location) return false
    const buffer = await this.#components.buffers.acquire()
    try {
      if (await this.#readVerified(hash, location, buffer)) return true
    } finally {
      buffer.release()
    }
    await this.#quarantine(hash)
    return false
  }

  async #readVerified(hash: ChunkHash, location: Location, into: ChunkBuffer): Promise<boolean> {
    const record = into.record.subarray(0, recordBytes(location.storedBytes))
    let bytes: number
    try {
      bytes = await this.#components.segments.read(location, record)
    } catch (error) {
      if (hasCode(error, 'CHUNK_MISSING') || (error as NodeJS.ErrnoException).code === 'EIO') return false
      throw error
    }
    if (bytes < record.length) return false
    const header = parseRecordHeader(record)
    if (header?.hash !== hash || header.storedBytes !== location.storedBytes) return false
    into.length = location.storedBytes
    return contentHashHex(into.payload) === hash
  }

  /** Takes a damaged chunk out of the index and notes it; the bytes stay where they are until their segment goes. */
  async #quarantine(hash: ChunkHash): Promise<void> {
    const location = this.#locate(hash)
    if (!location) return
    const { database, log } = this.#components
    const note = hexKey(CHUNKS.quarantine, hash)
    await database.write([
      { type: 'del', key: hexKey(CHUNKS.location, hash) },
      { type: 'put', key: note, value: sealRecord(note, NOTE_VERSION, { ...location }) },
    ])
    this.#storedBytes -= location.storedBytes
    // Every image that uses it is no longer whole here: the updater finds out which.
    for await (const key of database.keys(hexKey(CHUNKS.reference, hash))) await this.setHeld(hexOf(key).slice(HASH_HEX), false)
    log.error({ hash, ...location }, 'a chunk is damaged on disk and was put aside')
  }

  #locationRow(hash: ChunkHash, location: Location): WriteOp {
    const key = hexKey(CHUNKS.location, hash)
    return { type: 'put', key, value: encodeLocation(key, location) }
  }

  async #writeClaims(hashes: readonly ChunkHash[], toRow: (hash: ChunkHash) => WriteOp): Promise<void> {
    for (let from = 0; from < hashes.length; from += CLAIMS_PER_BATCH)
      await this.#components.database.write(hashes.slice(from, from + CLAIMS_PER_BATCH).map(toRow))
  }
}

function claim(key: Buffer): WriteOp {
  return { type: 'put', key, value: seal(key, CLAIM_VERSION, Buffer.alloc(0)) }
}

function pinRows(hash: ChunkHash, pin: UploadId): WriteOp[] {
  return [claim(hexKey(CHUNKS.pin, hash, pin)), claim(hexKey(CHUNKS.uploadPin, pin, hash))]
}

function encodeLocation(key: Buffer, { segment, offset, storedBytes }: Location): Buffer {
  const payload = Buffer.alloc(LOCATION_BYTES)
  payload.writeUInt32LE(segment, 0)
  payload.writeUInt32LE(storedBytes, 4)
  payload.writeBigUInt64LE(BigInt(offset), 8)
  return seal(key, LOCATION_VERSION, payload)
}

function decodeLocation(key: Buffer, row: Buffer): Location {
  const payload = unseal(key, LOCATION_VERSION, row)
  return {
    segment: payload.readUInt32LE(0),
    storedBytes: payload.readUInt32LE(4),
    offset: Number(payload.readBigUInt64LE(8)),
  }
}
