/** The fields of an image by their wire names: who may set them, and which values they take. */
import { ImageError } from '../../node/errors.ts'
import { VISIBILITIES } from '../../node/images/image-record.ts'
import type { UserField } from '../../node/images/image-requests.ts'
import { UNSAFE_NAME } from './json-object.ts'

/** Characters of names, owners, tags and property names: column widths of Glance's database. */
export const TEXT_LENGTH_MAX = 255
/** min_disk and min_ram are signed 32-bit integers in Glance. */
const MINIMUM_MAX = 2 ** 31 - 1

/** Set by the service alone; also for the administrator. */
const READ_ONLY = new Set([
  'status',
  'size',
  'virtual_size',
  'checksum',
  'os_hash_algo',
  'os_hash_value',
  'created_at',
  'updated_at',
  'direct_url',
  'self',
  'file',
  'schema',
])
/** Names that Glance keeps for itself; `locations` are for PATCH, `stores` are where the bytes are. */
const RESERVED = new Set(['location', 'locations', 'stores', 'deleted', 'deleted_at'])
const RESERVED_PREFIX = 'os_glance'

export type FieldValue = string | number | boolean | string[] | null

/** How one user field is called inside, and how its value is checked. */
export interface UserFieldRule {
  field: UserField
  /** Returns the value as the record takes it, or throws INVALID. */
  check(value: unknown): FieldValue
}

export type UserFieldRules = ReadonlyMap<string, UserFieldRule>

export interface FormatOptions {
  diskFormats: readonly string[]
  containerFormats: readonly string[]
}

/** The rules of the base user fields, by wire name. */
export function userFieldRules(formats: FormatOptions): UserFieldRules {
  return new Map<string, UserFieldRule>([
    ['name', { field: 'name', check: (value) => textOrNull('name', value) }],
    ['visibility', { field: 'visibility', check: (value) => oneOf('visibility', VISIBILITIES, value) }],
    ['protected', { field: 'protected', check: (value) => flag('protected', value) }],
    ['os_hidden', { field: 'hidden', check: (value) => flag('os_hidden', value) }],
    // Glance stores an empty owner as none.
    ['owner', { field: 'owner', check: (value) => textOrNull('owner', value) || null }],
    ['container_format', formatRule('container_format', 'containerFormat', formats.containerFormats)],
    ['disk_format', formatRule('disk_format', 'diskFormat', formats.diskFormats)],
    ['min_disk', { field: 'minDisk', check: (value) => minimum('min_disk', value) }],
    ['min_ram', { field: 'minRam', check: (value) => minimum('min_ram', value) }],
    ['tags', { field: 'tags', check: tagList }],
  ])
}

function formatRule(name: string, field: UserField, formats: readonly string[]): UserFieldRule {
  return { field, check: (value) => (value === null ? null : oneOf(name, formats, value)) }
}

/** Throws FORBIDDEN for names that only the service sets. `id` is settable on create, so that is the caller's matter. */
export function refuseServerField(name: string): void {
  if (READ_ONLY.has(name)) throw new ImageError('FORBIDDEN', `Attribute '${name}' is read-only.`)
  if (RESERVED.has(name) || name.startsWith(RESERVED_PREFIX)) {
    throw new ImageError('FORBIDDEN', `Attribute '${name}' is reserved.`)
  }
}

/** Custom properties with a form of their own, as in Glance's schema-image.json; all others are plain strings. */
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const NULLABLE_UUIDS = new Set(['kernel_id', 'ramdisk_id'])
const KEY_DELETION_POLICY = 'cinder_encryption_key_deletion_policy'
export const KEY_DELETION_POLICIES = ['on_image_deletion', 'do_not_delete'] as const

/** Throws INVALID unless `name` can be the name of a custom property. */
export function checkPropertyName(name: string): void {
  if (name === '' || name === UNSAFE_NAME || name.length > TEXT_LENGTH_MAX) {
    throw new ImageError(
      'INVALID',
      `A property name has 1 to ${TEXT_LENGTH_MAX} characters and is not '${UNSAFE_NAME}'.`,
    )
  }
}

/** The value of custom property `name`, or throws INVALID. */
export function checkPropertyValue(name: string, value: unknown): string | null {
  if (NULLABLE_UUIDS.has(name)) {
    if (value === null) return null
    if (typeof value === 'string' && isUuid(value)) return value
    throw new ImageError('INVALID', `Property '${name}' takes a UUID or null.`)
  }
  if (name === KEY_DELETION_POLICY) return oneOf(name, KEY_DELETION_POLICIES, value)
  if (typeof value === 'string') return value
  throw new ImageError('INVALID', `Property '${name}' takes a string.`)
}

/** Whether `text` is a UUID with dashes, in any case. */
export function isUuid(text: string): boolean {
  return UUID.test(text)
}

function textOrNull(name: string, value: unknown): string | null {
  if (value === null) return null
  if (typeof value === 'string' && value.length <= TEXT_LENGTH_MAX) return value
  throw new ImageError(
    'INVALID',
    `Attribute '${name}' takes null or a string of at most ${TEXT_LENGTH_MAX} characters.`,
  )
}

function oneOf<T extends string>(name: string, allowed: readonly T[], value: unknown): T {
  const found = allowed.find((candidate) => candidate === value)
  if (found !== undefined) return found
  throw new ImageError('INVALID', `Attribute '${name}' takes one of: ${allowed.join(', ')}.`)
}

function flag(name: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value
  throw new ImageError('INVALID', `Attribute '${name}' takes true or false.`)
}

function minimum(name: string, value: unknown): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MINIMUM_MAX) return value
  throw new ImageError('INVALID', `Attribute '${name}' takes an integer from 0 to ${MINIMUM_MAX}.`)
}

function tagList(value: unknown): string[] {
  const isTag = (tag: unknown): tag is string => typeof tag === 'string' && tag.length <= TEXT_LENGTH_MAX
  if (Array.isArray(value) && value.every(isTag)) return [...new Set(value)].sort()
  throw new ImageError(
    'INVALID',
    `Attribute 'tags' takes a list of strings of at most ${TEXT_LENGTH_MAX} characters.`,
  )
}
