/**
 * Images that come from another store, and images that are given away: for operators, who may do both with every image
 * whatever it is to others. What was said of an image stays as it was there; its bytes must be those that were told of.
 */
import type { NodeIdentity } from '../../cluster/network/identity.ts'
import type { Clock, Log } from '../../cluster/runtime.ts'
import type { StoredObject } from '../backends/backends.ts'
import type { ImageDigests } from '../data/checksums.ts'
import { algorithmOr512 } from '../data/hash-algorithms.ts'
import { ImageError } from '../errors.ts'
import { bestRows } from './best-rows.ts'
import type { ImageIndex } from './image-index.ts'
import type { ImageOpener } from './image-opener.ts'
import type { ArrivingImage, ImageRecord } from './image-record.ts'
import type { KnownRecord, ImageRegisters } from './image-registers.ts'
import type { ImageBytes } from './image-requests.ts'
import { orderBy } from './image-order.ts'
import { isoSeconds } from './image-times.ts'
import type { ImageUploader, UploadSteps } from './image-uploader.ts'
import { storedObjects } from './location-rules.ts'
import { differences, movedFrom, type MovedImage } from './moved-image.ts'
import { TimeSlice } from './time-slice.ts'

export interface ImageMoverComponents {
  identity: NodeIdentity
  clock: Clock
  log: Log
  registers: Pick<ImageRegisters, 'apply' | 'read' | 'freshen'>
  index: Pick<ImageIndex, 'rows'>
  uploader: Pick<ImageUploader, 'run'>
  opener: Pick<ImageOpener, 'open'>
}

/** How an image stands here, compared with what comes. */
export type Arrival =
  | { state: 'complete'; /** By this very request. */ isChanged?: true }
  /** Its record is here, its bytes are not. */
  | { state: 'bytes-wanted' }
  /** Its bytes are on their way already, from this or from another run. */
  | { state: 'busy' }
  /** Its id was used here for an image that was deleted, or somebody works on it. */
  | { state: 'taken'; status: ImageRecord['status'] }
  | { state: 'differs'; differences: string[] }

export interface ArrivalOptions {
  /** Take what is said of it from the other store where the two differ; its bytes are never replaced. */
  overwrite: boolean
}

export interface MovedImagesPage {
  images: MovedImage[]
  /** Ids that are left out, since somebody works on those images. */
  unfinished: string[]
  /** For the next page; null: there is none. */
  marker: string | null
}

export class ImageMover {
  readonly #components: ImageMoverComponents

  constructor(components: ImageMoverComponents) {
    this.#components = components
  }

  /** How an image stands here; null: its id was never used. Throws NO_QUORUM. */
  async look(image: MovedImage): Promise<Arrival | null> {
    const known = await this.#components.registers.read(image.id)
    return known && arrivalOf(known, image)
  }

  /** The first part of a move: what is said of the image. What is here already is changed only by `overwrite`. */
  async arrive(image: MovedImage, options: ArrivalOptions): Promise<Arrival> {
    const before = await this.look(image)
    if (before && before.state !== 'differs') return before
    if (before && !options.overwrite) return before
    return this.#arrive(image, options.overwrite)
  }

  /**
   * All of a move whose bytes are in a back end already, of which somebody has found out what they are: nobody knew of the image
   * here, or it waited for them. Throws INVALID when they are not those that were told of.
   */
  async arriveWith(image: MovedImage, object: StoredObject, found: ImageDigests): Promise<Arrival> {
    const { id, checksum, hashAlgo, hashValue } = image
    requireSame(id, image, found)
    const digests = {
      checksum: checksum ?? found.md5,
      hashAlgo: algorithmOr512(hashAlgo),
      hashValue: hashValue ?? found.multihash,
    }
    return this.#arrive({ ...image, ...digests }, false, object)
  }

  async #arrive(image: MovedImage, overwrite: boolean, object?: StoredObject): Promise<Arrival> {
    const { registers, log } = this.#components
    const args = { image, overwrite, now: this.#now(), ...(object && { object }) }
    try {
      const record = await registers.apply(image.id, 'image.arrive', args)
      log.info({ image: image.id, overwrite, store: object?.store }, 'an image arrives from another store')
      const arrival = arrivalOf({ live: true, record }, image)
      return arrival.state === 'complete' ? { ...arrival, isChanged: true } : arrival
    } catch (error) {
      // Another run was faster, or the two are not of the same bytes.
      if (error instanceof ImageError && error.code === 'CONFLICT')
        return (await this.look(image)) ?? fail(error)
      throw error
    }
  }

