/** How much of `user_storage_quota` a project has used (glance-api.md §8.4). Soft as in Glance: no register counts it. */
import { ImageError } from '../errors.ts'
import type { ImageRecord } from './image-record.ts'
import { locationsOf } from './location-rules.ts'

/**
 * Bytes that one more image of `owned` may have. Throws TOO_LARGE when there is no room for what was announced. What uploads
 * under way have announced counts as used; `id` is the image to be filled.
 */
export function roomForImage(
  owned: Iterable<ImageRecord>,
  { id, quotaBytes, declaredSizeBytes }: { id: string; quotaBytes: number; declaredSizeBytes: number | null },
): number {
  let usedBytes = 0
  for (const image of owned) if (image.id !== id) usedBytes += bytesOf(image)
  const roomBytes = quotaBytes - usedBytes
  if (roomBytes >= (declaredSizeBytes ?? 0)) return roomBytes
  throw new ImageError(
    'TOO_LARGE',
    `The size of the data exceeds the ${Math.max(0, roomBytes)} remaining bytes of the storage quota.`,
  )
}

/** As in Glance, each location counts, and what waits for its deletion does not. */
function bytesOf(image: ImageRecord): number {
  if (image.status === 'pending_delete') return 0
  return (image.size ?? 0) * locationsOf(image).length + (image.upload?.reservedBytes ?? 0)
}
