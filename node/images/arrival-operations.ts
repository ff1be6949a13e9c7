/**
 * An image is moved here from another store (see moved-image.ts): first its record with all that was said of it, then its
 * bytes. Until these are there it is queued, and nobody else can give it any. Where it is already, nothing is changed unless
 * that was asked for, and its bytes never are. Where they lie in a back end already, the image comes whole, in one decision.
 */
import type { UploadId } from '../../cluster/transfer/local-chunks.ts'
import type { StoredObject } from '../backends/backends.ts'
import { onLiveImage, onUpload, operation, refuse, write, type Timed } from './image-decisions.ts'
import type { ImageData, ImageLocation, ImageRecord, ImageUpload } from './image-record.ts'
import { locationOf, locationsOf, ownUrl, storedObjects } from './location-rules.ts'
import { differences, isSameContent, movedFrom, recordOf, type MovedImage } from './moved-image.ts'

export interface ArriveArgs extends Timed {
  image: MovedImage
  /** Take what is said of it from the other store where the two differ. */
  overwrite: boolean
  /** Has its bytes: they were found to be those of the image. Absent: they come later, if there are any. */
  object?: StoredObject
}

export interface StartArrivalArgs extends Timed {
  upload: ImageUpload
}

/** What was found of the bytes that came: it was checked against `arriving`. */
export interface FinishArrivalArgs extends Timed {
  uploadId: UploadId
  data: ImageData | null
  sizeBytes: number
  md5: string
  /** By the algorithm of the other store, or by our own where it had none; hex. */
  multihash: string
}

const arrive = operation<ArriveArgs>((current, { image, overwrite, object }) => {
  const arrived = object ? recordIn(object, image) : recordOf(image)
  if (!current) return write(arrived)
  const record = current.record as ImageRecord
  if (!current.live) return refuse('CONFLICT', `Image ${image.id} was deleted here.`)
  const here = movedFrom(record)
  if (!here) return refuse('CONFLICT', `Image ${image.id} is ${record.status} here.`)
  const differing = differences(here, image)
  const isWaitedFor = object !== undefined && record.arriving !== undefined && !record.upload
  if (differing.length === 0) return isWaitedFor ? write(arrived) : { kind: 'keep' }
  if (overwrite && !record.upload && isSameContent(here, image)) return write(overwritten(record, image))
  return refuse('CONFLICT', `Image ${image.id} is here and differs in: ${differing.join(', ')}.`)
})

const startArrival = onLiveImage<StartArrivalArgs>((record, { upload }) => {
  if (!record.arriving)
    return refuse('CONFLICT', `Image ${record.id} is ${record.status} and waits for no bytes from elsewhere.`)
  if (record.status !== 'queued')
    return refuse('CONFLICT', `Image ${record.id} is ${record.status}: its bytes are on their way already.`)
  return write({ ...record, status: 'saving', upload })
})

/** The times are those of the other store: for its users nothing has changed. */
const finishArrival = onUpload<FinishArrivalArgs>((record, { data, sizeBytes, md5, multihash }) => {
  const { arriving, ...rest } = record
  if (!arriving) return refuse('CONFLICT', `Image ${record.id} waits for no bytes from elsewhere.`)
  return write({
    ...rest,
    status: arriving.status,
    upload: null,
    data,
    size: sizeBytes,
    virtualSize: arriving.virtualSize,
    checksum: md5,
    hashAlgo: arriving.hashAlgo ?? 'sha512',
    hashValue: multihash,
    updatedAt: arriving.updatedAt,
  })
})

export const arrivalOperations = {
  'image.arrive': arrive,
  'image.start-arrival': startArrival,
  'image.finish-arrival': finishArrival,
}

export interface ArrivalOperationArgs {
  'image.arrive': ArriveArgs
  'image.start-arrival': StartArrivalArgs
  'image.finish-arrival': FinishArrivalArgs
}

/** With its bytes where they are. */
function recordIn(object: StoredObject, image: MovedImage): ImageRecord {
  return recordOf({ ...image, hasBytes: false, locations: [locationOf(object), ...image.locations] })
}

/** The bytes that are here stay where they are, and so does what was computed of them. */
function overwritten(record: ImageRecord, image: MovedImage): ImageRecord {
  const isInBackend = storedObjects(record).length > 0
  if (!record.data && !isInBackend) return recordOf(image)
  const { arriving: _, ...next } = recordOf({ ...image, hasBytes: true })
  const { data, size, checksum, hashAlgo, hashValue } = record
  const { virtualSize, updatedAt, status } = image
  const isHere = ({ url, store }: ImageLocation) => store !== undefined || url === ownUrl(record.id)
  const locations = isInBackend && { locations: [...locationsOf(record).filter(isHere), ...image.locations] }
  return { ...next, ...locations, data, size, checksum, hashAlgo, hashValue, virtualSize, updatedAt, status }
}
