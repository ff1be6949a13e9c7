/** What the operations on an image's register have in common: how they are declared, and how they decide. */
import type { Decision, Operation, RecordState } from '../../cluster/register/operations.ts'
import type { UploadId } from '../../cluster/transfer/local-chunks.ts'
import type { StoredObject } from '../backends/backends.ts'
import type { ImageErrorCode } from '../errors.ts'
import { stillRests, type Grant } from './image-policy.ts'
import type { ImageData, ImageRecord, ImageStatus } from './image-record.ts'
import { canSee } from './visibility.ts'

/** `now`: ISO time with second precision, from the node that took the request. */
export interface Timed {
  now: string
}

/** An operation that a caller asked for, and that policy allowed to it. */
export interface CalledArgs extends Timed {
  grant: Grant
}

/** All the bytes of an image are stored. */
export interface FinishUploadArgs extends Timed {
  uploadId: UploadId
  /** What the cluster keeps; null: the bytes are in back ends alone. */
  data: ImageData | null
  /** In back ends. */
  objects?: StoredObject[]
  sizeBytes: number
  /** Bytes of the disk inside; null when that is not known. */
  virtualSize: number | null
  md5: string
  sha512: string
}

export function operation<Args>(decide: (current: RecordState | null, args: Args) => Decision): Operation {
  return (current, args) => decide(current, args as Args)
}

export function onLiveImage<Args>(decide: (record: ImageRecord, args: Args) => Decision): Operation {
  return operation<Args>((current, args) =>
    current?.live ? decide(current.record as ImageRecord, args) : refuse('NOT_FOUND', 'No image found'),
  )
}

/** Refuses what policy allowed for an image that was another one then: owner, visibility or members have changed since. */
export function recheck(grant: Grant, record: ImageRecord): Decision | null {
  if (!canSee(grant.caller, record)) return refuse('NOT_FOUND', `No image found with ID ${record.id}`)
  if (!stillRests(grant, record)) return refuse('BASIS_CHANGED', `Image ${record.id} has changed hands.`)
  return null
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

/** For the steps of one upload: `uploadId` fences out every other (architecture §3, §4). `statuses`: of its image. */
export function onUpload<Args extends { uploadId: UploadId }>(
  decide: (record: ImageRecord, args: Args) => Decision,
  statuses: readonly ImageStatus[] = ['saving'],
): Operation {
  return onLiveImage<Args>((record, args) =>
    statuses.includes(record.status) && record.upload?.uploadId === args.uploadId
      ? decide(record, args)
      : refuse('CONFLICT', `Image ${record.id} is ${record.status} and no longer belongs to this upload.`),
  )
}
