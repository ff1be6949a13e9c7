/**
 * Where API v1 gets the bytes of images from: the request itself, a URL where they stay, or one from which they are fetched
 * behind the answer. Such a copy is an upload of this node, so that the image ends `active` or `killed` whatever happens.
 */
import { hasCode, toError } from '../../cluster/errors.ts'
import { stopController, type Clock, type Log } from '../../cluster/runtime.ts'
import { Semaphore } from '../../cluster/transfer/semaphore.ts'
import type { OutsideBytes } from '../data/outside-bytes.ts'
import { ImageError } from '../errors.ts'
import { requireFetchable } from './image-locations.ts'
import type { ImageRecord } from './image-record.ts'
import type { ImageRegisters } from './image-registers.ts'
import type { Caller, ImageChange } from './image-requests.ts'
import type { ImageServicePort, KnownBytes } from './image-service-port.ts'
import { isoSeconds } from './image-times.ts'
import type { UploadTerms } from './image-uploader.ts'
import { refusalOfCount } from './location-rules.ts'
import type { ProjectQuotas } from './project-quotas.ts'
import type { Announced } from './put-operation.ts'
import type { V1Meta, V1Source } from './v1-images-port.ts'

export interface V1FillerComponents {
  clock: Clock
  log: Log
  registers: Pick<ImageRegisters, 'apply'>
  images: Pick<ImageServicePort, 'upload'>
  outside: Pick<OutsideBytes, 'sizeOf' | 'open'>
  projectQuotas: Pick<ProjectQuotas, 'storageRoom'>
}

export interface V1FillerOptions {
  /** Largest image. */
  sizeBytesMax: number
  /** Whether http(s) URLs may be opened. */
  isHttpOn: boolean
  /** Locations per image; -1 = unlimited. */
  locationQuota: number
}

/** Uploads wait for the same workers, and their clients wait for them; slow sources must not take them all. */
const COPIES_AT_ONCE = 2
/** Copies that wait or run: each holds an image in `saving`. */
const COPIES_MAX = 64

export class V1Filler {
  readonly #components: V1FillerComponents
  readonly #options: V1FillerOptions
  readonly #turns = new Semaphore(COPIES_AT_ONCE)
  #copies = 0

  constructor(components: V1FillerComponents, options: V1FillerOptions) {
    this.#components = components
    this.#options = options
  }

