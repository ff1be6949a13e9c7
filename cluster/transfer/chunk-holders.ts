/** All holders of chunks alike, this node among them: whoever copies or fetches need not care where a holder is. */
import type { NodeId } from '../network/rpc-port.ts'
import type { BulkPeer } from './bulk-port.ts'
import type { ChunkBuffer } from './chunk-buffer.ts'
import type { LifeSign } from './life-sign.ts'
import type { ChunkHash, LocalChunks, UploadId } from './local-chunks.ts'

export class ChunkHolders {
  readonly self: NodeId
  readonly #local: LocalChunks
  readonly #bulk: BulkPeer

  constructor(components: { self: NodeId; local: LocalChunks; bulk: BulkPeer }) {
    this.self = components.self
    this.#local = components.local
    this.#bulk = components.bulk
  }

  /** Whether this node's own index names the chunk. */
  hasLocally(hash: ChunkHash): boolean {
    return this.#local.has(hash)
  }

  /** As LocalChunks.isDamaged. */
  isDamagedHere(hash: ChunkHash): boolean {
    return this.#local.isDamaged(hash)
  }

  /** As LocalChunks.read or BulkPeer.getChunk: verified when it resolves. */
  read(at: NodeId, hash: ChunkHash, into: ChunkBuffer, signal?: AbortSignal, sign?: LifeSign): Promise<void> {
    return at === this.self ? this.#local.read(hash, into) : this.#bulk.getChunk(at, hash, into, signal, sign)
  }

  /** Stores a chunk on this node that references written before want. */
  putHere(hash: ChunkHash, buffer: ChunkBuffer): Promise<void> {
    return this.#local.put(hash, buffer, null)
  }

  /** Durable and pinned when it resolves. */
  put(at: NodeId, hash: ChunkHash, buffer: ChunkBuffer, pin: UploadId): Promise<void> {
    if (at === this.self) return this.#local.put(hash, buffer, pin)
    return this.#bulk.putChunk(at, hash, buffer.payload, pin)
  }

  /** As LocalChunks.have: which of the chunks `at` has, read back, verified and pinned. */
  have(at: NodeId, hashes: readonly ChunkHash[], pin: UploadId, signal?: AbortSignal): Promise<boolean[]> {
    return at === this.self ? this.#local.have(hashes, pin) : this.#bulk.have(at, hashes, pin, signal)
  }

  /** Durable when it resolves; answers which of the chunks `at` does not hold. */
  addReferences(at: NodeId, root: ChunkHash, hashes: readonly ChunkHash[]): Promise<ChunkHash[]> {
    return at === this.self
      ? this.#local.addReferences(root, hashes)
      : this.#bulk.addReferences(at, root, hashes)
  }

  unpin(at: NodeId, upload: UploadId): Promise<void> {
    return at === this.self ? this.#local.unpin(upload) : this.#bulk.unpin(at, upload)
  }
}
