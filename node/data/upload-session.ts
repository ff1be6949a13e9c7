/** One upload under way: its bytes in a small ring of slots, its chunks in flight, and what is known of them so far. */
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import type { ChunkBuffer, ChunkBufferPool } from '../../cluster/transfer/chunk-buffer.ts'
import type { ReplicatedUpload } from '../../cluster/transfer/chunk-replicator.ts'
import type { ChunkHash } from '../../cluster/transfer/local-chunks.ts'
import { Semaphore } from '../../cluster/transfer/semaphore.ts'
import type { ImageChecksums, ImageDigests } from './checksums.ts'
import type { ChunkName } from './hash-messages.ts'
import { ManifestBuilder, type EncodedPage, type ManifestPages } from './manifest-builder.ts'
import { notDeclaredSize, tooLarge } from './size-errors.ts'
import { until } from './until.ts'

export interface UploadSessionComponents {
  pool: ChunkBufferPool
  checksums: ImageChecksums
  copies: ReplicatedUpload
}

export interface UploadSessionOptions {
  chunkSizeBytes: number
  sizeBytesMax: number
  declaredSizeBytes: number | null
  signal: AbortSignal
}

export interface StoredImage extends ImageDigests {
  root: ChunkHash
  sizeBytes: number
  chunkSizeBytes: number
  /** The nodes that hold the whole image, referenced and pinned. */
  holders: NodeId[]
  /** Every node that may hold pins of the upload: hand it to `unpin` once the register is settled. */
  pinnedAt: NodeId[]
}

/**
 * Slots of one upload: one filling, the others being hashed, written and sent. Measured: with six no stage waits for
 * another, and more only adds dirty pages.
 */
const RING_SLOTS = 6

export class UploadSession {
  readonly #components: UploadSessionComponents
  readonly #options: UploadSessionOptions
  readonly #ring = new Semaphore(RING_SLOTS)
  /** Aborted by the caller or by the first failure: ends the reading. */
  readonly #stop = new AbortController()
  readonly #inFlight = new Set<Promise<void>>()
  /** In the order of the image. 100 bytes for 4 MiB: 3 MiB for 100 GiB. */
  readonly #names: ChunkName[] = []
  /** Each once: a chunk that repeats within the image is stored once. */
  readonly #stored = new Set<ChunkHash>()
  #sizeBytes = 0

  constructor(components: UploadSessionComponents, options: UploadSessionOptions) {
    this.#components = components
    this.#options = options
  }

  async run(body: AsyncIterable<Uint8Array>): Promise<StoredImage> {
    const { signal } = this.#options
    const onAbort = () => this.#stop.abort(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      signal.throwIfAborted()
      await this.#receive(body)
      return await this.#conclude()
    } catch (error) {
      // What is in flight would pin again after the unpin. Peers that hang end it by their own time limits.
      await this.#drain()
      await this.#components.copies.unpin()
      throw error
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  async #receive(body: AsyncIterable<Uint8Array>): Promise<void> {
    let slot: ChunkBuffer | null = null
    try {
      for await (const piece of until(this.#stop.signal, body)) {
        this.#count(piece)
        for (let at = 0; at < piece.length;) {
          slot ??= await this.#acquireSlot()
          at += slot.append(piece.subarray(at), this.#options.chunkSizeBytes)
          if (slot.length < this.#options.chunkSizeBytes) continue
          this.#dispatch(slot)
          slot = null
        }
      }
      this.#requireDeclaredSize()
      if (slot) this.#dispatch(slot)
      slot = null
    } finally {
      slot?.release()
    }
    await this.#drain()
    this.#stop.signal.throwIfAborted()
  }

  async #conclude(): Promise<StoredImage> {
    const digests = await this.#components.checksums.finish()
    const { root, leaves } = this.#buildManifest()
    for (const page of [...leaves, root]) await this.#storePage(page)
    this.#stop.signal.throwIfAborted()
    const { copies } = this.#components
    await copies.seal(root.hash, [...this.#stored, ...leaves.map(({ hash }) => hash), root.hash])
    const { chunkSizeBytes } = this.#options
    const held = { holders: copies.targets, pinnedAt: copies.touched }
    return { root: root.hash, sizeBytes: this.#sizeBytes, chunkSizeBytes, ...digests, ...held }
  }

  #buildManifest(): ManifestPages {
    const builder = new ManifestBuilder(this.#options.chunkSizeBytes)
    for (const name of this.#names) builder.add(name)
    return builder.finish(this.#sizeBytes)
  }

  async #storePage({ hash, bytes }: EncodedPage): Promise<void> {
    const slot = await this.#acquireSlot()
    try {
      slot.append(bytes)
      await this.#components.copies.store(hash, slot)
    } finally {
      slot.release()
    }
  }

  #count(piece: Uint8Array): void {
    this.#sizeBytes += piece.length
    const { sizeBytesMax, declaredSizeBytes } = this.#options
    if (this.#sizeBytes > sizeBytesMax) throw tooLarge(sizeBytesMax)
    if (declaredSizeBytes !== null && this.#sizeBytes > declaredSizeBytes)
      throw notDeclaredSize(declaredSizeBytes, this.#sizeBytes)
  }

  #requireDeclaredSize(): void {
    const { declaredSizeBytes } = this.#options
    if (declaredSizeBytes !== null && this.#sizeBytes !== declaredSizeBytes)
      throw notDeclaredSize(declaredSizeBytes, this.#sizeBytes)
  }

  /** A slot of this upload's ring and of the pool of all; its release gives back both. */
  async #acquireSlot(): Promise<ChunkBuffer> {
    const { signal } = this.#stop
    const leaveRing = await this.#ring.acquire(signal)
    try {
      const slot = await this.#components.pool.acquire(signal)
      slot.onReleased(leaveRing)
      return slot
    } catch (error) {
      leaveRing()
      throw error
    }
  }

  /** Lets the chunk be hashed and stored beside the reading; the slot is given back when both are done. */
  #dispatch(slot: ChunkBuffer): void {
    const index = this.#names.push(null) - 1
    const chunk = this.#hashAndStore(index, slot)
      .catch((error: unknown) => this.#stop.abort(error))
      .finally(() => {
        slot.release()
        this.#inFlight.delete(chunk)
      })
    this.#inFlight.add(chunk)
  }

  async #hashAndStore(index: number, slot: ChunkBuffer): Promise<void> {
    const { named, done } = this.#components.checksums.update(slot)
    const stored = named.then((name) => this.#storeChunk(index, name, slot))
    const results = await Promise.allSettled([stored, done])
    for (const result of results) if (result.status === 'rejected') throw result.reason
  }

  async #storeChunk(index: number, name: ChunkName, slot: ChunkBuffer): Promise<void> {
    this.#names[index] = name
    if (name === null || this.#stored.has(name)) return
    this.#stored.add(name)
    await this.#components.copies.store(name, slot)
  }

  async #drain(): Promise<void> {
    await Promise.all(this.#inFlight)
  }
}