  /** Throws INVALID for more bytes than an image may have, UNAVAILABLE when there are too many copies. */
  requireAcceptable(source: V1Source | null, { size = 0 }: Announced): void {
    const { sizeBytesMax } = this.#options
    const sizeBytes = Math.max(size, source?.kind === 'body' ? (source.lengthBytes ?? 0) : 0)
    if (sizeBytes > sizeBytesMax)
      throw new ImageError('INVALID', `Denying attempt to upload image larger than ${sizeBytesMax} bytes.`)
    if (source?.kind === 'copy' && this.#copies >= COPIES_MAX)
      throw new ImageError('UNAVAILABLE', `This node copies ${this.#copies} images already; try again.`)
  }

  /** What a new image begins with. Throws INVALID, CONFLICT, TOO_LARGE. */
  async bytesOf(
    { announced, source, fields }: V1Meta & { source: V1Source | null },
    image: ImageRecord,
  ): Promise<KnownBytes> {
    // As in Glance nothing else tells that there are no bytes to come.
    if (source === null) return announced.size === 0 ? { status: 'active', size: 0 } : announced
    if (!fields.diskFormat) throw new ImageError('INVALID', 'Disk format is not specified.')
    if (!fields.containerFormat) throw new ImageError('INVALID', 'Container format is not specified.')
    if (source.kind === 'body') return announced
    if (source.kind === 'copy') return this.announcedCopy(source.url, announced)
    const size = await this.#sizeAt(source.url, image, announced)
    return { ...announced, status: 'active', size, locations: [{ url: source.url, metadata: {} }] }
  }

  /** What there is to copy. Throws INVALID when it cannot be fetched or told. */
  async announcedCopy(url: string, announced: Announced): Promise<Announced> {
    requireFetchable(url, this.#options.isHttpOn)
    return { ...announced, size: await this.#components.outside.sizeOf(url) }
  }

  /** Gives a queued image the place where its bytes are. Throws INVALID, CONFLICT, TOO_LARGE. */
  async location(url: string, image: ImageRecord, announced: Announced): Promise<ImageChange> {
    const sizeBytes = await this.#sizeAt(url, image, announced)
    return { kind: 'add-location', at: null, location: { url, metadata: {}, sizeBytes } }
  }

  /**
   * Fills a queued image. Resolves when it is active, or, of a copy, when this node is at work on it. `isNew`: it was made
   * for this, and is of no use without.
   */
  async fill(caller: Caller, image: ImageRecord, source: V1Source, isNew: boolean): Promise<void> {
    if (source.kind === 'body') {
      const sizeBytes = image.size || source.lengthBytes
      return this.#upload(caller, image, isNew, { bytes: source.bytes, sizeBytes })
    }
    if (source.kind === 'copy') return this.#copy(caller, image, source.url, isNew)
  }

  async #sizeAt(url: string, image: ImageRecord, { size: announced }: Announced): Promise<number> {
    const { isHttpOn, locationQuota } = this.#options
    requireFetchable(url, isHttpOn)
    const refusal = refusalOfCount(1, locationQuota)
    if (refusal) throw new ImageError(refusal.code, refusal.message)
    const size = await this.#components.outside.sizeOf(url)
    if (announced && announced !== size)
      throw new ImageError(
        'CONFLICT',
        `Provided image size must match the stored image size. (provided size: ${announced}, stored size: ${size})`,
      )
    await this.#components.projectQuotas.storageRoom(image, size)
    return size
  }

  async #upload(
    caller: Caller,
    { id, checksum }: ImageRecord,
    isNew: boolean,
    { bytes, sizeBytes, ...more }: Upload,
  ): Promise<void> {
    const terms: UploadTerms = { ...more, md5: checksum, onFailure: 'kill' }
    try {
      await this.#components.images.upload(caller, id, bytes, sizeBytes, terms)
    } catch (error) {
      if (isNew) await this.#kill(id)
      throw error
    }
  }

  /** Its client is told of no id: what is left of it would be nobody's. */
  async #kill(id: string): Promise<void> {
    const { registers, clock, log } = this.#components
    await registers.apply(id, 'image.kill', { now: isoSeconds(clock.wallMs()) }).catch((error: unknown) => {
      // An upload that has begun has killed it itself, or somebody has deleted it.
      if (!hasCode(error, 'CONFLICT', 'NOT_FOUND'))
        log.warn({ image: id, error: String(error) }, 'an image stays queued')
    })
  }

  async #copy(caller: Caller, image: ImageRecord, url: string, isNew: boolean): Promise<void> {
    const stop = stopController()
    const sizeBytes = image.size ?? 0
    const bytes = this.#bytesAt(url, image.id, sizeBytes, stop.signal)
    const turn = (signal: AbortSignal) => this.#turns.acquire(signal)
    this.#copies++
    await new Promise<void>((resolve, reject) => {
      this.#upload(caller, image, isNew, { bytes, sizeBytes, turn, onBegun: resolve })
        .then(resolve, (error: unknown) => {
          this.#components.log.warn({ image: image.id, error: String(error) }, 'an image could not be copied')
          reject(toError(error))
        })
        .finally(() => {
          this.#copies--
          stop.abort(new ImageError('UNAVAILABLE', 'Nobody waits for this copy any more.'))
        })
    })
  }

  async *#bytesAt(
    url: string,
    imageId: string,
    sizeBytes: number,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const source = { imageId, places: [{ url, store: null }], sizeBytes, multihash: null, md5: null }
    const { outside } = this.#components
    for await (const lease of outside.open(source).read(0, sizeBytes - 1, signal)) {
      try {
        yield lease.bytes
      } finally {
        lease.release()
      }
    }
  }
}

interface Upload extends Pick<UploadTerms, 'turn' | 'onBegun'> {
  bytes: AsyncIterable<Uint8Array>
  sizeBytes: number | null
}
