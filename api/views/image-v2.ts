/** An image as API v2 shows it. */
import type { ImagePage, ShownLocations } from '../../node/images/image-requests.ts'
import type { ImageRecord } from '../../node/images/image-record.ts'
import { pageLink } from './page-link.ts'

export const IMAGES_PATH = '/v2/images'

/** Properties by which Glance's workers find each other; it never shows them. */
export const HIDDEN_PROPERTIES = new Set(['os_glance_stage_host', 'os_glance_hash_op_host'])

/**
 * An image as JSON text. Base fields are always there, null when unset; custom properties stand beside them and can never
 * hide one. The two are written apart: put into one object, each set of properties would make a layout of its own in the
 * engine, and that takes four times as long as all the rest. `stores`: ids of those that have its bytes.
 */
export function imageText(image: ImageRecord, stores: readonly string[]): string {
  const base = { ...baseFields(image), ...(stores.length > 0 && { stores: stores.join(',') }) }
  const baseText = JSON.stringify(base)
  const properties = JSON.stringify(shownProperties(image, base))
  return properties === '{}' ? baseText : `${properties.slice(0, -1)},${baseText.slice(1)}`
}

/** The text with where the bytes are. What is not shown to anybody is not there, not even as nothing. */
export function withLocations(text: string, { locations, directUrl }: ShownLocations): string {
  if (locations === null && directUrl === null) return text
  const fields = { ...(locations && { locations }), ...(directUrl !== null && { direct_url: directUrl }) }
  return `${text.slice(0, -1)},${JSON.stringify(fields).slice(1)}`
}

function baseFields(image: ImageRecord) {
  const self = `${IMAGES_PATH}/${image.id}`
  return {
    id: image.id,
    name: image.name,
    status: image.status,
    visibility: image.visibility,
    protected: image.protected,
    os_hidden: image.hidden,
    checksum: image.checksum,
    os_hash_algo: image.hashAlgo,
    os_hash_value: image.hashValue,
    owner: image.owner,
    size: image.size,
    virtual_size: image.virtualSize,
    container_format: image.containerFormat,
    disk_format: image.diskFormat,
    min_disk: image.minDisk,
    min_ram: image.minRam,
    created_at: image.createdAt,
    updated_at: image.updatedAt,
    tags: image.tags,
    self,
    file: `${self}/file`,
    schema: '/v2/schemas/image',
  }
}

function shownProperties({ properties }: ImageRecord, base: object): ImageRecord['properties'] {
  const isShown = (name: string) => !HIDDEN_PROPERTIES.has(name) && !Object.hasOwn(base, name)
  if (Object.keys(properties).every(isShown)) return properties
  return Object.fromEntries(Object.entries(properties).filter(([name]) => isShown(name)))
}

/** What stands beside the images of a page. The links keep every parameter of the request, repeated ones too. */
export function pageLinks(page: ImagePage, query: URLSearchParams): Record<string, unknown> {
  const last = page.images.at(-1)
  return {
    first: pageLink(IMAGES_PATH, query, null),
    ...(page.more && last ? { next: pageLink(IMAGES_PATH, query, last.id) } : {}),
    schema: '/v2/schemas/images',
  }
}
