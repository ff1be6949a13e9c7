/**
 * Members as API v1 has them (glance-api.md §13.1): put one by one or all at once by whoever may share the image, which the
 * owner can let a member do. The visibility does not matter; members of an image that is not shared count when it is.
 */
import type { Decision } from '../../cluster/register/operations.ts'
import { onLiveImage, recheck, refuse, write, type CalledArgs } from './image-decisions.ts'
import type { ImageMember, ImageRecord } from './image-record.ts'
import { newMember, refuseTooMany } from './member-operations.ts'
import { mayShare } from './visibility.ts'

export interface WantedMember {
  memberId: string
  /** Whether it may share the image with others; null: as before, and a new one may not. */
  canShare: boolean | null
}

export interface PutMembersArgs extends CalledArgs {
  members: WantedMember[]
  /** Whether all others go. */
  isWhole: boolean
  /** Members per image; -1 = unlimited. */
  quota: number
}

export interface DropMemberArgs extends CalledArgs {
  memberId: string
}

const putMembers = onLiveImage<PutMembersArgs>((record, { grant, members, isWhole, quota, now }) => {
  const denied = recheck(grant, record) ?? refuseStranger(record, grant)
  if (denied) return denied
  const wanted = new Map(members.map((member) => [member.memberId, member]))
  const kept = record.members.filter(({ memberId }) => !isWhole || wanted.has(memberId))
  const known = new Set(kept.map(({ memberId }) => memberId))
  const added = [...wanted.keys()].filter((memberId) => !known.has(memberId))
  const next = [
    ...kept.map((member) => withShare(member, wanted.get(member.memberId)?.canShare ?? null)),
    ...added.map((memberId) => withShare(newMember(memberId, now), wanted.get(memberId)?.canShare ?? null)),
  ]
  const tooMany = added.length > 0 ? refuseTooMany(next.length, quota) : null
  return tooMany ?? write({ ...record, members: next })
})

const dropMember = onLiveImage<DropMemberArgs>((record, { grant, memberId }) => {
  const denied = recheck(grant, record) ?? refuseStranger(record, grant)
  if (denied) return denied
  const members = record.members.filter((member) => member.memberId !== memberId)
  if (members.length === record.members.length) return refuse('NOT_FOUND', 'Membership could not be found.')
  return write({ ...record, members })
})

export const sharingOperations = {
  'image.put-members': putMembers,
  'image.drop-member': dropMember,
}

export interface SharingOperationArgs {
  'image.put-members': PutMembersArgs
  'image.drop-member': DropMemberArgs
}

function withShare(member: ImageMember, canShare: boolean | null): ImageMember {
  if (canShare === null) return member
  const { canShare: _, ...rest } = member
  return canShare ? { ...rest, canShare } : rest
}

/** As in Glance whoever may not is told of no image. */
function refuseStranger(record: ImageRecord, { caller }: CalledArgs['grant']): Decision | null {
  return mayShare(caller, record) ? null : refuse('NOT_FOUND', 'No permission to share that image')
}
