/** An image as API v2 shows it. */
import type { ImagePage } from '../../node/images/image-requests.ts'
import type { ImageRecord } from '../../node/images/image-record.ts'

export const IMAGES_PATH = '/v2/images'

/** Properties by which Glance's workers find each other; it never shows them. */
const HIDDEN_PROPERTIES = new Set(['os_glance_stage_host', 'os_glance_hash_op_host'])

/** Base fields are always there, null when unset; custom properties stand beside them and can never hide one. */
export function imageView(image: ImageRecord): Record<string, unknown> {
  const self = `${IMAGES_PATH}/${image.id}`
  return {
    ...shownProperties(image),
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

function shownProperties(image: ImageRecord): Record<string, string | null> {
  return Object.fromEntries(Object.entries(image.properties).filter(([name]) => !HIDDEN_PROPERTIES.has(name)))
}

/** What stands beside the images of a page. The links keep every parameter of the request, repeated ones too. */
export function pageLinks(page: ImagePage, query: URLSearchParams): Record<string, unknown> {
  const last = page.images.at(-1)
  return {
    first: link(query, null),
    ...(page.more && last ? { next: link(query, last.id) } : {}),
    schema: '/v2/schemas/images',
  }
}

function link(query: URLSearchParams, marker: string | null): string {
  const parameters = new URLSearchParams(query)
  parameters.delete('marker')
  if (marker !== null) parameters.set('marker', marker)
  return parameters.size === 0 ? IMAGES_PATH : `${IMAGES_PATH}?${parameters.toString()}`
}
