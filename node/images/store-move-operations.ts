/**
 * An image goes from one store to another while it is in use. The move is the upload that owns it, as that of a copy is; when
 * the bytes are there, one decision makes the new place take the turn of the old one. For its users nothing else has
 * changed, so its times stay.
 */
import type { UploadId } from '../../cluster/transfer/local-chunks.ts'
import type { StoredObject } from '../backends/backends.ts'
import { onLiveImage, onUpload, refuse, write } from './image-decisions.ts'
import type { ImageData, ImageLocation, ImageRecord, ImageStatus, ImageUpload } from './image-record.ts'
import { locationOf, locationsOf, ownUrl, storedObjects } from './location-rules.ts'

/** The id of a back end's store; null: the cluster. */
export type MovingStore = string | null

export interface BeginStoreMoveArgs {
  from: MovingStore
  to: MovingStore
  upload: ImageUpload
}

export interface FinishStoreMoveArgs {
  uploadId: UploadId
  from: MovingStore
  /** What the cluster keeps now; null: the bytes are in a back end. */
  data: ImageData | null
  /** In back ends. */
  objects: StoredObject[]
  /** Whether the image stays in `from` as well. */
  isKept: boolean
}

export interface LeaveStoreArgs {
  from: MovingStore
  /** Where its bytes were found. */
  to: MovingStore
}

export interface EndStoreMoveArgs {
  uploadId: UploadId
}

/** Of images with bytes that rest; a deleted one that may be taken back is moved as well. */
const MOVED: readonly ImageStatus[] = ['active', 'deactivated', 'pending_delete']

export function isInStore(image: ImageRecord, store: MovingStore): boolean {
  if (store === null) return image.data !== null
  return storedObjects(image).some((object) => object.store === store)
}

/** Whether somebody works on the image, so that it cannot be moved now; or it has no bytes yet. */
export function isAtWork({ status, upload, arriving, hashing }: ImageRecord): boolean {
  return !MOVED.includes(status) || upload !== null || arriving !== undefined || hashing !== undefined
}

const beginMove = onLiveImage<BeginStoreMoveArgs>((record, { from, to, upload }) => {
  const { id } = record
  if (isAtWork(record)) return refuse('CONFLICT', `Image ${id} is being worked on.`)
  if (!isInStore(record, from) || isInStore(record, to))
    return refuse('CONFLICT', `Image ${id} is in other stores now.`)
  return write({ ...record, upload })
})

const finishMove = onUpload<FinishStoreMoveArgs>((record, { from, data, objects, isKept }) => {
  const arrived = data ? [{ url: ownUrl(record.id), metadata: {} }] : objects.map(locationOf)
  const locations = [...locationsOf(record)]
  const at = locations.findIndex((location) => isLocationIn(record, location, from))
  // The place of the old one; further copies that are kept stand behind it.
  locations.splice(at < 0 || isKept ? locations.length : at, 0, ...arrived)
  const both = { ...record, upload: null, data: data ?? record.data, locations }
  return write(isKept ? both : without(both, from))
}, MOVED)

/** Its bytes are in another store, too, and were seen there. Never the last place. */
const leaveStore = onLiveImage<LeaveStoreArgs>((record, { from, to }) => {
  if (!isInStore(record, from)) return { kind: 'keep' }
  if (isAtWork(record)) return refuse('CONFLICT', `Image ${record.id} is being worked on.`)
  if (!isInStore(record, to)) return refuse('CONFLICT', `Image ${record.id} is in other stores now.`)
  return write(without(record, from))
})

/** It came to nothing: the image is where it was. */
const endMove = onUpload<EndStoreMoveArgs>((record) => write({ ...record, upload: null }), MOVED)

export const storeMoveOperations = {
  'image.begin-store-move': beginMove,
  'image.finish-store-move': finishMove,
  'image.leave-store': leaveStore,
  'image.end-store-move': endMove,
}

export interface StoreMoveOperationArgs {
  'image.begin-store-move': BeginStoreMoveArgs
  'image.finish-store-move': FinishStoreMoveArgs
  'image.leave-store': LeaveStoreArgs
  'image.end-store-move': EndStoreMoveArgs
}

function without(record: ImageRecord, store: MovingStore): ImageRecord {
  const { locations: _, ...rest } = record
  const left = locationsOf(record).filter((location) => !isLocationIn(record, location, store))
  const data = store === null ? null : record.data
  // What `data` says by itself is not listed, as of an image that nobody has moved.
  const [only] = left
  const isPlain = left.length === 1 && only?.url === ownUrl(record.id) && isEmpty(only.metadata)
  return isPlain ? { ...rest, data } : { ...rest, data, locations: left }
}

function isLocationIn({ id }: ImageRecord, { url, store }: ImageLocation, of: MovingStore): boolean {
  return of === null ? url === ownUrl(id) : store === of
}

function isEmpty(metadata: Record<string, unknown>): boolean {
  return Object.keys(metadata).length === 0
}
