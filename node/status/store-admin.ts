/** The stores as operators see them, and the images that are moved between them, behind the operator port. */
import type { Clock } from '../../cluster/runtime.ts'
import type { StoredObject } from '../backends/backends.ts'
import { ImageError } from '../errors.ts'
import { bestRows } from '../images/best-rows.ts'
import type { ImageIndex } from '../images/image-index.ts'
import { orderBy } from '../images/image-order.ts'
import type { ImageRecord, ImageStatus } from '../images/image-record.ts'
import type { ImageRegisters } from '../images/image-registers.ts'
import type { StoreInfo, StoreList } from '../images/store-list.ts'
import { TimeSlice } from '../images/time-slice.ts'
import type { StoreMove, StoreMover, StoreMoveState } from '../imports/store-mover.ts'
import { addImage, noImages, type ImageSum } from './image-sum.ts'

export interface StoreAdminComponents {
  clock: Clock
  registers: Pick<ImageRegisters, 'freshen'>
  index: Pick<ImageIndex, 'rows'>
  stores: StoreList
  mover: Pick<StoreMover, 'move'>
  /** Sets the rate of all moves of this node, bytes a second; null: none. */
  setRate: (bytesPerSecond: number | null) => void
  /** Objects of back ends that wait for their end, by the ids of their images. */
  discarded: () => ReadonlyMap<string, readonly Pick<StoredObject, 'store'>[]>
}

export interface StoreView extends Pick<StoreInfo, 'id' | 'type' | 'isDefault' | 'isReadOnly' | 'weight'> {
  description: string | null
  /** That have their bytes there, and how long these are; each counts once, whatever copies there are of it. */
  images: ImageSum
  /** What images no longer have and nobody could delete yet; only of back ends. */
  discarded: number
}

export interface StoresDocument {
  stores: StoreView[]
}

export interface StoredImageView {
  id: string
  name: string | null
  status: ImageStatus
  sizeBytes: number | null
  /** Ids of all stores that it is in. */
  stores: string[]
}

export interface StoreImagesPage {
  images: StoredImageView[]
  /** For the next page; null: there is none. */
  marker: string | null
}

export interface StoreMoveOrder extends StoreMove {
  /** Of all moves of the node together; null: none. */
  bytesPerSecondMax: number | null
}

export class StoreAdmin {
  readonly #components: StoreAdminComponents

  constructor(components: StoreAdminComponents) {
    this.#components = components
  }

  /** Throws NO_QUORUM. */
  async list(): Promise<StoresDocument> {
    const { registers, stores, discarded } = this.#components
    await registers.freshen()
    const sums = await this.#sums()
    const waiting = new Map<string, number>()
    for (const objects of discarded().values())
      for (const { store } of objects) waiting.set(store, (waiting.get(store) ?? 0) + 1)
    return {
      stores: stores.all.map(({ id, type, isDefault, isReadOnly, weight, description }) => ({
        id,
        type,
        isDefault,
        isReadOnly,
        weight,
        description,
        images: sums.get(id) ?? noImages(),
        discarded: waiting.get(id) ?? 0,
      })),
    }
  }

  /** Images that have their bytes in a store, in the order of their ids, after `marker`. Throws NO_QUORUM, NOT_FOUND. */
  async images(store: string, marker: string | null, limit: number): Promise<StoreImagesPage> {
    const { registers, stores, index, clock } = this.#components
    if (!stores.has(store)) throw new ImageError('NOT_FOUND', `There is no store ${store}.`)
    await registers.freshen()
    const isListed = (image: ImageRecord) => image.id > (marker ?? '') && stores.of(image).includes(store)
    const slice = new TimeSlice(() => clock.monotonicMs())
    const rows = await bestRows(index.rows(), orderBy('id'), isListed, { limit: limit + 1, slice })
    const images = rows.slice(0, limit).map((row) => {
      const { id, name, status, size: sizeBytes } = row
      return { id, name, status, sizeBytes, stores: stores.of(row) }
    })
    return { images, marker: rows.length > limit ? (images.at(-1)?.id ?? null) : null }
  }

  /** As StoreMover.move. */
  move({ bytesPerSecondMax, ...move }: StoreMoveOrder): Promise<StoreMoveState> {
    this.#components.setRate(bytesPerSecondMax)
    return this.#components.mover.move(move)
  }

  async #sums(): Promise<Map<string, ImageSum>> {
    const { index, stores, clock } = this.#components
    const sums = new Map<string, ImageSum>(stores.all.map(({ id }) => [id, noImages()]))
    const slice = new TimeSlice(() => clock.monotonicMs())
    for (const image of index.rows()) {
      if (slice.isOver()) await slice.pause()
      for (const id of stores.of(image)) {
        const sum = sums.get(id) ?? noImages()
        addImage(sum, image.size ?? 0)
        sums.set(id, sum)
      }
    }
    return sums
  }
}
