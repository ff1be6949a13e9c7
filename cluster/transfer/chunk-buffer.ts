/**
 * Page-aligned shared memory for chunk bytes, in slots with head-room for a segment record's header: a chunk is
 * received, hashed in workers, written to disk and sent on from the one place it landed in.
 *
 * Each slot is RECORD_HEADER_BYTES of head-room, then room for one chunk; the whole slot is a multiple of 4 KiB, so a
 * record can be written with O_DIRECT as it stands. Slots are allocated lazily and reused; a pool never holds more than
 * its budget, and a waiter queues until a slot is free: that is the back-pressure.
 */
import { ClusterError } from '../errors.ts'
import { notePieceCopied } from '../young-garbage.ts'

/** Head-room before the payload: the size of a segment record's header. */
export const RECORD_HEADER_BYTES = 64
/** Disk block: records are padded to it. */
export const RECORD_ALIGN_BYTES = 4096
/** The largest chunk, bytes. Larger images are cut; a chunk of any other size is refused. */
export const CHUNK_BYTES_MAX = 4 * 1024 * 1024
/** A slot holds header and payload, rounded up to whole disk blocks. */
export const SLOT_BYTES = alignUp(RECORD_HEADER_BYTES + CHUNK_BYTES_MAX)
/** Slots per shared memory: one 64-bit wasm memory reserves 10 GiB of address space, so a few large ones it is. */
const SLOTS_PER_SLAB = 4
const WASM_PAGE_BYTES = 65536

/** The one part of WebAssembly used here: its shared memory is page-aligned, which no other JavaScript memory promises. */
declare const WebAssembly: {
  Memory: new (size: { initial: number; maximum: number; shared: true }) => { buffer: SharedArrayBuffer }
}

export function alignUp(bytes: number): number {
  return Math.ceil(bytes / RECORD_ALIGN_BYTES) * RECORD_ALIGN_BYTES
}

/** One slot, held by one owner until `release()`. */
export class ChunkBuffer {
  /** The whole slot: head-room, payload room, padding. Page-aligned, in shared memory. */
  readonly record: Buffer
  /** Payload bytes in use. */
  length = 0
  readonly #giveBack: () => void
  readonly #onReleased: (() => void)[] = []
  #holds = 0
  #released = false

  /** `giveBack`: called when it was released and nobody holds it any more. */
  constructor(record: Buffer, giveBack: () => void) {
    this.record = record
    this.#giveBack = giveBack
  }

  /** The payload bytes in use. */
  get payload(): Buffer {
    return this.record.subarray(RECORD_HEADER_BYTES, RECORD_HEADER_BYTES + this.length)
  }

  /** Room for a whole payload. */
  get room(): Buffer {
    return this.record.subarray(RECORD_HEADER_BYTES, RECORD_HEADER_BYTES + CHUNK_BYTES_MAX)
  }

  /** Copies as much of `piece` behind the payload as fits into `lengthMax` bytes of it; answers how much. */
  append(piece: Uint8Array, lengthMax = this.room.length): number {
    const taken = piece.subarray(0, lengthMax - this.length)
    this.room.set(taken, this.length)
    this.length += taken.length
    notePieceCopied(taken.length)
    return taken.length
  }

  /**
   * Keeps the slot from being used for anything else, even when its owner releases it meanwhile: for what the kernel may still
   * be reading or writing. Call the answer once.
   */
  hold(): () => void {
    this.#holds++
    return () => {
      this.#holds--
      this.#endIfUnused()
    }
  }

  /** Calls `listener` when the owner releases the slot, whoever may hold it then. */
  onReleased(listener: () => void): void {
    this.#onReleased.push(listener)
  }

  /** Gives the slot back. The owner must not touch the bytes afterwards; a second call does nothing. */
  release(): void {
    if (this.#released) return
    this.#released = true
    for (const listener of this.#onReleased) listener()
    this.#endIfUnused()
  }

  #endIfUnused(): void {
    if (this.#released && this.#holds === 0) this.#giveBack()
  }
}

interface Waiter {
  resolve(buffer: ChunkBuffer): void
  reject(error: Error): void
}

/**
 * The part of a pool that may hold bytes which nobody uses at the moment. More would seldom be read again: who is so far
 * behind is behind the page cache, too.
 */
const PARKED_SHARE_MAX = 1 / 4

/** A byte budget made of slots: `acquire` waits while all are in use. */
export class ChunkBufferPool {
  readonly #slotsMax: number
  readonly #free: Buffer[] = []
  /** With what to call when the slot is needed; the longest parked first. */
  readonly #parked = new Map<ChunkBuffer, () => void>()
  readonly #waiters: Waiter[] = []
  #allocated = 0
  #inUse = 0

  /** `budgetBytes` is rounded down to whole slots, at least one slab. */
  constructor(budgetBytes: number) {
    this.#slotsMax = Math.max(SLOTS_PER_SLAB, Math.floor(budgetBytes / SLOT_BYTES))
  }

  /** Without the parked ones: those are to be had at once. */
  get slotsInUse(): number {
    return this.#inUse - this.#parked.size
  }

  get slotsMax(): number {
    return this.#slotsMax
  }

  /** Resolves with a free slot, in the order of asking; rejects with the signal's reason when aborted while waiting. */
  async acquire(signal?: AbortSignal): Promise<ChunkBuffer> {
    signal?.throwIfAborted()
    const slot = this.#take()
    if (slot) return slot
    return new Promise<ChunkBuffer>((resolve, reject) => {
      const onAbort = () => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1)
        reject((signal?.reason as Error | undefined) ?? new ClusterError('STOPPING', 'the wait was aborted'))
      }
      const waiter: Waiter = {
        resolve(buffer) {
          signal?.removeEventListener('abort', onAbort)
          resolve(buffer)
        },
        reject,
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#waiters.push(waiter)
    })
  }

  /**
   * Instead of a release: the bytes stay as they are until the slot is needed, or too many others were parked since. Then
   * `onGone` is called. Until then `unpark` makes it a slot in use again.
   */
  park(buffer: ChunkBuffer, onGone: () => void): void {
    this.#parked.set(buffer, onGone)
    if (this.#waiters.length > 0 || this.#parked.size > this.#slotsMax * PARKED_SHARE_MAX) this.#reclaim()
  }

  unpark(buffer: ChunkBuffer): void {
    this.#parked.delete(buffer)
  }

  #reclaim(): void {
    for (const [buffer, onGone] of this.#parked) {
      this.#parked.delete(buffer)
      onGone()
      return buffer.release()
    }
  }

  #take(): ChunkBuffer | null {
    if (this.#free.length === 0) this.#grow()
    if (this.#free.length === 0) this.#reclaim()
    const record = this.#free.pop()
    if (!record) return null
    this.#inUse++
    return new ChunkBuffer(record, () => this.#giveBack(record))
  }

  #giveBack(record: Buffer): void {
    this.#free.push(record)
    this.#inUse--
    const waiter = this.#waiters.shift()
    if (!waiter) return
    const slot = this.#take()
    if (slot) waiter.resolve(slot)
  }

  #grow(): void {
    const count = Math.min(SLOTS_PER_SLAB, this.#slotsMax - this.#allocated)
    if (count <= 0) return
    const pages = Math.ceil((count * SLOT_BYTES) / WASM_PAGE_BYTES)
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true })
    for (let i = 0; i < count; i++) this.#free.push(Buffer.from(memory.buffer, i * SLOT_BYTES, SLOT_BYTES))
    this.#allocated += count
  }
}
