/**
 * The projects with which an image is shared (glance-api.md §10.1). Members stay through a change of the visibility, and
 * count again when the image is shared again. A change of them is no change of the image: its `updatedAt` stays.
 */
import type { Decision } from '../../cluster/register/operations.ts'
import { latest, onLiveImage, recheck, refuse, write, type CalledArgs } from './image-decisions.ts'
import { MEMBER_STATUSES, type ImageMember, type ImageRecord } from './image-record.ts'
import { canAnswer, membersSeenBy } from './visibility.ts'

export interface MemberArgs extends CalledArgs {
  memberId: string
}

export interface AddMemberArgs extends MemberArgs {
  /** Members per image; -1 = unlimited. */
  quota: number
}

export interface AnswerMemberArgs extends MemberArgs {
  /** As the caller wrote it: who may not answer is told so first. */
  status: string
}

const add = onLiveImage<AddMemberArgs>((record, { grant, memberId, quota, now }) => {
  const denied = recheck(grant, record) ?? refuseUnlessShared(record)
  if (denied) return denied
  if (find(record, memberId))
    return refuse('CONFLICT', `Member ${memberId} is duplicated for image ${record.id}`)
  const members = [...record.members, newMember(memberId, now)]
  return refuseTooMany(members.length, quota) ?? write({ ...record, members })
})

/** The answer of a member, which is its own: not even the image's owner gives it. */
const answer = onLiveImage<AnswerMemberArgs>((record, { grant, memberId, status, now }) => {
  const denied = recheck(grant, record) ?? refuseUnlessShared(record)
  if (denied) return denied
  const member = membersSeenBy(grant.caller, record).find((known) => known.memberId === memberId)
  if (!member) return refuseUnknown(record, memberId)
  if (!canAnswer(grant.caller, memberId))
    return refuse(
      'FORBIDDEN',
      `You are not authorized to answer for member ${memberId} of image ${record.id}.`,
    )
  const next = MEMBER_STATUSES.find((known) => known === status)
  if (!next) return refuse('INVALID', `The status of a member is one of: ${MEMBER_STATUSES.join(', ')}.`)
  const answered = { ...member, status: next, updatedAt: latest(now, member.createdAt, member.updatedAt) }
  const members = record.members.map((known) => (known.memberId === memberId ? answered : known))
  return write({ ...record, members })
})

const remove = onLiveImage<MemberArgs>((record, { grant, memberId }) => {
  const denied = recheck(grant, record) ?? refuseUnlessShared(record)
  if (denied) return denied
  if (!find(record, memberId)) return refuseUnknown(record, memberId)
  return write({ ...record, members: record.members.filter((member) => member.memberId !== memberId) })
})

export const memberOperations = {
  'image.add-member': add,
  'image.answer-member': answer,
  'image.remove-member': remove,
}

export interface MemberOperationArgs {
  'image.add-member': AddMemberArgs
  'image.answer-member': AnswerMemberArgs
  'image.remove-member': MemberArgs
}

/** It has not answered yet. */
export function newMember(memberId: string, now: string): ImageMember {
  return { memberId, status: 'pending', createdAt: now, updatedAt: now }
}

/** `quota`: -1 = unlimited. */
export function refuseTooMany(count: number, quota: number): Decision | null {
  return quota >= 0 && count > quota
    ? refuse('TOO_LARGE', `The limit on the number of image members is ${quota}, attempted ${count}.`)
    : null
}

function find({ members }: ImageRecord, memberId: string): ImageMember | undefined {
  return members.find((member) => member.memberId === memberId)
}

function refuseUnlessShared({ id, visibility }: ImageRecord): Decision | null {
  return visibility === 'shared'
    ? null
    : refuse('FORBIDDEN', `Image ${id} is ${visibility}: only shared images have members.`)
}

function refuseUnknown({ id }: ImageRecord, memberId: string): Decision {
  return refuse('NOT_FOUND', `${memberId} not found in the member list of the image ${id}.`)
}
