/** The headers that describe an image in requests of API v1 (glance-api.md §13.2). */
import type { IncomingHttpHeaders } from 'node:http'
import { ImageError } from '../../node/errors.ts'
import type { V1Fields, V1Meta, V1Update } from '../../node/images/v1-images-port.ts'
import { isYes } from '../python-words.ts'
import { checkPropertyName, checkPropertyValue, isUuid, refuseServerField } from '../v2/image-fields.ts'
import type { FieldValue, UserFieldRules } from '../v2/image-fields.ts'
import { readHeaderText } from './header-text.ts'

export interface V1Headers extends V1Meta {
  /** A UUID in lower case. */
  id: string | null
  status: string | null
  /** Where the bytes are, or shall be copied from; null: not said. */
  location: string | null
  copyFrom: string | null
  /** Absent: true, where no data comes. */
  purgesProperties: boolean
}

const META = 'x-image-meta-'
const PROPERTY = 'x-image-meta-property-'
const COPY_FROM = 'x-glance-api-copy-from'
const PURGE = 'x-glance-registry-purge-props'
/** The store that takes bytes. */
const OWN_STORE = 'cluster'
const AMAZON_FORMATS = new Set(['aki', 'ari', 'ami'])
const MD5_HEX = /^[\da-f]{32}$/i

/** Known names that say nothing: the service's own fields, and what Glance knew from its registry. */
const IGNORED = new Set([
  'deleted',
  'created_at',
  'updated_at',
  'deleted_at',
  'virtual_size',
  'uri',
  'copy_from',
])
const FIELDS = [
  'name',
  'disk_format',
  'container_format',
  'min_disk',
  'min_ram',
  'protected',
  'owner',
  'is_public',
]
const OTHERS = ['id', 'status', 'size', 'checksum', 'store', 'location']

/** Throws INVALID for an unknown name or a wrong value, FORBIDDEN for properties that only the service sets. */
export function parseV1Headers(headers: IncomingHttpHeaders, rules: UserFieldRules): V1Headers {
  const meta = new Map<string, string>()
  const properties: Record<string, string | null> = {}
  for (const [header, value] of Object.entries(headers)) {
    if (!header.startsWith(META) || typeof value !== 'string') continue
    if (header.startsWith(PROPERTY)) putProperty(properties, header, value)
    else meta.set(metaName(header), readHeaderText(header, value))
  }
  const store = meta.get('store')
  if (store && store !== OWN_STORE)
    throw new ImageError('INVALID', `Required store ${store} is invalid: bytes go to '${OWN_STORE}'.`)
  return {
    id: idIn(meta.get('id')),
    status: meta.get('status') ?? null,
    fields: fieldsOf(meta, rules),
    announced: announcedIn(meta),
    properties,
    location: meta.get('location') ?? null,
    copyFrom: headerText(headers, COPY_FROM),
    purgesProperties: isYes(headerText(headers, PURGE) ?? 'true'),
  }
}

/** What a PUT says of what never changes. */
export function fixedIn({ id, status }: V1Headers): V1Update['fixed'] {
  return { ...(id !== null && { id }), ...(status !== null && { status }) }
}

function headerText(headers: IncomingHttpHeaders, name: string): string | null {
  const value = headers[name]
  return typeof value === 'string' ? readHeaderText(name, value) : null
}

/** `-` and `_` are the same. */
function metaName(header: string): string {
  const name = header.slice(META.length).replaceAll('-', '_')
  if (FIELDS.includes(name) || OTHERS.includes(name) || IGNORED.has(name)) return name
  throw new ImageError('INVALID', `Bad header: ${header}`)
}

function putProperty(properties: Record<string, string | null>, header: string, value: string): void {
  const name = readHeaderText(header, header.slice(PROPERTY.length)).toLowerCase().replaceAll('-', '_')
  refuseServerField(name)
  checkPropertyName(name)
  properties[name] = checkPropertyValue(name, readHeaderText(header, value) || nothing(name))
}

/** Of no value at all Glance makes null; v2 knows that of some properties alone. */
function nothing(name: string): string | null {
  return name === 'kernel_id' || name === 'ramdisk_id' ? null : ''
}

function idIn(text: string | undefined): string | null {
  if (text === undefined || text === '') return null
  if (isUuid(text)) return text.toLowerCase()
  throw new ImageError('INVALID', 'Invalid image id format')
}

function fieldsOf(meta: ReadonlyMap<string, string>, rules: UserFieldRules): V1Fields {
  const fields: Record<string, FieldValue> = {}
  for (const name of FIELDS) {
    const text = meta.get(name)
    if (text === undefined) continue
    if (name === 'is_public') fields['isPublic'] = isYes(text)
    else if (name === 'protected') fields['protected'] = isYes(text)
    else {
      const rule = rules.get(name)!
      const isNumber = name === 'min_disk' || name === 'min_ram'
      fields[rule.field] = rule.check(isNumber ? wholeNumber(name, text) : text || null)
    }
  }
  return withAmazonFormats(fields)
}

/** One of them stands for both. */
function withAmazonFormats(fields: V1Fields): V1Fields {
  const { diskFormat = null, containerFormat = null } = fields
  const format = [diskFormat, containerFormat].find((known) => known !== null && AMAZON_FORMATS.has(known))
  if (format === undefined) return fields
  const both = { ...fields, diskFormat: diskFormat ?? format, containerFormat: containerFormat ?? format }
  if (both.diskFormat === both.containerFormat) return both
  throw new ImageError(
    'INVALID',
    "Invalid mix of disk and container formats. When setting a disk or container format to one of 'aki', 'ari', or 'ami', " +
      'the container and disk formats must match.',
  )
}

function announcedIn(meta: ReadonlyMap<string, string>): V1Meta['announced'] {
  const size = meta.get('size')
  const checksum = meta.get('checksum')
  if (checksum && !MD5_HEX.test(checksum))
    throw new ImageError('INVALID', 'The checksum of an image is an MD5 in hexadecimal.')
  return {
    ...(size !== undefined && { size: wholeNumber('size', size) }),
    ...(checksum && { checksum: checksum.toLowerCase() }),
  }
}

/** As Python reads it, but for a size that no image has. */
function wholeNumber(name: string, text: string): number {
  const value = /^\s*[+-]?\d{1,16}\s*$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(value))
    throw new ImageError('INVALID', `Cannot convert image ${name} '${text}' to an integer.`)
  if (value < 0) throw new ImageError('INVALID', `The ${name} of an image cannot be a negative value.`)
  return value
}
