/**
 * Stores the body of one image: in one pass it is cut into chunks, hashed and copied to W of its placed nodes, and
 * described by a manifest. What it stores counts for nothing until the image's register names the manifest's root.
 */
import { hasCode } from '../../cluster/errors.ts'
import type { ConfigView, LivenessView } from '../../cluster/membership/cluster-config.ts'
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import { placedNodes, writeOrder, zonesOf } from '../../cluster/placement/placement-policy.ts'
import { sleep, type Clock, type Log } from '../../cluster/runtime.ts'
import { CHUNK_BYTES_MAX, type ChunkBufferPool } from '../../cluster/transfer/chunk-buffer.ts'
import type { ChunkHolders } from '../../cluster/transfer/chunk-holders.ts'
import { unpinAll, type ChunkReplicator } from '../../cluster/transfer/chunk-replicator.ts'
import type { UploadId } from '../../cluster/transfer/local-chunks.ts'
import { ImageError } from '../errors.ts'
import type { HashAlgorithm } from './hash-algorithms.ts'
import type { HashPool } from './hash-pool.ts'
import { CHUNKS_MAX } from './manifest-page.ts'
import { tooLarge } from './size-errors.ts'
import { UploadSession, type StoredImage } from './upload-session.ts'

export type { StoredImage }

export interface ImageWriterComponents {
  holders: ChunkHolders
  replicator: ChunkReplicator
  /** The uploads' share of the byte budget. */
  pool: ChunkBufferPool
  hashes: Pick<HashPool, 'open'>
  config: ConfigView
  liveness: LivenessView
  clock: Clock
  log: Log
}

export interface ImageWriterOptions {
  /** W: copies that are durable before an upload is answered. */
  durableCopies?: number
  chunkSizeBytes?: number
}

export interface UploadRequest {
  imageId: string
  upload: UploadId
  /** Wanted copies, as the record fixes them; null = every storage node. */
  copies: number | null
  sizeBytesMax: number
  /** What the client announced; null = nothing. */
  declaredSizeBytes: number | null
  /** Of the multihash; absent: that of all uploads. */
  hashAlgorithm?: HashAlgorithm
  signal: AbortSignal
}

/** Two: one more than the disk that may be lost while the answer is on its way. */
const DURABLE_COPIES = 2
/** How long an upload waits for a node of a second zone; then two of one zone do, and the status says so. */
const SECOND_ZONE_WAIT_MS = 1000
const SECOND_ZONE_LOOK_MS = 50

export class ImageWriter {
  readonly #components: ImageWriterComponents
  readonly #durableCopies: number
  readonly #chunkSizeBytes: number

  constructor(components: ImageWriterComponents, options: ImageWriterOptions = {}) {
    this.#components = components
    this.#durableCopies = options.durableCopies ?? DURABLE_COPIES
    this.#chunkSizeBytes = options.chunkSizeBytes ?? CHUNK_BYTES_MAX
  }

  /**
   * Resolves when W nodes (or as many as are placed, where those are fewer) hold the whole image durably. Throws ImageError
   * INVALID (not the declared size), TOO_LARGE (over the cap, or the stores are full), UNAVAILABLE; ClusterError
   * TOO_FEW_COPIES; the error of `body`; the signal's reason. After a failure nothing stays pinned on any node that can
   * be reached, and `body` is read no further.
   */
  async write(request: UploadRequest, body: AsyncIterable<Uint8Array>): Promise<StoredImage> {
    const sizeBytesMax = Math.min(request.sizeBytesMax, CHUNKS_MAX * this.#chunkSizeBytes)
    if ((request.declaredSizeBytes ?? 0) > sizeBytesMax) throw tooLarge(sizeBytesMax)
    const checksums = await this.#components.hashes.open(request.signal, request.hashAlgorithm)
    try {
      const copies = this.#components.replicator.begin(await this.#planOf(request))
      const session = new UploadSession(
        { pool: this.#components.pool, checksums, copies },
        { ...request, sizeBytesMax, chunkSizeBytes: this.#chunkSizeBytes },
      )
      return await session.run(body)
    } catch (error) {
      throw inCallersWords(error)
    } finally {
      checksums.close()
    }
  }

  /** Ends the pins of a settled upload: its chunks live by their references now, or die for want of them. */
  async unpin(upload: UploadId, pinnedAt: readonly NodeId[]): Promise<void> {
    await unpinAll(this.#components, upload, pinnedAt)
  }

  async #planOf({ imageId, upload, copies, signal }: UploadRequest) {
    const { config, clock } = this.#components
    const placed = placedNodes(config.current(), imageId, copies)
    const count = Math.min(this.#durableCopies, placed.length)
    let candidates = this.#candidates(imageId, copies)
    const zones = Math.min(2, count, zonesOf(config.current(), placed))
    const isSpread = () => zonesOf(config.current(), candidates.slice(0, count)) >= zones
    for (let waitedMs = 0; !isSpread() && waitedMs < SECOND_ZONE_WAIT_MS; waitedMs += SECOND_ZONE_LOOK_MS) {
      await sleep(clock, SECOND_ZONE_LOOK_MS, signal)
      candidates = this.#candidates(imageId, copies)
    }
    return { upload, candidates, copies: count }
  }

  #candidates(imageId: string, copies: number | null): NodeId[] {
    const { config, holders, liveness } = this.#components
    return writeOrder(config.current(), imageId, copies, { self: holders.self, liveness })
  }
}

function inCallersWords(error: unknown): unknown {
  const isFull = hasCode(error, 'TOO_FEW_COPIES') && hasCode(error.cause, 'STORE_FULL')
  return isFull ? new ImageError('TOO_LARGE', 'the image store is full', {}, error) : error
}
