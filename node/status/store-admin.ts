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
import type { BackendCondition } from '../loops/backend-prober.ts'
import type { StoreMove, StoreMover, StoreMoveState } from '../imports/store-mover.ts'
import type { ClusterReport } from './cluster-report.ts'
import { countStores, type StoreCount } from './store-count.ts'

export interface StoreAdminComponents {
  clock: Clock
  registers: Pick<ImageRegisters, 'freshen'>
  index: Pick<ImageIndex, 'rows'>
  stores: StoreList
  mover: Pick<StoreMover, 'move'>
  /** What the nodes say of the back ends. */
  report: Pick<ClusterReport, 'reports'>
  /** Sets the rate of all moves of this node, bytes a second; null: none. */
  setRate: (bytesPerSecond: number | null) => void
  /** Objects of back ends that wait for their end, by the ids of their images. */
  discarded: () => ReadonlyMap<string, readonly Pick<StoredObject, 'store'>[]>
}

/** ok: by all nodes that answer; partly: by some. unknown: nobody has said anything yet. */
export type StoreState = 'ok' | 'partly' | 'down' | 'unknown'

export interface StoreView extends StoreCount, Pick<StoreInfo, 'isReadOnly' | 'weight' | 'description'> {
  /** Whether it can be used; null: it is no back end. */
  state: StoreState | null
  /** Why some node cannot use it; null: nobody has said so. */
  failure: string | null
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

/** As new as the status. */
const REPORT_AGE_MS_MAX = 5000

export class StoreAdmin {
  readonly #components: StoreAdminComponents

  constructor(components: StoreAdminComponents) {
    this.#components = components
  }

  /** Throws NO_QUORUM. */
  async list(): Promise<StoresDocument> {
    const { registers, stores, discarded, index, clock, report } = this.#components
    await registers.freshen()
    const slice = new TimeSlice(() => clock.monotonicMs())
    const counts = await countStores(index.rows(), stores, slice)
    const { reports } = await report.reports(REPORT_AGE_MS_MAX)
    const words = [...reports.values()].flatMap(({ backends }) => backends)
    const waiting = new Map<string, number>()
    for (const objects of discarded().values())
      for (const { store } of objects) waiting.set(store, (waiting.get(store) ?? 0) + 1)
    return {
      stores: counts.map((count) => {
        const { isReadOnly, weight, description } = stores.all.find(({ id }) => id === count.id)!
        const said = words.filter(({ store }) => store === count.id)
        return {
          ...count,
          isReadOnly,
          weight,
          description,
          ...conditionOf(count, said),
          discarded: waiting.get(count.id) ?? 0,
        }
      }),
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
}

function conditionOf(
  { type }: StoreCount,
  said: readonly BackendCondition[],
): Pick<StoreView, 'state' | 'failure'> {
  if (type === 'cluster' || type === 'http') return { state: null, failure: null }
  const failures = said.flatMap(({ failure }) => failure ?? [])
  const isKnown = said.some(({ failure, marker }) => failure !== null || marker !== null)
  const state = !isKnown
    ? 'unknown'
    : failures.length === 0
      ? 'ok'
      : failures.length < said.length
        ? 'partly'
        : 'down'
  return { state, failure: failures[0] ?? null }
}
