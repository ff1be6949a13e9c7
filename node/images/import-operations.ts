/**
 * An image gets its bytes behind the answer to a request (glance-api.md §9.3). The import is the upload that owns the image,
 * under the id of its task: that is the lock, and it ends like that of any other upload when its node is gone.
 */
import type { Decision } from '../../cluster/register/operations.ts'
import type { UploadId } from '../../cluster/transfer/local-chunks.ts'
import type { StoredObject } from '../backends/backends.ts'
import type { ImportMethod } from '../config/import-options.ts'
import type { ImageErrorCode } from '../errors.ts'
import {
  onLiveImage,
  onUpload,
  recheck,
  refuse,
  touch,
  write,
  type CalledArgs,
  type FinishUploadArgs,
  type Timed,
} from './image-decisions.ts'
import type { ImageRecord, ImageStatus, ImageUpload } from './image-record.ts'
import { imported, importing, isImportProperty, stillImporting } from './import-properties.ts'
import { locationOf, locationsOf, ownUrl, storedObjects } from './location-rules.ts'
import { unstaged } from './stage-operations.ts'

export interface BeginImportArgs extends CalledArgs {
  method: ImportMethod
  /** Its id is the claim of the task. */
  upload: ImageUpload
  taskId: string
  /** Ids of the stores that the image is on its way to. */
  stores: string[]
  /** The staged bytes that the task speaks of; null: none. */
  staged: UploadId | null
}

export interface EndImportArgs extends Timed {
  uploadId: UploadId
}

/** What an import makes of its image beside the bytes. */
export interface ImportChanges {
  properties: Record<string, string>
  /** null: they stay. */
  formats: { diskFormat: string; containerFormat: string } | null
}

export interface ImportStagedArgs extends EndImportArgs {
  /** In back ends, with the same bytes. */
  objects?: StoredObject[]
  /** Whether the cluster is one of the stores; absent: yes. */
  isKept?: boolean
  /** Ids of stores that were not reached. */
  failed?: string[]
  changes?: ImportChanges
}

export interface ImportChangedStageArgs extends ImportStagedArgs {
  changes: ImportChanges
}

export interface FinishImportArgs extends FinishUploadArgs {
  /** As above. */
  failed?: string[]
  changes?: ImportChanges
}

export interface FinishChangedArgs extends FinishImportArgs {
  changes: ImportChanges
}

/** The image is in the first of its stores; the import goes on. */
interface GoingOn {
  /** Ids of those that it is still on its way to. */
  remaining: string[]
}

export type ActivateImportArgs = FinishImportArgs & GoingOn

export type ActivateStagedArgs = ImportStagedArgs & GoingOn

export interface ImportRefusal {
  code: ImageErrorCode
  message: string
}

/** Of an image that an import owns; all but the first are of one that is copied, and what else is done to it goes on. */
const STATUSES: readonly ImageStatus[] = ['importing', 'active', 'deactivated', 'pending_delete']

/** Null when the image may be imported by this method, whoever asks. In the order in which Glance looks. */
export function refusalToImport(image: ImageRecord, method: ImportMethod): ImportRefusal | null {
  const conflict = (message: string): ImportRefusal => ({ code: 'CONFLICT', message })
  const { status, arriving, upload } = image
  if (method === 'copy-image' && status !== 'active')
    return conflict('Only images with status active can be targeted for copying')
  if (method !== 'copy-image' && status === 'active')
    return conflict('Image with status active cannot be target for import')
  if (image.properties['os_glance_import_task'] !== undefined) return conflict('Image has active task')
  if ((method === 'web-download' || method === 'glance-download') && status !== 'queued')
    return conflict(`Image needs to be in 'queued' state to use '${method}' method`)
  if (method === 'glance-direct' && status !== 'uploading')
    return conflict("Image needs to be staged before 'glance-direct' method can be used")
  if (method === 'glance-direct' && !image.staged)
    return conflict('The data is still being staged; import the image when that is done.')
  if (arriving || upload) return conflict(`Image ${image.id} is being worked on.`)
  if (image.containerFormat === null) return conflict("'container_format' needs to be set before import")
  if (image.diskFormat === null) return conflict("'disk_format' needs to be set before import")
  return null
}

const beginImport = onLiveImage<BeginImportArgs>((record, args) => {
  const { grant, method, upload, taskId, stores, staged, now } = args
  const denied = recheck(grant, record)
  if (denied) return denied
  const refusal = refusalToImport(record, method)
  if (refusal) return refuse(refusal.code, refusal.message)
  if ((record.staged?.uploadId ?? null) !== staged)
    return refuse('BASIS_CHANGED', `Image ${record.id} was staged anew.`)
  if (method === 'copy-image' && isThereAlready(record, args))
    return refuse('CONFLICT', 'The image has been copied already.')
  const properties = importing(record.properties, taskId, stores)
  const status = method === 'copy-image' ? record.status : 'importing'
  return write(touch({ ...record, status, upload, properties }, now))
})

/** Somebody else may have copied it since it was looked at. */
function isThereAlready(record: ImageRecord, { upload, stores }: BeginImportArgs): boolean {
  const { objects = [] } = upload
  const isForCluster = stores.length > objects.length
  const known = storedObjects(record).map(({ store }) => store)
  return (isForCluster && record.data !== null) || objects.some(({ store }) => known.includes(store))
}