  /** The second part: its bytes. Throws INVALID when they are not those that were told of, CONFLICT when none are wanted. */
  async takeBytes(id: string, body: AsyncIterable<Uint8Array>): Promise<void> {
    const { registers, uploader } = this.#components
    const known = await registers.read(id)
    if (!known?.live) throw new ImageError('NOT_FOUND', `No image found with ID ${id}`)
    const { arriving } = known.record
    if (!arriving) throw new ImageError('CONFLICT', `Image ${id} waits for no bytes from elsewhere.`)
    const request = { id, body, declaredSizeBytes: arriving.size, roomBytes: null }
    await uploader.run(request, this.#arrivalSteps(id, arriving))
  }

  /** All images in the order of their ids, after `marker`. Throws NO_QUORUM. */
  async list(marker: string | null, limit: number): Promise<MovedImagesPage> {
    const { registers, index, clock } = this.#components
    await registers.freshen()
    const isListed = ({ id, status }: ImageRecord) => id > (marker ?? '') && status !== 'pending_delete'
    const slice = new TimeSlice(() => clock.monotonicMs())
    const rows = await bestRows(index.rows(), orderBy('id'), isListed, { limit: limit + 1, slice })
    const page = rows.slice(0, limit)
    const images: MovedImage[] = []
    const unfinished: string[] = []
    for (const record of page) {
      const image = isGiven(record) ? movedFrom(record) : null
      if (image) images.push(image)
      else unfinished.push(record.id)
    }
    return { images, unfinished, marker: rows.length > limit ? (page.at(-1)?.id ?? null) : null }
  }

  /** The bytes that the cluster or its back ends keep of an image. Throws NOT_FOUND when they keep none; UNAVAILABLE. */
  async open(id: string): Promise<ImageBytes> {
    const record = await this.#live(id)
    const isKept = record.data !== null || storedObjects(record).length > 0
    const image = isKept ? await this.#components.opener.open(record) : null
    if (!image) throw new ImageError('NOT_FOUND', `Image ${id} has no bytes here.`)
    return {
      record,
      sizeBytes: image.sizeBytes,
      read: (start, end, signal) => image.read(start, end, signal),
    }
  }

  async #live(id: string): Promise<ImageRecord> {
    const known = await this.#components.registers.read(id)
    if (known?.live && known.record.status !== 'pending_delete') return known.record
    throw new ImageError('NOT_FOUND', `No image found with ID ${id}`)
  }

  #arrivalSteps(id: string, arriving: ArrivingImage): UploadSteps {
    const { registers, log } = this.#components
    return {
      begin: (upload) => registers.apply(id, 'image.start-arrival', { upload, now: this.#now() }),
      // The other store has taken them, and gives them out: to refuse them would be to lose them.
      inspectionOf: () => null,
      // Where the other store had no multihash, the image gets one as uploads do.
      hashAlgorithm: algorithmOr512(arriving.hashAlgo),
      finish: async (args, _signal, stored) => {
        requireSame(id, arriving, stored)
        const { multihash } = stored
        await registers.apply(id, 'image.finish-arrival', { ...args, multihash })
        log.info({ image: id, sizeBytes: stored.sizeBytes }, 'an image has arrived from another store')
      },
    }
  }

  #now(): string {
    return isoSeconds(this.#components.clock.wallMs())
  }
}

function arrivalOf({ live, record }: KnownRecord, image: MovedImage): Arrival {
  const here = live ? movedFrom(record) : null
  if (!here && record.status === 'saving') return { state: 'busy' }
  if (!here) return { state: 'taken', status: record.status }
  const differing = differences(here, image)
  if (differing.length > 0) return { state: 'differs', differences: differing }
  if (!record.arriving) return { state: 'complete' }
  return { state: record.upload ? 'busy' : 'bytes-wanted' }
}

/** One that has not arrived itself is nothing to give away. */
function isGiven({ arriving, status }: ImageRecord): boolean {
  return !arriving && status !== 'saving'
}

/** Throws INVALID. */
function requireSame(
  id: string,
  { checksum, hashAlgo, hashValue }: Pick<ArrivingImage, 'checksum' | 'hashAlgo' | 'hashValue'>,
  found: ImageDigests,
): void {
  if (checksum !== null && checksum !== found.md5)
    throw new ImageError('INVALID', `The bytes of image ${id} have the MD5 ${found.md5}, not ${checksum}.`)
  if (hashValue !== null && found.multihash !== hashValue)
    throw new ImageError(
      'INVALID',
      `The bytes of image ${id} have another ${hashAlgo} than was told of them.`,
    )
}

function fail(error: Error): never {
  throw error
}
