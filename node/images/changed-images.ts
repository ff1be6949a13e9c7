/**
 * The list of what has changed since a time, which V1 offers: deleted images are in it as long as their ids stay taken, and so
 * are killed ones and those that wait for their deletion.
 */
import { bestRows } from './best-rows.ts'
import { comparator, wholeSort } from './image-order.ts'
import type { ImageRecord } from './image-record.ts'
import type { ImagePage, ImageQuery } from './image-requests.ts'
import { passesFilters } from './list-filter.ts'
import { TimeSlice } from './time-slice.ts'
import { isInScope, type CallerRights } from './visibility.ts'

export interface ChangedImagesComponents {
  monotonicMs: () => number
  /** What this node knows to be settled. */
  live: () => Iterable<ImageRecord>
  deleted: () => Iterable<ImageRecord>
}

export class ChangedImages {
  readonly #components: ChangedImagesComponents

  constructor(components: ChangedImagesComponents) {
    this.#components = components
  }

  /** The page after `marker`. `maySee`: what else is asked of an image. */
  async page(
    caller: CallerRights,
    query: ImageQuery,
    { marker, maySee }: { marker: ImageRecord | null; maySee: (image: ImageRecord) => boolean },
  ): Promise<ImagePage> {
    const { limit } = query
    if (limit === 0) return { images: [], more: false }
    const compare = comparator(wholeSort(query.sort))
    const isWanted = (image: ImageRecord) =>
      (!marker || compare(image, marker) > 0) &&
      isInScope(caller, image, query) &&
      passesFilters(image, query.filters) &&
      maySee(image)
    const slice = new TimeSlice(this.#components.monotonicMs)
    // An image that is deleted while the list is made may have been met before.
    const rows = await bestRows(this.#all(), compare, isWanted, { limit, slice })
    const images = new Map(rows.map((image) => [image.id, image]))
    return { images: [...images.values()], more: rows.length === limit }
  }

  *#all(): Generator<ImageRecord> {
    yield* this.#components.live()
    yield* this.#components.deleted()
  }
}
