/**
 * What a project may have of images: `user_storage_quota` of the owner, and the caller's limits in Keystone, either or both
 * (glance-api.md §8.4). Usage is counted in the index, freshened before; no register counts it, so that requests side by side
 * may exceed a quota together.
 */
import { ImageError } from '../errors.ts'
import type { ImageIndex } from './image-index.ts'
import type { ImageRecord } from './image-record.ts'
import type { ImageRegisters } from './image-registers.ts'
import type { Caller } from './image-requests.ts'
import {
  LIMIT_NAMES,
  limitUsage,
  requireWithinLimits,
  usedBytes,
  type LimitName,
  type ProjectLimits,
} from './project-limits.ts'

/** Of each limit, how much there is and how much of it is used; nothing without limits. */
export type LimitsUsage = Partial<Record<LimitName, { usage: number; limit: number }>>

export interface ProjectQuotasComponents {
  registers: Pick<ImageRegisters, 'freshen'>
  index: Pick<ImageIndex, 'ownedBy' | 'countOwnedBy'>
  /** null: `use_keystone_limits` is off. */
  limits: ProjectLimits | null
}

export interface ProjectQuotasOptions {
  /** Of all images of one project together; 0 = no limit. */
  storageQuotaBytes: number
}

export class ProjectQuotas {
  readonly #components: ProjectQuotasComponents
  readonly #options: ProjectQuotasOptions

  constructor(components: ProjectQuotasComponents, options: ProjectQuotasOptions) {
    this.#components = components
    this.#options = options
  }

  /** Throws TOO_LARGE when the caller's project may have no further image. */
  async requireRoomForImage({ projectId }: Caller): Promise<void> {
    const { limits, registers, index } = this.#components
    if (limits === null || projectId === null) return
    const allowed = await limits.of(projectId)
    await registers.freshen()
    const used = await index.countOwnedBy(projectId)
    requireWithinLimits(projectId, allowed, [{ name: 'image_count_total', used, added: 1 }])
  }

  /**
   * Bytes that an upload to `image` may have; null: as many as it likes. Throws TOO_LARGE when there is no room for what was
   * announced, or the caller's project is at a limit.
   */
  async roomForData(
    caller: Caller,
    image: ImageRecord,
    declaredSizeBytes: number | null,
  ): Promise<number | null> {
    await this.#requireLimits(caller, image, 'image_size_total')
    return this.storageRoom(image, declaredSizeBytes)
  }

  /** As `roomForData`, for bytes that wait for their import. */
  async roomToStage(
    caller: Caller,
    image: ImageRecord,
    declaredSizeBytes: number | null,
  ): Promise<number | null> {
    await this.#requireLimits(caller, image, 'image_stage_total')
    return this.storageRoom(image, declaredSizeBytes)
  }

  /** `roomForData` by `user_storage_quota` alone: what lies elsewhere is none of the caller's uploads. */
  async storageRoom({ owner, id }: ImageRecord, declaredSizeBytes: number | null): Promise<number | null> {
    const quotaBytes = this.#options.storageQuotaBytes
    if (owner === null || quotaBytes === 0) return null
    await this.#components.registers.freshen()
    const owned = await this.#components.index.ownedBy(owner)
    return roomForImage(owned, { id, quotaBytes, declaredSizeBytes })
  }

  async usage({ projectId }: Caller): Promise<LimitsUsage> {
    const { limits, registers, index } = this.#components
    if (limits === null || projectId === null) return {}
    const allowed = await limits.of(projectId)
    await registers.freshen()
    const used = limitUsage(await index.ownedBy(projectId))
    return Object.fromEntries(LIMIT_NAMES.map((name) => [name, { usage: used[name], limit: allowed[name] }]))
  }

  async #requireLimits(
    { projectId }: Caller,
    { id, status }: ImageRecord,
    ofBytes: 'image_size_total' | 'image_stage_total',
  ): Promise<void> {
    const { limits, registers, index } = this.#components
    if (limits === null || projectId === null) return
    const allowed = await limits.of(projectId)
    await registers.freshen()
    const others = limitUsage(without(await index.ownedBy(projectId), id))
    requireWithinLimits(projectId, allowed, [{ name: ofBytes, used: others[ofBytes], added: 0 }])
    // An image that takes no data is refused for that.
    if (status !== 'queued') return
    // Glance counts when this one is among them.
    const uploading = others.image_count_uploading + 1
    requireWithinLimits(projectId, allowed, [{ name: 'image_count_uploading', used: uploading, added: 0 }])
  }
}

function* without(images: Iterable<ImageRecord>, id: string): Generator<ImageRecord> {
  for (const image of images) if (image.id !== id) yield image
}

/** Throws TOO_LARGE. What uploads under way have announced counts as used, and what is staged; `id` is the image to be filled. */
function roomForImage(
  owned: Iterable<ImageRecord>,
  { id, quotaBytes, declaredSizeBytes }: { id: string; quotaBytes: number; declaredSizeBytes: number | null },
): number {
  let roomBytes = quotaBytes
  for (const image of without(owned, id)) roomBytes -= usedBytes(image) + (image.staged?.sizeBytes ?? 0)
  if (roomBytes >= (declaredSizeBytes ?? 0)) return roomBytes
  throw new ImageError(
    'TOO_LARGE',
    `The size of the data exceeds the ${Math.max(0, roomBytes)} remaining bytes of the storage quota.`,
  )
}
