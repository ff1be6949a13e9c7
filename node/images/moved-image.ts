/**
 * An image as it goes from one store to another, with all that was said of it: the form in which the operator port takes and
 * gives images, and that of the JSON files of an export. Where its bytes lie here is no part of it.
 */
import type { ImageLocation, ImageRecord } from './image-record.ts'
import type { UserField } from './image-requests.ts'
import { locationsOf, ownUrl, storedObjects } from './location-rules.ts'

type KeptField =
  | UserField
  | 'id'
  | 'size'
  | 'virtualSize'
  | 'checksum'
  | 'hashAlgo'
  | 'hashValue'
  | 'createdAt'
  | 'updatedAt'
  | 'properties'
  | 'members'

export type MovedStatus = 'queued' | 'active' | 'deactivated'

export interface MovedImage extends Pick<ImageRecord, KeptField> {
  /** Only these rest: all others are of somebody's work under way. */
  status: MovedStatus
  /** Whether the bytes come along; else there are none, or they stay at `locations`. */
  hasBytes: boolean
  /** Outside of the store that it comes from. */
  locations: ImageLocation[]
}

/** Fields that no record of the same bytes can differ in. */
const CONTENT_FIELDS: readonly (keyof MovedImage)[] = ['size', 'checksum', 'hashAlgo', 'hashValue']
/** What the other side may not know: then it is filled in here. */
const FILLED_IN: ReadonlySet<keyof MovedImage> = new Set(['checksum', 'hashAlgo', 'hashValue'])

/** The image, or what it will be when its bytes are there; null while somebody works on it otherwise. */
export function movedFrom(record: ImageRecord): MovedImage | null {
  const { arriving } = record
  const status = arriving?.status ?? record.status
  if (status !== 'queued' && status !== 'active' && status !== 'deactivated') return null
  return {
    id: record.id,
    name: record.name,
    status,
    visibility: record.visibility,
    protected: record.protected,
    hidden: record.hidden,
    owner: record.owner,
    containerFormat: record.containerFormat,
    diskFormat: record.diskFormat,
    minDisk: record.minDisk,
    minRam: record.minRam,
    ...contentOf(record),
    createdAt: record.createdAt,
    updatedAt: arriving?.updatedAt ?? record.updatedAt,
    tags: [...record.tags],
    properties: { ...record.properties },
    members: record.members.map((member) => ({ ...member })),
    hasBytes: record.data !== null || storedObjects(record).length > 0 || arriving !== undefined,
    locations: locationsOf(record).filter(
      ({ url, store }) => store === undefined && url !== ownUrl(record.id),
    ),
  }
}

function contentOf(record: ImageRecord) {
  const { size, virtualSize, checksum, hashAlgo, hashValue } = record.arriving ?? record
  return { size, virtualSize, checksum, hashAlgo, hashValue }
}

/** What the record of such an image is before its bytes come, or for ever when none do. */
export function recordOf(image: MovedImage): ImageRecord {
  const { hasBytes, locations, status, ...kept } = image
  const all =
    hasBytes && locations.length > 0 ? [{ url: ownUrl(image.id), metadata: {} }, ...locations] : locations
  const base = {
    ...kept,
    tags: [...kept.tags].sort(),
    deletedAt: null,
    data: null,
    upload: null,
    ...(all.length > 0 && { locations: all }),
  }
  if (!hasBytes || status === 'queued') return { ...base, status }
  const { size, virtualSize, checksum, hashAlgo, hashValue, updatedAt } = image
  const arriving = { status, size, virtualSize, checksum, hashAlgo, hashValue, updatedAt }
  const none = { size: null, virtualSize: null, checksum: null, hashAlgo: null, hashValue: null }
  return { ...base, ...none, status: 'queued', arriving }
}

/** The fields in which what is here is not what comes. */
export function differences(here: MovedImage, coming: MovedImage): (keyof MovedImage)[] {
  const names = Object.keys(coming) as (keyof MovedImage)[]
  return names.filter((name) => {
    if (FILLED_IN.has(name) && coming[name] === null) return false
    // What was brought here is no loss.
    if (name === 'hasBytes') return coming.hasBytes && !here.hasBytes
    return canonical(here[name]) !== canonical(coming[name])
  })
}

/** Whether both may be told of the same bytes. An image without any takes those that come. */
export function isSameContent(here: MovedImage, coming: MovedImage): boolean {
  if (here.status === 'queued' || !here.hasBytes) return true
  const differing = differences(here, coming)
  return !CONTENT_FIELDS.some((name) => differing.includes(name))
}

/** Equal texts for equal values, in whatever order lists and fields are: none of these lists has one that means anything. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).sort().join()}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const entries = Object.entries(value).map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`)
  return `{${entries.sort().join()}}`
}
