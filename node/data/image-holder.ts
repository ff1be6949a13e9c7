/**
 * Brings whole images to this node and lets them go: the manifest, the references, then the chunks that are missing.
 * References are written before the chunks, so that nothing pulled can be taken for unwanted.
 */
import type { ChunkFetcher } from '../../cluster/transfer/chunk-fetcher.ts'
import type { ChunkHash, LocalChunks, UploadId } from '../../cluster/transfer/local-chunks.ts'
import type { ConfigView } from '../../cluster/membership/cluster-config.ts'
import { placedNodes } from '../../cluster/placement/placement-policy.ts'
import type { ImageReader, ImageSource } from './image-reader.ts'

/** This node's chunks, with the roots of which it holds everything. */
export interface HeldChunks extends LocalChunks {
  isHeld(root: ChunkHash): boolean
  setHeld(root: ChunkHash, held: boolean): Promise<void>
}

export interface ImageHolderComponents {
  chunks: HeldChunks
  fetcher: Pick<ChunkFetcher, 'fetch'>
  reader: Pick<ImageReader, 'manifest'>
  config: ConfigView
}

/** Chunks pulled side by side: hides a peer's round trip without taking its whole attention. */
const PULLS_AT_ONCE = 3
/** References per step; also how many hashes of a large image are in memory at once. */
const HASHES_PER_STEP = 1024

export class ImageHolder {
  readonly #components: ImageHolderComponents

  constructor(components: ImageHolderComponents) {
    this.#components = components
  }

  isHeld(root: ChunkHash): boolean {
    return this.#components.chunks.isHeld(root)
  }

  /** Notes that everything of `root` is here: the upload that stored it went through this node. */
  async noteHeld(root: ChunkHash): Promise<void> {
    await this.#components.chunks.setHeld(root, true)
  }

  /** Resolves when manifest, references and chunks are all durable here. Throws CHUNK_UNAVAILABLE, STORE_FULL. */
  async pull(source: ImageSource, signal: AbortSignal): Promise<void> {
    const { chunks } = this.#components
    await this.#bring(source, [source.root], signal)
    for await (const hashes of this.#steps(source, signal)) await this.#bring(source, hashes, signal)
    await chunks.setHeld(source.root, true)
  }

  /** Gives up the references of a root whose manifest is here; the manifest's own goes last. */
  async release(source: ImageSource, signal: AbortSignal): Promise<void> {
    const { chunks } = this.#components
    await chunks.setHeld(source.root, false)
    for await (const hashes of this.#steps(source, signal)) await chunks.dropReferences(source.root, hashes)
    await chunks.dropReferences(source.root, [source.root])
  }

  unpin(upload: UploadId): Promise<void> {
    return this.#components.chunks.unpin(upload)
  }

  async #bring(source: ImageSource, hashes: ChunkHash[], signal: AbortSignal): Promise<void> {
    const missing = await this.#components.chunks.addReferences(source.root, hashes)
    const wanted = [...new Set(missing)]
    const pullNext = async (): Promise<void> => {
      for (let hash = wanted.pop(); hash !== undefined; hash = wanted.pop())
        await this.#pullChunk(source, hash, signal)
    }
    const pulls = Array.from({ length: PULLS_AT_ONCE }, () =>
      pullNext().catch((error: unknown) => {
        // The first failure ends the others too, or they would go on behind the back of a retry.
        wanted.length = 0
        throw error
      }),
    )
    for (const pull of await Promise.allSettled(pulls)) if (pull.status === 'rejected') throw pull.reason
  }

  async #pullChunk({ imageId, copies }: ImageSource, hash: ChunkHash, signal: AbortSignal): Promise<void> {
    const { chunks, fetcher, config } = this.#components
    const lease = await fetcher.fetch(hash, placedNodes(config.current(), imageId, copies), signal)
    try {
      await chunks.put(hash, lease.buffer, null)
    } finally {
      lease.release()
    }
  }

  /** The manifest's hashes, some at a time. */
  async *#steps(source: ImageSource, signal: AbortSignal): AsyncGenerator<ChunkHash[]> {
    const manifest = await this.#components.reader.manifest(source, signal)
    let step: ChunkHash[] = []
    for await (const hash of manifest.hashes(signal)) {
      step.push(hash)
      if (step.length < HASHES_PER_STEP) continue
      yield step
      step = []
    }
    if (step.length > 0) yield step
  }
}
