/**
 * Whom API v1 shares images with. Policy is asked `add_member` and `delete_member`, as v2 asks; v1's own `modify_member` means
 * something else there. A member that may share acts for the owner: it is asked about as if the image were its own.
 */
import { hasCode } from '../../cluster/errors.ts'
import type { Clock } from '../../cluster/runtime.ts'
import { ImageError } from '../errors.ts'
import type { ImageGuard } from './image-guard.ts'
import type { ImageIndex } from './image-index.ts'
import { asText, type Grant, type ImageRule, type PolicyTarget } from './image-policy.ts'
import type { ImageMember, ImageRecord } from './image-record.ts'
import type { ImageRegisters } from './image-registers.ts'
import type { Answer, Caller } from './image-requests.ts'
import type { ImageServicePort } from './image-service-port.ts'
import { isoSeconds } from './image-times.ts'
import type { WantedMember } from './sharing-operations.ts'
import { isOwner, mayShare, membersSeenBy } from './visibility.ts'

export interface V1SharingComponents {
  clock: Clock
  guard: ImageGuard
  registers: Pick<ImageRegisters, 'apply' | 'freshen'>
  index: Pick<ImageIndex, 'sharedWith'>
  images: Pick<ImageServicePort, 'show'>
}

export interface V1SharingOptions {
  /** Members per image; -1 = unlimited. */
  memberQuota: number
}

export class V1Sharing {
  readonly #components: V1SharingComponents
  readonly #options: V1SharingOptions

  constructor(components: V1SharingComponents, options: V1SharingOptions) {
    this.#components = components
    this.#options = options
  }

  async members(caller: Caller, id: string): Promise<Answer<ImageMember[]>> {
    const { images, guard } = this.#components
    const { value: image, stale } = await images.show(caller, id)
    guard.requireOn(image, caller, 'get_members')
    return { value: membersSeenBy(caller, image), stale }
  }

  async put(caller: Caller, id: string, members: WantedMember[], isWhole: boolean): Promise<void> {
    const { registers } = this.#components
    const { memberQuota: quota } = this.#options
    await this.#change(caller, id, 'add_member', (grant) =>
      registers.apply(id, 'image.put-members', { grant, members, isWhole, quota, now: this.#now() }),
    )
  }

  async drop(caller: Caller, id: string, memberId: string): Promise<void> {
    const { registers } = this.#components
    await this.#change(caller, id, 'delete_member', (grant) =>
      registers.apply(id, 'image.drop-member', { grant, memberId, now: this.#now() }),
    )
  }

  /** What others share is told to the member alone, and to those who share it. */
  async imagesOf(caller: Caller, memberId: string): Promise<ImageRecord[]> {
    const { guard, registers, index } = this.#components
    guard.require('get_images', caller, projectTarget(caller))
    await registers.freshen()
    const isTold = (image: ImageRecord) =>
      caller.isAdmin || memberId === caller.projectId || isOwner(caller, image)
    return [...index.sharedWith(memberId)].filter(
      (image) => image.status !== 'pending_delete' && isTold(image),
    )
  }

  /** As in Glance whoever may not finds nothing there. */
  async #change(
    caller: Caller,
    id: string,
    rule: ImageRule,
    change: (grant: Grant) => Promise<ImageRecord>,
  ): Promise<void> {
    const { guard } = this.#components
    try {
      await guard.change(caller, id, ['get_image'], (seen, image) => {
        const isDeputy = !caller.isAdmin && !isOwner(caller, image) && mayShare(caller, image)
        if (!isDeputy) return change(guard.requireOn(image, caller, rule))
        guard.require(rule, caller, projectTarget(caller))
        return change(seen)
      })
    } catch (error) {
      if (!hasCode(error, 'FORBIDDEN')) throw error
      throw new ImageError('NOT_FOUND', 'No permission to share that image', { id }, error)
    }
  }

  #now(): string {
    return isoSeconds(this.#components.clock.wallMs())
  }
}

/** An image of the caller's own project, of which nothing else is known. */
function projectTarget({ projectId }: Caller): PolicyTarget {
  return (attribute) => (attribute === 'project_id' || attribute === 'owner' ? asText(projectId) : null)
}
