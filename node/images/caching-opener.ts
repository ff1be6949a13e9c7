/**
 * Opens images for those who download them, by way of this node's cache: what it has comes from there, and what passes by on
 * its way to a client is kept, in the same pass. Who may have an image was decided before, for each download anew.
 */
import { CacheDamagedError, type CacheHead } from '../cache/cache-file.ts'
import type { ImageCache } from '../cache/image-cache.ts'
import { goingOn, withoutFirst, type ReadRange } from '../data/broken-read.ts'
import type { ByteLease, OpenImage } from '../data/open-image.ts'
import { ImageError } from '../errors.ts'
import type { ImageOpener, OpenOptions } from './image-opener.ts'
import type { ImageRecord } from './image-record.ts'
import { locationsOf } from './location-rules.ts'

export interface CachingOpenerComponents {
  opener: Pick<ImageOpener, 'open'>
  cache: Pick<ImageCache, 'open' | 'beginFill' | 'dropDamaged'>
  /** Whether this node holds an image as a member of the cluster, or will: it needs no second copy of it. */
  isKeptHere: (record: ImageRecord) => boolean
}

export class CachingOpener {
  readonly #components: CachingOpenerComponents

  constructor(components: CachingOpenerComponents) {
    this.#components = components
  }

  /** As `ImageOpener.open`. What is in the cache is served without a majority, too, and whatever store is preferred. */
  async open(record: ImageRecord, options: OpenOptions = {}): Promise<OpenImage | null> {
    const { opener, cache, isKeptHere } = this.#components
    const head = isKeptHere(record) ? null : cacheHeadOf(record)
    if (!head) return opener.open(record, options)
    const cached = cache.open(head)
    if (cached)
      return {
        sizeBytes: cached.sizeBytes,
        read: (...range) => this.#readCached(cached, record, options, range),
      }
    const image = await opener.open(record, options)
    if (image?.sizeBytes !== head.sizeBytes) return image
    return { sizeBytes: image.sizeBytes, read: (...range) => this.#readThrough(image, head, range) }
  }

  /** What the cache does not have right after all comes from where the image is. */
  #readCached(
    cached: OpenImage,
    record: ImageRecord,
    options: OpenOptions,
    range: ReadRange,
  ): AsyncIterable<ByteLease> {
    const [start, end, signal] = range
    return goingOn(
      (...all) => cached.read(...all),
      range,
      async (error, at) => {
        if (!(error instanceof CacheDamagedError)) throw error
        await this.#components.cache.dropDamaged(record.id, error)
        const image = await this.#components.opener.open(record, options)
        if (!image)
          throw new ImageError('UNAVAILABLE', 'The bytes of this image cannot be had now; try again.')
        // With a manifest each chunk is compared. Without one only the whole is, so it is read as a whole once more.
        if (record.data) return image.read(at, end, signal)
        return withoutFirst(image.read(start, end, signal), at - start)
      },
    )
  }

  async *#readThrough(
    image: OpenImage,
    head: CacheHead,
    [start, end, signal]: ReadRange,
  ): AsyncGenerator<ByteLease> {
    const isWhole = start === 0 && end === head.sizeBytes - 1
    const fill = isWhole ? this.#components.cache.beginFill(head) : null
    if (!fill) {
      yield* image.read(start, end, signal)
      return
    }
    let isOver = false
    try {
      for await (const lease of image.read(start, end, signal)) {
        await fill.write(lease.bytes)
        yield lease
      }
      isOver = true
    } finally {
      // Nobody waits for the disk.
      void (isOver ? fill.finish() : fill.abandon())
    }
  }
}

/** What of an image may be served from the cache now; null: nothing. Deactivated images are not. */
export function cacheHeadOf(record: ImageRecord): CacheHead | null {
  return record.status === 'active' ? cacheableOf(record) : null
}

/**
 * What tells an image's bytes from any others, whether anybody may have them or not; null for those of which nothing does,
 * which cannot be cached: without a digest nobody could say whether all of them were right.
 */
export function cacheableOf(record: ImageRecord): CacheHead | null {
  const { id: imageId, size: sizeBytes, data, hashAlgo, hashValue, checksum } = record
  if (!sizeBytes || (!data && locationsOf(record).length === 0)) return null
  if (hashAlgo !== null && hashValue !== null)
    return { imageId, identity: `${hashAlgo}:${hashValue}`, sizeBytes }
  if (data) return { imageId, identity: `chunks:${data.root}`, sizeBytes }
  return checksum === null ? null : { imageId, identity: `md5:${checksum}`, sizeBytes }
}
