/**
 * Takes over images whose bytes are in a store of this cluster already, since it was the store of the Glance that they come from:
 * a directory or a pool of Ceph, with an object for each that is called by its id. What is there is read once and compared with what was told of
 * the image; then its record names it, and all that is true of other objects holds: it is served, moved and deleted as they
 * are. Before that nothing names it, so whatever ends a run leaves it as it was.
 */
import { hasCode } from '../../cluster/errors.ts'
import type { Clock, Log } from '../../cluster/runtime.ts'
import { Semaphore } from '../../cluster/transfer/semaphore.ts'
import { BackendError } from '../backends/backend.ts'
import type { Backends, StoredObject } from '../backends/backends.ts'
import { algorithmOr512 } from '../data/hash-algorithms.ts'
import type { ObjectDigests } from '../data/object-digests.ts'
import { ImageError } from '../errors.ts'
import type { BackendGate } from '../images/backend-gate.ts'
import type { Arrival, ArrivalOptions, ImageMover } from '../images/image-mover.ts'
import type { MovedImage } from '../images/moved-image.ts'
import type { StoreList } from '../images/store-list.ts'
import { AskedWork, type Progress } from './asked-work.ts'

export interface StoreAdopterComponents {
  clock: Clock
  log: Log
  mover: Pick<ImageMover, 'look' | 'arrive' | 'arriveWith'>
  backends: Pick<Backends, 'objectFor' | 'open'>
  digests: Pick<ObjectDigests, 'of'>
  gate: Pick<BackendGate, 'require'>
  stores: StoreList
}

export interface Adoption {
  image: MovedImage
  /** Ids: its bytes are in the first one of them that has so many under its id. */
  stores: readonly string[]
}

export type AdoptionState =
  | Arrival
  /** Ask again. */
  | Progress<'verifying'>

/** Tried with those of a real Glance. In Swift, parts of an object would go with another that is called almost as it. */
const ADOPTED_TYPES: readonly string[] = ['file', 'rbd']
/** They wait for the workers of uploads. */
const READS_AT_ONCE = 4
/** To find out how long an object is, ms. */
const LOOK_MS = 30_000

export class StoreAdopter {
  readonly #components: StoreAdopterComponents
  readonly #turns = new Semaphore(READS_AT_ONCE)
  readonly #adoptions: AskedWork<'verifying', Arrival>

  constructor(components: StoreAdopterComponents) {
    this.#components = components
    this.#adoptions = new AskedWork(components.clock)
  }

  /** How the image stands here; null: it could be adopted. Throws as `adopt`; nothing but its size was looked at. */
  async look({ image, stores }: Adoption): Promise<Arrival | null> {
    this.#requireStores(stores)
    const found = await this.#components.mover.look(image)
    if ((found && found.state !== 'bytes-wanted') || !image.hasBytes) return found
    await this.#find(image, stores)
    return null
  }

  /**
   * Begins to adopt an image or goes on with it, and answers soon. One that is here already, or has no bytes, arrives as others
   * do. Throws INVALID for stores that have none of a Glance, and for other bytes than those that were told of; NOT_FOUND with
   * the reason when none has the image; UNAVAILABLE; NO_QUORUM.
   */
  async adopt({ image, stores }: Adoption, options: ArrivalOptions): Promise<AdoptionState> {
    this.#requireStores(stores)
    const { id } = image
    if (this.#adoptions.isRunning(id)) return (await this.#adoptions.join(id, image)) ?? { state: 'busy' }
    const { mover } = this.#components
    const isNew = image.hasBytes && !(await mover.look(image))
    const arrival = isNew ? null : await mover.arrive(image, options)
    if (arrival && arrival.state !== 'bytes-wanted') return arrival
    const object = await this.#find(image, stores)
    const progress = { state: 'verifying' as const, sizeBytes: sizeOf(image), doneBytes: 0 }
    const begun = this.#adoptions.begin(id, { order: image, progress }, (noted, signal) =>
      this.#adopt(image, object, noted, signal),
    )
    return (await begun) ?? { state: 'busy' }
  }

  async stop(): Promise<void> {
    await this.#adoptions.stop(new ImageError('UNAVAILABLE', 'The node that read the image was stopped.'))
  }

  async #adopt(
    image: MovedImage,
    object: StoredObject,
    progress: Progress<'verifying'>,
    signal: AbortSignal,
  ): Promise<Arrival> {
    const { digests, gate, mover, log } = this.#components
    const { id: imageId, hashAlgo } = image
    await gate.require()
    const wanted = { imageId, object, sizeBytes: sizeOf(image), hashAlgorithm: algorithmOr512(hashAlgo) }
    const endTurn = await this.#turns.acquire(signal)
    try {
      const found = await digests.of(wanted, signal, (count) => void (progress.doneBytes += count))
      return await mover.arriveWith(image, object, found)
    } catch (error) {
      log.warn({ image: imageId, store: object.store, error: String(error) }, 'an image was not adopted')
      throw error
    } finally {
      endTurn()
    }
  }

  /** The first of the stores with as many bytes as the image has. Throws NOT_FOUND, or UNAVAILABLE when one cannot tell. */
  async #find(image: MovedImage, stores: readonly string[]): Promise<StoredObject> {
    const { backends } = this.#components
    const sizeBytes = sizeOf(image)
    const reasons: string[] = []
    let isSure = true
    for (const store of stores) {
      const object = backends.objectFor(store, image.id)
      try {
        if (await this.#hasSize(object, sizeBytes)) return object
        reasons.push(`The store ${store} has it with another size than ${sizeBytes} bytes.`)
      } catch (error) {
        reasons.push(
          error instanceof BackendError ? error.message : `The store ${store} does not answer in time.`,
        )
        isSure &&= hasCode(error, 'BACKEND_NOT_FOUND', 'BACKEND_REFUSED')
      }
    }
    throw new ImageError(isSure ? 'NOT_FOUND' : 'UNAVAILABLE', reasons.join(' '))
  }

  /** Asked for the last byte and the one behind it, it has one. */
  async #hasSize(object: StoredObject, sizeBytes: number): Promise<boolean> {
    const range = { start: Math.max(0, sizeBytes - 1), end: sizeBytes }
    let count = 0
    for await (const piece of this.#components.backends.open(object, range, AbortSignal.timeout(LOOK_MS)))
      count += piece.length
    return count === Math.min(sizeBytes, 1)
  }

  #requireStores(ids: readonly string[]): void {
    const { all } = this.#components.stores
    const isAdopted = (id: string) =>
      all.some((store) => store.id === id && ADOPTED_TYPES.includes(store.type))
    const unfit = ids.find((id) => !isAdopted(id))
    if (unfit !== undefined)
      throw new ImageError(
        'INVALID',
        `This node has no store ${unfit} of type ${ADOPTED_TYPES.join(' or ')} to adopt images in.`,
      )
  }
}

/** Throws INVALID: nothing could be compared. */
function sizeOf({ id, size }: MovedImage): number {
  if (size !== null) return size
  throw new ImageError('INVALID', `It is not told how many bytes image ${id} has.`)
}