/** The bytes have come. A copy has the bytes of its image, which stays what it is, and so has what follows to further stores. */
const finishImport = onUpload<FinishImportArgs | FinishChangedArgs>(takeBytes, STATUSES)

/** They are in the first store, which is enough: the image is active, and its import goes on. */
const activateImport = onUpload<ActivateImportArgs>(takeBytes, ['importing'])

function takeBytes(
  record: ImageRecord,
  args: FinishImportArgs | FinishChangedArgs | ActivateImportArgs,
): Decision {
  const { data, objects = [], sizeBytes, virtualSize, md5, sha512, now } = args
  const { staged: _, ...rest } = changed(record, args)
  const next: ImageRecord = { ...rest, ...progressOf(rest, args), data: data ?? record.data }
  const own = data ? [{ url: ownUrl(record.id), metadata: {} }] : []
  const further = objects.map(locationOf)
  if (record.status !== 'importing')
    return write(touch({ ...next, locations: [...own, ...locationsOf(record), ...further] }, now))
  if (further.length > 0) next.locations = [...own, ...further]
  const digests = { checksum: md5, hashAlgo: 'sha512', hashValue: sha512 }
  return write(touch({ ...next, ...digests, status: 'active', size: sizeBytes, virtualSize }, now))
}

/** What was staged becomes the data as it is: no byte is moved. */
const importStaged = onUpload<ImportStagedArgs | ImportChangedStageArgs | ActivateStagedArgs>(
  (record, args) => {
    const { objects = [], isKept = true, now } = args
    const { staged, ...rest } = changed(record, args)
    if (!staged) return refuse('CONFLICT', `Nothing is staged for image ${record.id}.`)
    if (staged.problem !== null) return refuse('UNSUPPORTED_MEDIA', staged.problem)
    const { root, chunkSizeBytes, copies, uploadId, sizeBytes, virtualSize, md5, sha512 } = staged
    const active: ImageRecord = {
      ...rest,
      ...progressOf(rest, args),
      status: 'active',
      data: isKept ? { root, chunkSizeBytes, copies, uploadId } : null,
      size: sizeBytes,
      virtualSize,
      checksum: md5,
      hashAlgo: 'sha512',
      hashValue: sha512,
    }
    const own = isKept ? [{ url: ownUrl(record.id), metadata: {} }] : []
    if (objects.length > 0) active.locations = [...own, ...objects.map(locationOf)]
    return write(touch(active, now))
  },
  ['importing'],
)

/** It came to nothing, and its task says why: the image is queued again, as in Glance. */
const failImport = onUpload<EndImportArgs>(
  (record, { now }) => endWithout(record, unstaged(record), now),
  STATUSES,
)

/** Its node is gone, which says nothing against the bytes: what was staged waits for another import. */
const endImport = onUpload<EndImportArgs>((record, { now }) => {
  const waiting: ImageRecord = { ...record, status: 'uploading', upload: null }
  return endWithout(record, record.staged ? waiting : unstaged(record), now)
}, STATUSES)

export const importOperations = {
  'image.begin-import': beginImport,
  'image.finish-import': finishImport,
  'image.import-staged': importStaged,
  // Names of their own, so that a node of an older release refuses what it would do by half.
  'image.finish-changed-import': finishImport,
  'image.import-changed-stage': importStaged,
  'image.activate-import': activateImport,
  'image.activate-staged': importStaged,
  'image.fail-import': failImport,
  'image.end-import': endImport,
}

export interface ImportOperationArgs {
  'image.begin-import': BeginImportArgs
  'image.finish-import': FinishImportArgs
  'image.import-staged': ImportStagedArgs
  'image.finish-changed-import': FinishChangedArgs
  'image.import-changed-stage': ImportChangedStageArgs
  'image.activate-import': ActivateImportArgs
  'image.activate-staged': ActivateStagedArgs
  'image.fail-import': EndImportArgs
  'image.end-import': EndImportArgs
}

/** The service's own properties are nobody's to set. */
function changed(record: ImageRecord, { changes }: { changes?: ImportChanges }): ImageRecord {
  if (!changes) return record
  const { properties, formats } = changes
  const own = Object.entries(properties).filter(([name]) => !isImportProperty(name))
  return { ...record, ...formats, properties: { ...record.properties, ...Object.fromEntries(own) } }
}

/** The claim on the image ends with its import. */
function progressOf(
  { properties, upload }: ImageRecord,
  { failed, remaining = [] }: { failed?: string[]; remaining?: string[] },
): Pick<ImageRecord, 'properties' | 'upload'> {
  return remaining.length > 0
    ? { upload, properties: stillImporting(properties, remaining, failed) }
    : { upload: null, properties: imported(properties, 'done', failed) }
}

function endWithout(record: ImageRecord, before: ImageRecord, now: string): Decision {
  const properties = imported(record.properties, 'failed')
  const next = record.status === 'importing' ? before : { ...record, upload: null }
  return write(touch({ ...next, properties }, now))
}
