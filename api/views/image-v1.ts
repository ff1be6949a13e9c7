/** An image as API v1 shows it, as JSON and as headers. */
import type { ImageRecord } from '../../node/images/image-record.ts'
import { writeHeaderName, writeHeaderText } from '../v1/header-text.ts'
import { HIDDEN_PROPERTIES } from './image-v2.ts'

/** What it needs of an image, wherever that is. */
export type ImageShownByV1 = Pick<
  ImageRecord,
  | 'id'
  | 'name'
  | 'size'
  | 'diskFormat'
  | 'containerFormat'
  | 'checksum'
  | 'virtualSize'
  | 'minDisk'
  | 'minRam'
  | 'status'
  | 'visibility'
  | 'owner'
  | 'protected'
  | 'createdAt'
  | 'updatedAt'
  | 'deletedAt'
  | 'properties'
>

export function briefImageV1(image: ImageShownByV1) {
  return {
    id: image.id,
    name: image.name,
    size: sizeOf(image),
    disk_format: image.diskFormat,
    container_format: image.containerFormat,
    checksum: image.checksum,
  }
}

/** Locations are shown to nobody: they may hold credentials. */
export function imageV1(image: ImageShownByV1) {
  return { ...baseFields(image), properties: propertiesOf(image) }
}

/** What is null has no header. */
export function imageHeadersV1(image: ImageShownByV1): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(propertiesOf(image)))
    if (value !== null)
      headers[`x-image-meta-property-${writeHeaderName(name.toLowerCase())}`] = writeHeaderText(value)
  for (const [name, value] of Object.entries(baseFields(image)))
    if (value !== null) headers[`x-image-meta-${name}`] = writeHeaderText(pythonText(value))
  return { ...headers, ...etagOf(image) }
}

export function etagOf({ checksum }: ImageShownByV1): { etag?: string } {
  return checksum === null ? {} : { etag: checksum }
}

function baseFields(image: ImageShownByV1) {
  const isDeleted = image.status === 'deleted' || image.status === 'pending_delete'
  return {
    ...briefImageV1(image),
    virtual_size: image.virtualSize,
    min_disk: image.minDisk,
    min_ram: image.minRam,
    status: image.status,
    is_public: image.visibility === 'public',
    owner: image.owner,
    protected: image.protected,
    created_at: timeOf(image.createdAt),
    updated_at: timeOf(image.updatedAt),
    deleted_at: image.deletedAt === null ? null : timeOf(image.deletedAt),
    deleted: isDeleted,
  }
}

/** V1 has no images of unknown size. */
function sizeOf({ size }: ImageShownByV1): number {
  return size ?? 0
}

/** Without zone, and always with a fraction. */
function timeOf(time: string): string {
  return time.replace(/Z$/, '.000000')
}

function pythonText(value: string | number | boolean): string {
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  return String(value)
}

function propertiesOf({ properties }: ImageShownByV1): ImageRecord['properties'] {
  return Object.fromEntries(Object.entries(properties).filter(([name]) => !HIDDEN_PROPERTIES.has(name)))
}
