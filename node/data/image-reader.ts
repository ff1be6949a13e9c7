/** Reads images: the manifest once, then verified chunks a little ahead of the reader, from this node or its peers. */
import type { ConfigView } from '../../cluster/membership/cluster-config.ts'
import { placedNodes } from '../../cluster/placement/placement-policy.ts'
import { CHUNK_BYTES_MAX } from '../../cluster/transfer/chunk-buffer.ts'
import type { ChunkFetcher } from '../../cluster/transfer/chunk-fetcher.ts'
import type { ChunkHash } from '../../cluster/transfer/local-chunks.ts'
import { checkedChunks } from './checked-chunks.ts'
import { Manifest, type ChunkSlice } from './manifest.ts'
import type { ByteLease, KeptImage } from './open-image.ts'

/** What the record says of where an image's bytes are. */
export interface ImageSource {
  imageId: string
  root: ChunkHash
  /** Wanted copies; null = every storage node. */
  copies: number | null
}

export interface ImageReaderComponents {
  fetcher: ChunkFetcher
  config: ConfigView
}

/** Chunks fetched while one is being sent: hides a peer's round trip, and three of 4 MiB keep a fast client busy. */
const READ_AHEAD = 3
/** What every chunk of zeros is sent from. */
const zeros = Buffer.alloc(CHUNK_BYTES_MAX)

export class ImageReader {
  readonly #fetcher: ChunkFetcher
  readonly #config: ConfigView
  #streams = 0

  constructor(components: ImageReaderComponents) {
    this.#fetcher = components.fetcher
    this.#config = components.config
  }

  /** Whether a client is being served. */
  get isStreaming(): boolean {
    return this.#streams > 0
  }

  /** Fetches the manifest's root. Throws CHUNK_UNAVAILABLE, CORRUPT_VALUE, the signal's reason. */
  async open(source: ImageSource, signal: AbortSignal): Promise<KeptImage> {
    const manifest = await this.manifest(source, signal)
    return {
      sizeBytes: manifest.sizeBytes,
      read: (start, end, until) => this.#stream(source, manifest, start, end, until),
      readFrom: (other, start, end, until) => checkedChunks(manifest, other, start, end, until),
    }
  }

  /** `open` and `read` in one. */
  async *read(
    source: ImageSource,
    start: number,
    end: number,
    signal: AbortSignal,
  ): AsyncGenerator<ByteLease> {
    const image = await this.open(source, signal)
    yield* image.read(start, end, signal)
  }

  /** The chunk list of an image, for those who keep its chunks in place. */
  manifest(source: ImageSource, signal: AbortSignal): Promise<Manifest> {
    return Manifest.open(source.root, (hash, until) => this.#loadPage(source, hash, until), signal)
  }

  async *#stream(
    source: ImageSource,
    manifest: Manifest,
    start: number,
    end: number,
    signal: AbortSignal,
  ): AsyncGenerator<ByteLease> {
    const ahead: Promise<ByteLease>[] = []
    const stop = new AbortController()
    const quit = (reason: unknown) => {
      stop.abort(reason)
      for (const fetching of ahead.splice(0)) fetching.then((lease) => lease.release()).catch(() => {})
    }
    const onAbort = () => quit(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
    const slices = manifest.slices(start, end, stop.signal)
    this.#streams++
    try {
      for (;;) {
        stop.signal.throwIfAborted()
        await this.#topUp(ahead, slices, (slice) => this.#lease(source, slice, stop.signal))
        const next = ahead.shift()
        if (!next) return
        yield await next
      }
    } finally {
      this.#streams--
      signal.removeEventListener('abort', onAbort)
      quit(new Error('the reader has gone'))
    }
  }

  /** Always one chunk; more only while memory is not short, so that many slow readers leave room for each other. */
  async #topUp(
    ahead: Promise<ByteLease>[],
    slices: AsyncGenerator<ChunkSlice>,
    lease: (slice: ChunkSlice) => Promise<ByteLease>,
  ): Promise<void> {
    while (ahead.length === 0 || (ahead.length <= READ_AHEAD && !this.#fetcher.isMemoryShort)) {
      const next = await slices.next()
      if (next.done) return
      const fetching = lease(next.value)
      // It is awaited when its turn comes; a failure until then is no unhandled one.
      fetching.catch(() => {})
      ahead.push(fetching)
    }
  }

  async #lease(source: ImageSource, { hash, from, to }: ChunkSlice, signal: AbortSignal): Promise<ByteLease> {
    if (hash === null) return { bytes: zeros.subarray(from, to), release: () => {} }
    const lease = await this.#fetcher.fetch(hash, this.#placed(source), signal)
    return { bytes: lease.buffer.payload.subarray(from, to), release: () => lease.keep() }
  }

  async #loadPage(source: ImageSource, hash: ChunkHash, signal: AbortSignal): Promise<Buffer> {
    const lease = await this.#fetcher.fetch(hash, this.#placed(source), signal)
    try {
      return Buffer.from(lease.buffer.payload)
    } finally {
      lease.release()
    }
  }

  #placed({ imageId, copies }: ImageSource) {
    return placedNodes(this.#config.current(), imageId, copies)
  }
}
