/** Checks a moved image that came as JSON, from the network or out of a file. Throws INVALID that names the field. */
import { isDigest, isHashAlgorithm } from '../data/hash-algorithms.ts'
import { ImageError } from '../errors.ts'
import {
  MEMBER_STATUSES,
  VISIBILITIES,
  type ImageLocation,
  type ImageMember,
  type ImageRecord,
} from './image-record.ts'
import type { MovedImage, MovedStatus } from './moved-image.ts'

type Checks = { [Field in keyof MovedImage]: (value: unknown, name: string) => MovedImage[Field] }

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const MD5_HEX = /^[0-9a-f]{32}$/
const HEX = /^([0-9a-f]{2})+$/
const ISO_SECONDS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/
const STATUSES: readonly MovedStatus[] = ['queued', 'active', 'deactivated']
/** Column widths of Glance's database. */
const TEXT_LENGTH_MAX = 255
/** `min_disk` and `min_ram` are signed 32-bit integers in Glance. */
const MINIMUM_MAX = 2 ** 31 - 1
const CHECKS: Checks = {
  id: pattern(UUID, 'a UUID in lower case'),
  name: orNull(text),
  status: oneOf(STATUSES),
  visibility: oneOf(VISIBILITIES),
  protected: flag,
  hidden: flag,
  owner: orNull(text),
  containerFormat: orNull(text),
  diskFormat: orNull(text),
  minDisk: integer(MINIMUM_MAX),
  minRam: integer(MINIMUM_MAX),
  size: orNull(integer(Number.MAX_SAFE_INTEGER)),
  virtualSize: orNull(integer(Number.MAX_SAFE_INTEGER)),
  checksum: orNull(pattern(MD5_HEX, 'an MD5 in hexadecimal')),
  hashAlgo: orNull(algorithm),
  hashValue: orNull(pattern(HEX, 'a digest in hexadecimal')),
  createdAt: pattern(ISO_SECONDS, 'a time like 2026-01-31T12:00:00Z'),
  updatedAt: pattern(ISO_SECONDS, 'a time like 2026-01-31T12:00:00Z'),
  tags: listOf(text),
  properties: propertiesIn,
  members: listOf(member),
  hasBytes: flag,
  locations: listOf(location),
}

export function parseMovedImage(body: unknown): MovedImage {
  const given = objectIn(body, 'the image')
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(CHECKS, name))
  if (unknown !== undefined) throw invalid(`An image has no field ${unknown.slice(0, TEXT_LENGTH_MAX)}.`)
  const image = Object.fromEntries(
    Object.entries(CHECKS).map(([name, check]) => [name, check(given[name], name)]),
  ) as unknown as MovedImage
  requireUnique(image)
  requireDigest(image)
  if (image.hasBytes && image.status === 'queued') throw invalid('A queued image has no bytes.')
  const isNowhere = !image.hasBytes && image.locations.length === 0
  if (isNowhere && image.status !== 'queued') throw invalid(`An image that is ${image.status} has bytes.`)
  return image
}

function requireDigest({ hashAlgo, hashValue }: MovedImage): void {
  if (hashAlgo === null && hashValue === null) return
  if (hashAlgo === null || hashValue === null) throw invalid('hashAlgo and hashValue come together.')
  if (isHashAlgorithm(hashAlgo) && !isDigest(hashAlgo, hashValue))
    throw invalid(`hashValue is no ${hashAlgo}.`)
}

function requireUnique({ tags, members, locations }: MovedImage): void {
  const lists = {
    tags,
    members: members.map(({ memberId }) => memberId),
    locations: locations.map(({ url }) => url),
  }
  for (const [name, keys] of Object.entries(lists))
    if (new Set(keys).size < keys.length) throw invalid(`Two of ${name} are the same.`)
}

function member(value: unknown, name: string): ImageMember {
  const { memberId, status, createdAt, updatedAt } = objectIn(value, name)
  return {
    memberId: text(memberId, `memberId of ${name}`),
    status: oneOf(MEMBER_STATUSES)(status, `status of ${name}`),
    createdAt: CHECKS.createdAt(createdAt, `createdAt of ${name}`),
    updatedAt: CHECKS.updatedAt(updatedAt, `updatedAt of ${name}`),
  }
}

function location(value: unknown, name: string): ImageLocation {
  const { url, metadata } = objectIn(value, name)
  if (typeof url !== 'string' || !URL.canParse(url)) throw invalid(`url of ${name} must be a URL.`)
  return { url, metadata: objectIn(metadata, `metadata of ${name}`) }
}

function propertiesIn(value: unknown, name: string): ImageRecord['properties'] {
  const entries = Object.entries(objectIn(value, name))
  for (const [key, property] of entries) {
    text(key, `a name in ${name}`)
    if (property !== null && typeof property !== 'string')
      throw invalid(`${name}.${key} must be text or null.`)
  }
  // Not by assignment: a property may have any name.
  return Object.fromEntries(entries) as ImageRecord['properties']
}

function algorithm(value: unknown, name: string): string {
  const algo = text(value, name)
  if (!isHashAlgorithm(algo)) throw invalid(`${name}: this node cannot compute ${algo}.`)
  return algo
}

function text(value: unknown, name: string): string {
  if (typeof value === 'string' && value.length <= TEXT_LENGTH_MAX) return value
  throw invalid(`${name} must be text of up to ${TEXT_LENGTH_MAX} characters.`)
}

function flag(value: unknown, name: string): boolean {
  if (typeof value === 'boolean') return value
  throw invalid(`${name} must be true or false.`)
}

function integer(max: number) {
  return (value: unknown, name: string): number => {
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max) return value
    throw invalid(`${name} must be an integer from 0 to ${max}.`)
  }
}

function pattern(form: RegExp, description: string) {
  return (value: unknown, name: string): string => {
    if (typeof value === 'string' && form.test(value)) return value
    throw invalid(`${name} must be ${description}.`)
  }
}

function oneOf<T extends string>(allowed: readonly T[]) {
  return (value: unknown, name: string): T => {
    const found = allowed.find((known) => known === value)
    if (found !== undefined) return found
    throw invalid(`${name} must be one of: ${allowed.join(', ')}.`)
  }
}

function orNull<T>(check: (value: unknown, name: string) => T) {
  return (value: unknown, name: string): T | null => (value === null ? null : check(value, name))
}

function listOf<T>(check: (value: unknown, name: string) => T) {
  return (value: unknown, name: string): T[] => {
    if (Array.isArray(value)) return value.map((item, index) => check(item, `${name}[${index}]`))
    throw invalid(`${name} must be a list.`)
  }
}

function objectIn(value: unknown, name: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>
  throw invalid(`${name} must be a JSON object.`)
}

function invalid(message: string): ImageError {
  return new ImageError('INVALID', message)
}
