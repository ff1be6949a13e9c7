/**
 * Writes an image into the cache while its bytes pass on their way to somebody else. It fails without a word to them: what
 * cannot be cached, because the disk is full, slow or broken, is left out. Two pieces are in memory at most.
 */
import { open, rename, rm, type FileHandle } from 'node:fs/promises'
import { sleep, type Clock } from '../../cluster/runtime.ts'
import type { ChunkBuffer, ChunkBufferPool } from '../../cluster/transfer/chunk-buffer.ts'
import type { ChunkHasher } from '../../cluster/transfer/chunk-hasher.ts'
import { encodeTail, PIECE_BYTES, type CacheHead } from './cache-file.ts'

export interface CacheFillParts {
  clock: Clock
  hasher: ChunkHasher
  /** Must have two slots for each fill that there may be. */
  pool: ChunkBufferPool
  /** Makes room for so many bytes more. Throws when there is none. */
  take: (bytes: number) => Promise<void>
  /** It is over: the file has its name, or why it has none. Called once. */
  onOver: (error: Error | null) => void
}

/** A disk that takes longer for a piece does not keep up with any client: 2 MiB a second. */
const PIECE_PATIENCE_MS = 2_000

export class CacheFill {
  readonly #parts: CacheFillParts
  readonly #head: CacheHead
  readonly #paths: { draft: string; file: string }
  readonly #hashes: Buffer[] = []
  #slot: ChunkBuffer | null = null
  #writing: Promise<void> = Promise.resolve()
  #file: FileHandle | null = null
  #takenBytes = 0
  #writtenBytes = 0
  #error: Error | null = null
  #over: Promise<Error | null> | null = null

  constructor(parts: CacheFillParts, head: CacheHead, paths: { draft: string; file: string }) {
    this.#parts = parts
    this.#head = head
    this.#paths = paths
  }

  /** The bytes that come next; they may be used for something else as soon as it resolves. Never rejects. */
  async write(bytes: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < bytes.length && this.#error === null && !this.#over;) {
        this.#slot ??= await this.#freshSlot()
        at += this.#slot.append(bytes.subarray(at))
        if (this.#slot.length === PIECE_BYTES) await this.#send()
      }
    } catch (error) {
      this.#error ??= asError(error)
    }
  }

  /** Why nothing will come of it; null: so far all is well. */
  get failure(): Error | null {
    return this.#error
  }

  /** All bytes have passed, and were right. Answers why it is not cached all the same, or null. Never rejects. */
  finish(): Promise<Error | null> {
    return (this.#over ??= this.#end())
  }

  /** They were not, or nobody wants it. Never rejects. */
  abandon(why = new Error('the image was not read to its end')): Promise<Error | null> {
    this.#error ??= why
    return (this.#over ??= this.#end())
  }

  async #freshSlot(): Promise<ChunkBuffer> {
    const slot = await this.#parts.pool.acquire()
    slot.length = 0
    return slot
  }

  /** One piece is on its way to the disk while the next one comes. */
  async #send(): Promise<void> {
    const slot = this.#slot
    if (!slot) return
    this.#slot = null
    const before = this.#writing
    this.#writing = this.#writePiece(slot, before)
    this.#writing.catch(() => {})
    await this.#inTime(before)
  }

  async #writePiece(slot: ChunkBuffer, before: Promise<void>): Promise<void> {
    try {
      await before
      if (this.#error !== null) return
      this.#hashes.push(Buffer.from(await this.#parts.hasher(slot), 'hex'))
      await this.#put(slot.payload)
    } finally {
      slot.release()
    }
  }

  async #put(bytes: Buffer): Promise<void> {
    await this.#parts.take(bytes.length)
    this.#takenBytes += bytes.length
    this.#file ??= await open(this.#paths.draft, 'wx', 0o600)
    for (let at = 0; at < bytes.length;) {
      const { bytesWritten } = await this.#file.write(bytes, at, bytes.length - at, this.#writtenBytes + at)
      at += bytesWritten
    }
    this.#writtenBytes += bytes.length
  }

  async #inTime(writing: Promise<void>): Promise<void> {
    const { clock } = this.#parts
    const patience = new AbortController()
    const late = sleep(clock, PIECE_PATIENCE_MS, patience.signal).then(() => {
      throw new Error('the disk of the cache is too slow')
    })
    late.catch(() => {})
    try {
      await Promise.race([writing, late])
    } finally {
      patience.abort()
    }
  }

  async #end(): Promise<Error | null> {
    try {
      if (this.#error === null) await this.#send()
    } catch (error) {
      this.#error ??= asError(error)
    }
    this.#slot?.release()
    this.#slot = null
    await this.#writing.catch((error: unknown) => (this.#error ??= asError(error)))
    await this.#settle().catch((error: unknown) => (this.#error ??= asError(error)))
    if (this.#error !== null) await this.#undo()
    this.#parts.onOver(this.#error)
    return this.#error
  }

  async #settle(): Promise<void> {
    if (this.#error === null && this.#writtenBytes !== this.#head.sizeBytes)
      this.#error = new Error('the image has another length than its record says')
    if (this.#error === null) {
      const use = { hits: 0, lastAccessedMs: this.#parts.clock.wallMs() }
      await this.#put(encodeTail({ ...this.#head, ...use, hashes: Buffer.concat(this.#hashes) }))
    }
    await this.#file?.close()
    if (this.#error === null) await rename(this.#paths.draft, this.#paths.file)
  }

  /** Given up after it had its name, it loses that, too. */
  async #undo(): Promise<void> {
    await this.#file?.close().catch(() => {})
    for (const path of [this.#paths.draft, this.#paths.file]) await rm(path, { force: true }).catch(() => {})
  }

  /** What it has taken, written or not. */
  get takenBytes(): number {
    return this.#takenBytes
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
