/**
 * Brings whole images to this node: the manifest, the references, then the chunks that are missing. References are
 * written before the chunks, so that nothing pulled can be taken for unwanted. And lets images go, by their references.
 */
import { ClusterError } from '../../cluster/errors.ts'
import type { ChunkFetcher } from '../../cluster/transfer/chunk-fetcher.ts'
import type { ChunkHash, LocalChunks, UploadId } from '../../cluster/transfer/local-chunks.ts'
import type { ConfigView } from '../../cluster/membership/cluster-config.ts'
import { placedNodes } from '../../cluster/placement/placement-policy.ts'
import type { ImageReader, ImageSource } from './image-reader.ts'
import type { TransferPace } from './transfer-pace.ts'

/** This node's chunks, with the roots of which it holds everything. */
export interface HeldChunks extends LocalChunks {
  isHeld(root: ChunkHash): boolean
  setHeld(root: ChunkHash, held: boolean): Promise<void>
  /** Whether `root` claims the chunk here. */
  isReferenced(root: ChunkHash, hash: ChunkHash): boolean
  /** Removes every reference of the roots; one that is referenced again meanwhile keeps what is written from then on. */
  dropRoots(roots: readonly ChunkHash[]): Promise<number>
  /** How often something of `root` was found damaged since the start. */
  damagesOf(root: ChunkHash): number
}

export interface ImageHolderComponents {
  chunks: HeldChunks
  fetcher: Pick<ChunkFetcher, 'fetch'>
  reader: Pick<ImageReader, 'manifest'>
  config: ConfigView
  pace: TransferPace
}

/** What this node has of an image: `part` claims at least one of its chunks, `manifest` none. */
export type Holding = 'whole' | 'part' | 'manifest' | 'nothing'

/** Chunks pulled side by side: hides a peer's round trip without taking its whole attention. */
const PULLS_AT_ONCE = 3
/** References per step; also how many hashes of a large image are in memory at once. */
const HASHES_PER_STEP = 1024
/** More than the reaper lets go between the last byte of an upload and its end. */
const LET_GO_MAX = 10_000

export class ImageHolder {
  /** What was brought here since the start. */
  readonly pulled = { images: 0, chunks: 0, bytes: 0 }
  readonly #components: ImageHolderComponents
  readonly #pulling = new Set<ChunkHash>()
  /** Roots whose references were dropped and not written again since, the oldest first. */
  readonly #letGo = new Set<ChunkHash>()

  constructor(components: ImageHolderComponents) {
    this.#components = components
  }

  isHeld(root: ChunkHash): boolean {
    return this.#components.chunks.isHeld(root)
  }

  async holding(source: ImageSource, signal: AbortSignal): Promise<Holding> {
    const { chunks, reader } = this.#components
    const { root } = source
    if (chunks.isHeld(root)) return 'whole'
    if (!chunks.isReferenced(root, root)) return 'nothing'
    const pages = new Set((await reader.manifest(source, signal)).leaves)
    for await (const hashes of this.steps(source, HASHES_PER_STEP, signal))
      if (hashes.some((hash) => !pages.has(hash) && chunks.isReferenced(root, hash))) return 'part'
    return 'manifest'
  }

  /**
   * Notes that everything of `root` is here: the upload that stored it went through this node. Where its references were
   * dropped meanwhile, with those of an earlier image of the same bytes, that is left to the next pull.
   */
  async noteHeld(root: ChunkHash): Promise<void> {
    if (!this.#letGo.has(root)) await this.#components.chunks.setHeld(root, true)
  }

  /**
   * Resolves when manifest, references and chunks are all durable here. Throws CHUNK_UNAVAILABLE, STORE_FULL, CHUNK_DAMAGED
   * when something that was here already was found damaged meanwhile.
   */
  async pull(source: ImageSource, signal: AbortSignal): Promise<void> {
    const { root } = source
    const { chunks } = this.#components
    this.#pulling.add(root)
    try {
      const damages = chunks.damagesOf(root)
      await this.#bring(source, [root], signal)
      for await (const hashes of this.steps(source, HASHES_PER_STEP, signal))
        await this.#bring(source, hashes, signal)
      if (chunks.damagesOf(root) !== damages)
        throw new ClusterError('CHUNK_DAMAGED', 'a chunk was found damaged while the others were pulled', {
          root,
        })
      this.#letGo.delete(root)
      await chunks.setHeld(root, true)
      this.pulled.images++
    } finally {
      this.#pulling.delete(root)
    }
  }

  /** Brings the pages of an image whose chunks belong elsewhere; the root is the last, and stands for all. */
  async keepManifest(source: ImageSource, signal: AbortSignal): Promise<void> {
    const { leaves } = await this.#components.reader.manifest(source, signal)
    if (leaves.length > 0) await this.#bring(source, leaves, signal)
    await this.#bring(source, [source.root], signal)
  }

  /**
   * Gives up all references of roots that no image has any more, or none that belongs here; those that are being pulled stay. The mark goes first:
   * what is marked as held is never looked at again, so it must not lack a reference. Answers how many rows went.
   */
  async release(roots: readonly ChunkHash[]): Promise<number> {
    const { chunks } = this.#components
    const doomed = roots.filter((root) => !this.#pulling.has(root))
    for (const root of doomed) this.#noteLetGo(root)
    await Promise.all(doomed.map((root) => chunks.setHeld(root, false)))
    // A pull may have begun meanwhile, or have come to its end.
    return chunks.dropRoots(doomed.filter((root) => this.#letGo.has(root) && !this.#pulling.has(root)))
  }

  unpin(upload: UploadId): Promise<void> {
    return this.#components.chunks.unpin(upload)
  }

  #noteLetGo(root: ChunkHash): void {
    this.#letGo.delete(root)
    this.#letGo.add(root)
    for (const oldest of this.#letGo) {
      if (this.#letGo.size <= LET_GO_MAX) break
      this.#letGo.delete(oldest)
    }
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
    const { chunks, fetcher, config, pace } = this.#components
    const end = await pace.begin(signal)
    let bytes = 0
    try {
      const lease = await fetcher.fetch(hash, placedNodes(config.current(), imageId, copies), signal)
      try {
        bytes = lease.buffer.length
        await chunks.put(hash, lease.buffer, null)
        this.pulled.chunks++
        this.pulled.bytes += bytes
      } finally {
        lease.release()
      }
    } finally {
      end(bytes)
    }
  }

  /** Every chunk and page below the root, some at a time. */
  async *steps(source: ImageSource, countMax: number, signal: AbortSignal): AsyncGenerator<ChunkHash[]> {
    const manifest = await this.#components.reader.manifest(source, signal)
    let step: ChunkHash[] = []
    for await (const hash of manifest.hashes(signal)) {
      step.push(hash)
      if (step.length < countMax) continue
      yield step
      step = []
    }
    if (step.length > 0) yield step
  }
}
