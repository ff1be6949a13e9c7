/**
 * Whom Glance's database hides an image from (glance-api.md §5.2), whatever the policy says; what callers may do beside
 * seeing is the policy's alone (image-policy.ts). Also asked inside the register, where a race matters: it must stay pure.
 */
import type { ImageMember, ImageRecord, ImageStatus, Visibility } from './image-record.ts'
import type { Caller } from './image-requests.ts'

/** What travels with an operation of a caller. */
export type CallerRights = Pick<Caller, 'projectId' | 'isAdmin' | 'roles'>

interface Owned {
  owner: string | null
  visibility: Visibility
}

interface Shared extends Owned {
  status: ImageStatus
  members: readonly Pick<ImageMember, 'memberId' | 'status'>[]
}

export function isOwner(caller: Pick<CallerRights, 'projectId'>, image: Pick<Owned, 'owner'>): boolean {
  return caller.projectId !== null && image.owner === caller.projectId
}

/**
 * Whether the caller may see the image by id. A member's status does not matter here: pending and rejected members see
 * it too (measured). An image without owner is visible to everyone; one that waits for its deletion to nobody.
 */
export function canSee(caller: CallerRights, image: Shared): boolean {
  if (image.status === 'pending_delete') return false
  if (caller.isAdmin || image.owner === null || isOwner(caller, image)) return true
  if (image.visibility === 'public' || image.visibility === 'community') return true
  return image.visibility === 'shared' && image.members.some(({ memberId }) => memberId === caller.projectId)
}

/** The members that the caller may know of: the owner all of them, a member itself. */
export function membersSeenBy(
  caller: CallerRights,
  image: Pick<ImageRecord, 'owner' | 'members'>,
): ImageMember[] {
  if (caller.isAdmin || isOwner(caller, image)) return image.members
  return image.members.filter(({ memberId }) => memberId === caller.projectId)
}

/** Whether the caller speaks for this member. The image's owner does not, whatever the policy says. */
export function canAnswer(caller: CallerRights, memberId: string): boolean {
  return caller.isAdmin || caller.projectId === memberId
}

/** Whether the caller may have others see the image through V1: its owner, and a member whom the owner lets do it. */
export function mayShare(caller: CallerRights, image: Pick<ImageRecord, 'owner' | 'members'>): boolean {
  if (caller.isAdmin || isOwner(caller, image)) return true
  return image.members.some(({ memberId, canShare }) => canShare === true && memberId === caller.projectId)
}

/** What a list asks about visibility: see ImageQuery. */
export interface ListScope {
  visibility: Visibility | 'all' | null
  memberStatus: ImageMember['status'] | 'all'
}

/** Statuses of images that no list shows, but V1's of what has changed. */
const UNLISTED: ReadonlySet<ImageStatus> = new Set(['killed', 'pending_delete'])

/** Whether an image is in the candidate set of a list (glance-api.md §5.2), before any other filter. */
export function isListed(caller: CallerRights, image: Shared, scope: ListScope): boolean {
  return !UNLISTED.has(image.status) && isInScope(caller, image, scope)
}

/** The same whatever the status. */
export function isInScope(caller: CallerRights, image: Omit<Shared, 'status'>, scope: ListScope): boolean {
  if (!isCandidate(caller, image, scope.memberStatus)) return false
  if (scope.visibility === 'all') return true
  if (scope.visibility !== null) return image.visibility === scope.visibility
  // Community images of others show only when asked for, even to admins (measured).
  return image.visibility !== 'community' || isOwner(caller, image)
}

function isCandidate(
  caller: CallerRights,
  image: Omit<Shared, 'status'>,
  memberStatus: ListScope['memberStatus'],
): boolean {
  if (caller.isAdmin || isOwner(caller, image)) return true
  if (image.visibility === 'public' || image.visibility === 'community') return true
  if (image.visibility !== 'shared') return false
  const isWanted = (status: ImageMember['status']) => memberStatus === 'all' || status === memberStatus
  return image.members.some(
    ({ memberId, status }) =>
      (caller.projectId === null || memberId === caller.projectId) && isWanted(status),
  )
}
