/** LocalChunks in memory, with what tests need to look at and to break. */
import { contentHashHex } from '../../cluster/content-hash.ts'
import { ClusterError } from '../../cluster/errors.ts'
import type { ChunkBuffer } from '../../cluster/transfer/chunk-buffer.ts'
import type { ChunkHash, LocalChunks, UploadId } from '../../cluster/transfer/local-chunks.ts'

export class MemoryChunks implements LocalChunks {
  readonly chunks = new Map<ChunkHash, Buffer>()
  readonly pins = new Map<UploadId, Set<ChunkHash>>()
  readonly references = new Map<ChunkHash, Set<ChunkHash>>()
  readonly damaged = new Set<ChunkHash>()
  /** Called before each put; throws to fail it, waits to slow it down. */
  beforePut: (hash: ChunkHash) => Promise<void> | void = () => {}

  /** Stores bytes as if they had come by an upload long ago. */
  add(bytes: Uint8Array): ChunkHash {
    const hash = contentHashHex(bytes)
    this.chunks.set(hash, Buffer.from(bytes))
    return hash
  }

  /** Flips a bit of a stored chunk. */
  damage(hash: ChunkHash): void {
    const bytes = this.chunks.get(hash)
    if (bytes) bytes[0] = (bytes[0] ?? 0) ^ 1
  }

  has(hash: ChunkHash): boolean {
    return this.chunks.has(hash)
  }

  isDamaged(hash: ChunkHash): boolean {
    return this.damaged.has(hash)
  }

  read(hash: ChunkHash, into: ChunkBuffer): Promise<void> {
    return Promise.resolve().then(() => {
      const bytes = this.#verified(hash)
      bytes.copy(into.room)
      into.length = bytes.length
    })
  }

  async put(hash: ChunkHash, buffer: ChunkBuffer, pin: UploadId | null): Promise<void> {
    await this.beforePut(hash)
    this.chunks.set(hash, Buffer.from(buffer.payload))
    this.damaged.delete(hash)
    if (pin !== null) this.#pin(pin, hash)
  }

  have(hashes: readonly ChunkHash[], pin: UploadId): Promise<boolean[]> {
    const held = hashes.map((hash) => this.#isSound(hash))
    held.forEach((is, index) => is && this.#pin(pin, hashes[index] ?? ''))
    return Promise.resolve(held)
  }

  unpin(upload: UploadId): Promise<void> {
    this.pins.delete(upload)
    return Promise.resolve()
  }

  addReferences(root: ChunkHash, hashes: readonly ChunkHash[]): Promise<ChunkHash[]> {
    const rows = this.references.get(root) ?? new Set()
    for (const hash of hashes) rows.add(hash)
    this.references.set(root, rows)
    return Promise.resolve(hashes.filter((hash) => !this.has(hash)))
  }

  dropRoots(roots: readonly ChunkHash[]): Promise<number> {
    return Promise.resolve(roots.filter((root) => this.references.delete(root)).length)
  }

  #pin(upload: UploadId, hash: ChunkHash): void {
    const pinned = this.pins.get(upload) ?? new Set()
    this.pins.set(upload, pinned.add(hash))
  }

  /** A damaged one is gone afterwards. */
  #isSound(hash: ChunkHash): boolean {
    try {
      this.#verified(hash)
      return true
    } catch {
      return false
    }
  }

  #verified(hash: ChunkHash): Buffer {
    const bytes = this.chunks.get(hash)
    if (!bytes) throw new ClusterError('CHUNK_MISSING', 'the chunk is not here', { hash })
    if (contentHashHex(bytes) === hash) return bytes
    this.chunks.delete(hash)
    this.damaged.add(hash)
    throw new ClusterError('CHUNK_DAMAGED', 'the chunk is damaged', { hash })
  }
}
