/**
 * Keystone's unified limits, as far as they are about images (glance-api.md §8.4): what each counts, and what is said where
 * one is reached. Sizes are MiB, cut. Soft as in Glance: an upload may end above its limit, the next one is refused.
 */
import { ImageError } from '../errors.ts'
import type { ImageRecord, ImageStatus } from './image-record.ts'
import { locationsOf } from './location-rules.ts'

export const LIMIT_NAMES = [
  'image_size_total',
  'image_stage_total',
  'image_count_total',
  'image_count_uploading',
] as const
export type LimitName = (typeof LIMIT_NAMES)[number]

/** A negative one limits nothing. */
export type Limits = Readonly<Record<LimitName, number>>

/** Who knows the limits. */
export interface ProjectLimits {
  /** Throws UNAVAILABLE when they cannot be told: nothing may be added for want of an answer. */
  of(projectId: string): Promise<Limits>
}

/** What an upload would fill is not yet there; what stages and imports bring lies in both. */
const UPLOADING: ReadonlySet<ImageStatus> = new Set(['saving', 'uploading', 'importing'])
const STAGED: ReadonlySet<ImageStatus> = new Set(['uploading', 'importing'])
const MIB = 1024 ** 2

/** How much of each limit a project uses. */
export function limitUsage(owned: Iterable<ImageRecord>): Limits {
  let [sizeBytes, stagedBytes, images, uploading] = [0, 0, 0, 0]
  for (const image of owned) {
    images++
    sizeBytes += usedBytes(image)
    if (STAGED.has(image.status)) stagedBytes += image.size ?? 0
    if (UPLOADING.has(image.status)) uploading++
  }
  return {
    image_size_total: Math.floor(sizeBytes / MIB),
    image_stage_total: Math.floor(stagedBytes / MIB),
    image_count_total: images,
    image_count_uploading: uploading,
  }
}

/**
 * Bytes of an image; while it is uploaded, those that were announced, so that parallel uploads see each other. As in Glance,
 * each location counts, and what waits for its deletion does not.
 */
export function usedBytes(image: ImageRecord): number {
  if (image.status === 'pending_delete') return 0
  return (image.size ?? 0) * locationsOf(image).length + (image.upload?.reservedBytes ?? 0)
}

export interface Claim {
  name: LimitName
  used: number
  added: number
}

/** Throws TOO_LARGE, in the words of Glance and oslo.limit, which clients of quotas look for. */
export function requireWithinLimits(projectId: string, limits: Limits, claims: readonly Claim[]): void {
  const over = claims
    .filter(({ name, used, added }) => limits[name] >= 0 && used + added > limits[name])
    .map(
      ({ name, used, added }) =>
        `Resource ${name} is over limit of ${limits[name]} due to current usage ${used} and delta ${added}`,
    )
  if (over.length === 0) return
  throw new ImageError(
    'TOO_LARGE',
    'The request returned a 413 Request Entity Too Large. This generally means that rate limiting or a quota threshold ' +
      `was breached.\n\nThe response body:\nProject ${projectId} is over a limit for [${over.join(', ')}]`,
  )
}
