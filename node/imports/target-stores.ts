/** Which stores an import has to bring its image to. */
import type { ImportMethod } from '../config/import-options.ts'
import { ImageError } from '../errors.ts'
import type { ImageRecord } from '../images/image-record.ts'
import type { StoreList } from '../images/store-list.ts'
import type { ImportRequest } from './import-requests.ts'

/**
 * Those that are named, or all, or the default one; of a copy, those that have it not yet. Throws CONFLICT for one that
 * does not exist or is only read, INVALID for a named one that has the image already.
 */
export function storesToReach(
  stores: StoreList,
  image: ImageRecord,
  method: ImportMethod,
  { stores: named, allStores }: ImportRequest,
): string[] {
  const wanted = allStores ? stores.writable : [...new Set(named ?? [stores.default])]
  const unknown = wanted.find((id) => !stores.writable.includes(id))
  if (unknown !== undefined) throw new ImageError('CONFLICT', `Store for identifier ${unknown} not found`)
  if (method !== 'copy-image') return clusterFirst(stores, wanted)
  const reached = stores.of(image)
  const there = wanted.find((id) => reached.includes(id))
  if (there !== undefined && !allStores)
    throw new ImageError('INVALID', `Image is already present at store '${there}'`)
  return clusterFirst(
    stores,
    wanted.filter((id) => !reached.includes(id)),
  )
}

/** From there the others are filled. */
function clusterFirst({ clusterId }: StoreList, ids: readonly string[]): string[] {
  return ids.toSorted((a, b) => Number(b === clusterId) - Number(a === clusterId))
}
