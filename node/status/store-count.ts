/** How much is in each store, and how much nowhere else: what depends on it. */
import type { ImageRecord } from '../images/image-record.ts'
import type { StoreInfo, StoreList } from '../images/store-list.ts'
import type { TimeSlice } from '../images/time-slice.ts'
import { addImage, noImages, type ImageSum } from './image-sum.ts'

export interface StoreCount extends Pick<StoreInfo, 'id' | 'type' | 'isDefault'> {
  /** That have their bytes there, and how long these are; each counts once, whatever copies there are of it. */
  images: ImageSum
  /** Of these, images that are in no other store. */
  only: ImageSum
}

/** Of all stores that there are at this node. */
export async function countStores(
  images: Iterable<ImageRecord>,
  stores: StoreList,
  slice: TimeSlice,
): Promise<StoreCount[]> {
  const counts = new Map(
    stores.all.map(({ id, type, isDefault }) => [
      id,
      { id, type, isDefault, images: noImages(), only: noImages() },
    ]),
  )
  for (const image of images) {
    if (slice.isOver()) await slice.pause()
    const { size } = image
    // Most have no list of locations.
    const ids = image.locations ? stores.of(image) : image.data ? [stores.clusterId] : []
    for (const id of ids) {
      const count = counts.get(id)
      if (!count) continue
      addImage(count.images, size ?? 0)
      if (ids.length === 1) addImage(count.only, size ?? 0)
    }
  }
  return [...counts.values()]
}
