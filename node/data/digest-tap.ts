/** Takes the digests of bytes that pass by on their way to somewhere else: hashed by the workers, one slot behind. */
import type { ChunkBuffer, ChunkBufferPool } from '../../cluster/transfer/chunk-buffer.ts'
import type { ImageChecksums, ImageDigests } from './checksums.ts'

export interface DigestTapComponents {
  /** Shared with the uploads: one slot fills while the one before is hashed. */
  pool: Pick<ChunkBufferPool, 'acquire'>
  checksums: ImageChecksums
}

export class DigestTap {
  readonly #components: DigestTapComponents
  readonly #signal: AbortSignal
  #filling: ChunkBuffer | null = null
  #hashing: Promise<void> = Promise.resolve()

  constructor(components: DigestTapComponents, signal: AbortSignal) {
    this.#components = components
    this.#signal = signal
  }

  /** Throws what a worker threw, or the signal's reason. */
  async add(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      this.#filling ??= await this.#components.pool.acquire(this.#signal)
      at += this.#filling.append(bytes.subarray(at))
      if (this.#filling.length === this.#filling.room.length) await this.#hand()
    }
  }

  async finish(): Promise<ImageDigests> {
    await this.#hand()
    await this.#hashing
    return this.#components.checksums.finish()
  }

  /** Finished or not; whoever has it owes it. Resolves when no worker reads a slot any more. */
  async close(): Promise<void> {
    this.#filling?.release()
    this.#filling = null
    await this.#hashing.catch(() => {})
    this.#components.checksums.close()
  }

  async #hand(): Promise<void> {
    const slot = this.#filling
    if (!slot) return
    await this.#hashing
    this.#filling = null
    this.#hashing = this.#update(slot)
    // It is awaited when its turn comes; a failure until then is no unhandled one.
    this.#hashing.catch(() => {})
  }

  async #update(slot: ChunkBuffer): Promise<void> {
    try {
      const { named, done } = this.#components.checksums.update(slot)
      named.catch(() => {})
      await done
    } finally {
      slot.release()
    }
  }
}
