/**
 * Everything that may happen to an image's record, as operations on its register (rule R3): pure functions, the rules of
 * the status machine (glance-api.md §7) included; what concerns members, tags, activation, deletion and locations is next door. Each change of
 * meaning gets a new name.
 */
import type { Operation, OperationTable } from '../../cluster/register/operations.ts'
import type { UploadId } from '../../cluster/transfer/local-chunks.ts'
import { activationOperations, type ActivationOperationArgs } from './activation-operations.ts'
import { arrivalOperations, type ArrivalOperationArgs } from './arrival-operations.ts'
import { deletionOperations, type DeletionOperationArgs } from './deletion-operations.ts'
import {
  onLiveImage,
  onUpload,
  operation,
  recheck,
  refuse,
  touch,
  write,
  type CalledArgs,
  type FinishUploadArgs,
  type Timed,
} from './image-decisions.ts'
import { applyChanges, checkQuotas, isRefusal, type PatchQuotas } from './image-patch-rules.ts'
import type { ImageRecord, ImageUpload } from './image-record.ts'
import type { ImageChange } from './image-requests.ts'
import { importOperations, type ImportOperationArgs } from './import-operations.ts'
import { locationOperations, type LocationOperationArgs } from './location-operations.ts'
import type { ProtectedNames } from './property-rights.ts'
import { locationOf } from './location-rules.ts'
import { memberOperations, type MemberOperationArgs } from './member-operations.ts'
import { discarding, objectOperations, type ObjectOperationArgs } from './object-operations.ts'
import { put, type PutArgs } from './put-operation.ts'
import { sharingOperations, type SharingOperationArgs } from './sharing-operations.ts'
import { stageOperations, type StageOperationArgs } from './stage-operations.ts'
import { storeMoveOperations, type StoreMoveOperationArgs } from './store-move-operations.ts'
import { tagOperations, type TagOperationArgs } from './tag-operations.ts'

export interface CreateArgs {
  record: ImageRecord
  quotas: PatchQuotas
}

export interface PatchArgs extends CalledArgs {
  changes: ImageChange[]
  quotas: PatchQuotas
}

/** For a caller from whom some of the changed properties are protected: older nodes would change them all the same. */
export interface PatchProtectedArgs extends PatchArgs {
  protectedNames: ProtectedNames
}

export interface StartUploadArgs extends CalledArgs {
  upload: ImageUpload
}

export interface AbortUploadArgs extends Timed {
  uploadId: UploadId
}

const REGISTER_PREFIX = 'image/'

/** The register of an image. */
export function imageKey(id: string): string {
  return REGISTER_PREFIX + id
}

/** The image of a register, or null when the register holds something else. */
export function imageIdOf(key: string): string | null {
  return key.startsWith(REGISTER_PREFIX) ? key.slice(REGISTER_PREFIX.length) : null
}

const create = operation<CreateArgs>((current, { record, quotas }) => {
  // The ids of deleted images stay taken, as in Glance.
  if (current) return refuse('CONFLICT', `Image ID ${record.id} already exists!`)
  const checked = checkQuotas(record, quotas)
  return isRefusal(checked) ? refuse(checked.code, checked.message) : write(checked)
})

const patch = onLiveImage<PatchArgs | PatchProtectedArgs>((record, args) => {
  const { grant, changes, quotas, now } = args
  const denied = recheck(grant, record)
  if (denied) return denied
  const protectedNames = 'protectedNames' in args ? args.protectedNames : {}
  const next = applyChanges(record, changes, grant.caller, quotas, protectedNames)
  if (isRefusal(next)) return refuse(next.code, next.message)
  return changes.length === 0 ? { kind: 'keep' } : write(touch(next, now))
})

const startUpload = onLiveImage<StartUploadArgs>((record, { grant, upload, now }) => {
  const denied = recheck(grant, record)
  if (denied) return denied
  if (record.status !== 'queued')
    return refuse('CONFLICT', `Image status transition from ${record.status} to saving is not allowed`)
  if (record.arriving)
    return refuse('CONFLICT', `Image ${record.id} is being moved here; its data is on its way.`)
  if (record.diskFormat === null || record.containerFormat === null)
    return refuse('INVALID', 'Properties disk_format, container_format must be set prior to saving data.')
  return write(touch({ ...record, status: 'saving', upload }, now))
})

