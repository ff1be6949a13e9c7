/** What the transfer code asks of other nodes over the bulk plane; bulk-client.ts implements it over mutual TLS. */
import type { NodeId } from '../network/rpc-port.ts'
import type { ChunkBuffer } from './chunk-buffer.ts'
import type { LifeSign } from './life-sign.ts'
import type { ChunkHash, UploadId } from './local-chunks.ts'

export interface BulkPeer {
  /**
   * Fetches a chunk into `into` and verifies it; `sign` shows whether anything moves meanwhile. Throws CHUNK_MISSING,
   * CHUNK_DAMAGED, PEER_UNREACHABLE, RPC_TIMEOUT.
   */
  getChunk(
    from: NodeId,
    hash: ChunkHash,
    into: ChunkBuffer,
    signal?: AbortSignal,
    sign?: LifeSign,
  ): Promise<void>
  /** Resolves when `to` holds the chunk durably, pinned. Throws also STORE_FULL and STORE_NOT_WRITABLE, as it said. */
  putChunk(
    to: NodeId,
    hash: ChunkHash,
    payload: Buffer,
    pin: UploadId | null,
    signal?: AbortSignal,
  ): Promise<void>
  /** Verified, pinned holdings of `at`, in the order asked. */
  have(at: NodeId, hashes: readonly ChunkHash[], pin: UploadId, signal?: AbortSignal): Promise<boolean[]>
  unpin(at: NodeId, upload: UploadId): Promise<void>
  /** As LocalChunks.addReferences, on `at`. */
  addReferences(
    at: NodeId,
    root: ChunkHash,
    hashes: readonly ChunkHash[],
    signal?: AbortSignal,
  ): Promise<ChunkHash[]>
}
