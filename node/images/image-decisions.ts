/** What the operations on an image's register have in common: how they are declared, and how they decide. */
import type { Decision, Operation, RecordState } from '../../cluster/register/operations.ts'
import type { ImageErrorCode } from '../errors.ts'
import type { ImageRecord } from './image-record.ts'
import { canModify, canSee, type CallerRights } from './visibility.ts'

/** `now`: ISO time with second precision, from the node that took the request. */
export interface Timed {
  now: string
}

/** An operation that a caller asked for. */
export interface CalledArgs extends Timed {
  caller: CallerRights
}

export function operation<Args>(decide: (current: RecordState | null, args: Args) => Decision): Operation {
  return (current, args) => decide(current, args as Args)
}

export function onLiveImage<Args>(decide: (record: ImageRecord, args: Args) => Decision): Operation {
  return operation<Args>((current, args) =>
    current?.live ? decide(current.record as ImageRecord, args) : refuse('NOT_FOUND', 'No image found'),
  )
}

/** 404 where the caller may not even see, 403 where it may see but not touch. */
export function deny(caller: CallerRights, record: ImageRecord, verb: string): Decision | null {
  return hide(caller, record) ?? (canModify(caller, record) ? null : refuseVerb(verb))
}

/** 404 for what the caller may not see. */
export function hide(caller: CallerRights, record: ImageRecord): Decision | null {
  return canSee(caller, record) ? null : refuse('NOT_FOUND', `No image found with ID ${record.id}`)
}

export function refuseVerb(verb: string): Decision {
  return refuse('FORBIDDEN', `You are not authorized to ${verb} this image.`)
}

/** Times never run back, whatever the nodes' clocks say (R3). */
export function touch(record: ImageRecord, now: string): ImageRecord {
  return { ...record, updatedAt: latest(now, record.createdAt, record.updatedAt) }
}

/** The last of some ISO times. */
export function latest(...times: string[]): string {
  return times.reduce((a, b) => (a > b ? a : b))
}

export function write(record: ImageRecord): Decision {
  return { kind: 'write', next: { live: true, record } }
}

export function refuse(code: ImageErrorCode, message: string): Decision {
  return { kind: 'refuse', refusal: { code, message } }
}