const finishUpload = onUpload<FinishUploadArgs>(
  (record, { data, objects = [], sizeBytes, virtualSize, md5, sha512, now }) =>
    write(
      touch(
        {
          ...record,
          ...(objects.length > 0 && { locations: objects.map(locationOf) }),
          status: 'active',
          upload: null,
          data,
          size: sizeBytes,
          virtualSize,
          checksum: md5,
          hashAlgo: 'sha512',
          hashValue: sha512,
        },
        now,
      ),
    ),
)

/** The failed or abandoned upload gives the image back; the client may try again (glance-api.md §7). */
const abortUpload = onUpload<AbortUploadArgs>((record, { now }) =>
  write(touch({ ...record, status: 'queued', upload: null, size: null, virtualSize: null }, now)),
)

/** What V1 makes of a failed upload: nobody may try again. */
const killUpload = onUpload<AbortUploadArgs>((record, { now }) => write(killed(record, now)))

/** The same before any upload has begun. Asked for by the node alone, of an image that it has just made for the upload. */
const kill = onLiveImage<Timed>((record, { now }) =>
  record.status === 'queued'
    ? write(killed(record, now))
    : refuse('CONFLICT', `Image status transition from ${record.status} to killed is not allowed`),
)

function killed(record: ImageRecord, now: string): ImageRecord {
  return touch(
    { ...record, status: 'killed', upload: null, size: null, virtualSize: null, checksum: null },
    now,
  )
}

const operations: Record<string, Operation> = {
  'image.create': create,
  'image.patch': patch,
  // Names of their own, so that a node of an older release refuses what it would take for something else.
  'image.patch-locations': patch,
  'image.patch-protected': patch,
  'image.start-upload': startUpload,
  'image.finish-upload': finishUpload,
  'image.abort-upload': abortUpload,
  'image.kill-upload': killUpload,
  'image.kill': kill,
  'image.put': put,
  ...memberOperations,
  ...sharingOperations,
  ...tagOperations,
  ...activationOperations,
  ...deletionOperations,
  ...locationOperations,
  ...arrivalOperations,
  ...stageOperations,
  ...importOperations,
  ...storeMoveOperations,
}

export const imageOperations: OperationTable = {
  ...Object.fromEntries(Object.entries(operations).map(([name, inner]) => [name, discarding(inner)])),
  ...objectOperations,
}

/** Arguments by operation, so that a caller cannot mix them up. */
export interface ImageOperationArgs
  extends
    MemberOperationArgs,
    SharingOperationArgs,
    TagOperationArgs,
    ActivationOperationArgs,
    DeletionOperationArgs,
    LocationOperationArgs,
    ArrivalOperationArgs,
    StageOperationArgs,
    ImportOperationArgs,
    StoreMoveOperationArgs,
    ObjectOperationArgs {
  'image.create': CreateArgs
  'image.patch': PatchArgs
  'image.patch-locations': PatchArgs
  'image.patch-protected': PatchProtectedArgs
  'image.start-upload': StartUploadArgs
  'image.finish-upload': FinishUploadArgs
  'image.abort-upload': AbortUploadArgs
  'image.kill-upload': AbortUploadArgs
  'image.kill': Timed
  'image.put': PutArgs
}

const FAILURES = {
  kill: 'image.kill-upload',
  unstage: 'image.abort-stage',
  'end-import': 'image.end-import',
  'end-store-move': 'image.end-store-move',
} as const

/** The operation that ends an upload without bytes. */
export function failureOf({ onFailure }: Pick<ImageUpload, 'onFailure'>): UploadFailure {
  return onFailure === undefined ? 'image.abort-upload' : FAILURES[onFailure]
}

export type UploadFailure =
  'image.abort-upload' | 'image.fail-import' | (typeof FAILURES)[keyof typeof FAILURES]
