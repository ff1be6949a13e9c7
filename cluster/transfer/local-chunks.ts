/** This node's own chunks, as the transfer code needs them; node/store/chunk-store.ts implements the port. */
import type { ChunkBuffer } from './chunk-buffer.ts'

/** BLAKE3 of the chunk's bytes, 64 lower-case hex digits. */
export type ChunkHash = string

/** An upload that claims chunks: 32 hex digits. Its pins protect them from the reaper until the upload is settled. */
export type UploadId = string

export interface LocalChunks {
  /** Whether the index names this chunk. Says nothing about the bytes. */
  has(hash: ChunkHash): boolean
  /** Whether it was found damaged here and is not stored anew yet: bytes that come by are then welcome. */
  isDamaged(hash: ChunkHash): boolean
  /**
   * Reads the chunk into `into` and verifies it before it resolves. Throws CHUNK_MISSING, or CHUNK_DAMAGED (the chunk is
   * then no longer in the index).
   */
  read(hash: ChunkHash, into: ChunkBuffer): Promise<void>
  /**
   * Stores `buffer.payload` under `hash` (which the caller has computed or checked) and pins it for `pin` (null = the
   * chunk is wanted by references that were written before). Resolves when bytes, location and pin are durable.
   * A chunk already held is pinned without being trusted: it is read and verified first, and rewritten when damaged.
   * Throws STORE_FULL, STORE_NOT_WRITABLE.
   */
  put(hash: ChunkHash, buffer: ChunkBuffer, pin: UploadId | null): Promise<void>
  /** Put without body: re-reads, re-hashes and pins each chunk held; answers which, in the order asked. */
  have(hashes: readonly ChunkHash[], pin: UploadId): Promise<boolean[]>
  /** Ends every pin of an upload. */
  unpin(upload: UploadId): Promise<void>
  /**
   * Writes `ref!<chunk>!<root>` rows durably, in batches ≤ 1024, for chunks here or still to come. Answers which of the
   * chunks are not here.
   */
  addReferences(root: ChunkHash, hashes: readonly ChunkHash[]): Promise<ChunkHash[]>
}
