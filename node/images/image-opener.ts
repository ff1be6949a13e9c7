/** Opens the bytes of an image, wherever they are. */
import { hasCode } from '../../cluster/errors.ts'
import type { Log } from '../../cluster/runtime.ts'
import type { ImageReader } from '../data/image-reader.ts'
import type { KeptImage, OpenImage } from '../data/open-image.ts'
import type { OutsideBytes, OutsideImage } from '../data/outside-bytes.ts'
import { isHashAlgorithm } from '../data/hash-algorithms.ts'
import { ImageError } from '../errors.ts'
import { openEither } from './either-image.ts'
import { followed, UNDELIVERED } from './followed-image.ts'
import { noMajority } from './image-registers.ts'
import type { ImageRecord } from './image-record.ts'
import { locationsOf } from './location-rules.ts'
import { openManifest } from './open-manifest.ts'
import type { StoreList } from './store-list.ts'

export interface ImageOpenerComponents {
  log: Log
  reader: Pick<ImageReader, 'open'>
  outside: Pick<OutsideBytes, 'open'>
  stores: StoreList
  /** Whether this node holds all bytes of a manifest root. */
  holdsWhole: (root: string) => boolean
  /** The image as a majority knows it now; null: it is no more. */
  current: (imageId: string) => Promise<ImageRecord | null>
}

export interface OpenOptions {
  /** Whether the record is only what this node knows. */
  stale?: boolean
  /** Ids of stores that the caller would rather have the image from, the best one first. */
  preferred?: readonly string[]
}

export class ImageOpener {
  readonly #components: ImageOpenerComponents

  constructor(components: ImageOpenerComponents) {
    this.#components = components
  }

  /**
   * Null when the image has no bytes. What the cluster keeps itself comes first, whatever the order of the locations, unless
   * the caller prefers another store: it is verified, and nearer. Throws UNAVAILABLE.
   */
  async open(record: ImageRecord, { stale = false, preferred = [] }: OpenOptions = {}) {
    if (record.status === 'importing') return null
    const elsewhere = this.#elsewhere(record, preferred)
    if (!record.data || record.size === null) {
      if (!elsewhere && locationsOf(record).length > 0)
        throw new ImageError(
          'UNAVAILABLE',
          'The bytes of this image are in a store that is not enabled here.',
        )
      return elsewhere
    }
    const { log, reader, stores, holdsWhole } = this.#components
    const { root, copies } = record.data
    if (stale && !holdsWhole(root)) throw noMajority()
    const kept = openManifest(reader, { imageId: record.id, root, copies })
    if (!elsewhere) return this.#followed(record, kept)
    const isElsewhereFirst = stores.prefersElsewhere(record, preferred)
    return openEither({ log, imageId: record.id }, kept, elsewhere, { isElsewhereFirst })
  }

  #elsewhere(record: ImageRecord, preferred: readonly string[]): OpenImage | null {
    const { stores, outside } = this.#components
    const places = stores.places(record, preferred)
    if (places.length === 0 || record.size === null) return null
    const { id: imageId, size: sizeBytes, checksum: md5 } = record
    const moved = () => this.#moved(record)
    return outside.open({ imageId, places, sizeBytes, multihash: multihashOf(record), md5, moved })
  }

  async #followed(record: ImageRecord, kept: Promise<KeptImage>): Promise<OpenImage> {
    const moved = () => this.#moved(record)
    try {
      return followed(await kept, moved)
    } catch (error) {
      const elsewhere = hasCode(error, ...UNDELIVERED) ? await moved() : null
      if (elsewhere) return elsewhere
      throw error
    }
  }

  /** The same bytes where they are by now; null: where they were, or nobody can tell. Asked when a read has failed. */
  async #moved(record: ImageRecord): Promise<OpenImage | null> {
    const { log, current } = this.#components
    try {
      const now = await current(record.id)
      if (!now || !hasSameBytes(now, record) || placesOf(now) === placesOf(record)) return null
      log.info(
        { image: record.id },
        'an image has moved to another store while it was read: it is read there',
      )
      return await this.open(now)
    } catch (error) {
      log.debug({ image: record.id, error: String(error) }, 'where an image is now cannot be told')
      return null
    }
  }
}

/** By its digest: what has none cannot be told from anything else. */
function hasSameBytes(one: ImageRecord, other: ImageRecord): boolean {
  return one.size === other.size && one.hashValue !== null && one.hashValue === other.hashValue
}

function placesOf(record: ImageRecord): string {
  return JSON.stringify([record.data?.root ?? null, locationsOf(record).map(({ url }) => url)])
}

function multihashOf({ hashAlgo, hashValue }: ImageRecord): OutsideImage['multihash'] {
  if (hashAlgo === null || hashValue === null || !isHashAlgorithm(hashAlgo)) return null
  return { algorithm: hashAlgo, hex: hashValue }
}
