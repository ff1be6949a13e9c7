/**
 * This node's own chunks, for whoever must not be held up by a disk that hangs: as a peer that says nothing, it is then given
 * up for others. What was asked for may still happen, as at such a peer.
 */
import { abortable } from './abortable.ts'
import type { ChunkBuffer } from './chunk-buffer.ts'
import type { ChunkHash, LocalChunks, UploadId } from './local-chunks.ts'

/** Each answer is aborted, with the error for those who wait, when no work of that kind ends any more; a new one follows when some does. */
export interface DiskHangs {
  writing(): AbortSignal
  reading(): AbortSignal
}

export class ImpatientChunks implements LocalChunks {
  readonly #chunks: LocalChunks
  readonly #disk: DiskHangs

  constructor(chunks: LocalChunks, disk: DiskHangs) {
    this.#chunks = chunks
    this.#disk = disk
  }

  has(hash: ChunkHash): boolean {
    return this.#chunks.has(hash)
  }

  isDamaged(hash: ChunkHash): boolean {
    return this.#chunks.isDamaged(hash)
  }

  /** As LocalChunks.read; CHUNK_UNAVAILABLE when the disk hangs. */
  read(hash: ChunkHash, into: ChunkBuffer): Promise<void> {
    return this.#whileAlive([this.#disk.reading()], () => inUse(into, this.#chunks.read(hash, into)))
  }

  /** As LocalChunks.put; STORE_NOT_WRITABLE when the disk hangs, and the same of the others. */
  put(hash: ChunkHash, buffer: ChunkBuffer, pin: UploadId | null): Promise<void> {
    return this.#changing(() => inUse(buffer, this.#chunks.put(hash, buffer, pin)))
  }

  have(hashes: readonly ChunkHash[], pin: UploadId): Promise<boolean[]> {
    return this.#changing(() => this.#chunks.have(hashes, pin))
  }

  unpin(upload: UploadId): Promise<void> {
    return this.#changing(() => this.#chunks.unpin(upload))
  }

  addReferences(root: ChunkHash, hashes: readonly ChunkHash[]): Promise<ChunkHash[]> {
    return this.#changing(() => this.#chunks.addReferences(root, hashes))
  }

  /** What is there already is read first. */
  #changing<T>(work: () => Promise<T>): Promise<T> {
    return this.#whileAlive([this.#disk.writing(), this.#disk.reading()], work)
  }

  async #whileAlive<T>(signals: readonly AbortSignal[], work: () => Promise<T>): Promise<T> {
    for (const signal of signals) signal.throwIfAborted()
    return signals.reduce((waiting, signal) => abortable(waiting, signal), work())
  }
}

/** The disk reads or writes the slot even when nobody waits for it any more. */
function inUse<T>(buffer: ChunkBuffer, work: Promise<T>): Promise<T> {
  const end = buffer.hold()
  return work.finally(end)
}
