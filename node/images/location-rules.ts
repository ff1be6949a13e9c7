/**
 * Where the bytes of an image may be had, and what changes of that do (glance-api.md §6.3). Pure: it runs inside the
 * register. The cluster's own copy is a location like the others, with a URL that says no more than whose bytes they are.
 */
import type { StoredObject } from '../backends/backends.ts'
import { isDigest } from '../data/hash-algorithms.ts'
import type { ImageErrorCode } from '../errors.ts'
import type { ImageLocation, ImageRecord } from './image-record.ts'

/** What a caller says of the bytes at a location: hex digests, and the name of the multihash's algorithm. */
export interface ValidationData {
  checksum?: string
  hashAlgo: string
  hashValue: string
}

export interface NewLocation extends ImageLocation {
  validation?: ValidationData
  /** Bytes that were found there; absent for URLs that the image had when its location was looked at. */
  sizeBytes?: number
}

/** `at`: the place in the list; null = behind the last one, or the last one itself. */
export type LocationChange =
  | { kind: 'add-location'; at: number | null; location: NewLocation }
  | { kind: 'replace-locations'; locations: NewLocation[] }
  | { kind: 'remove-location'; at: number | null }

export interface LocationRefusal {
  code: ImageErrorCode
  message: string
}

type Result = ImageRecord | LocationRefusal

/** `hashing_algorithm`: of what is uploaded, and, as in Glance, the only one that a patch may name. */
export const HASH_ALGORITHM = 'sha512'
const MD5_HEX = /^[0-9a-f]{32}$/i
const OWN_SCHEME = 'serac'
const DUPLICATE: LocationRefusal = { code: 'INVALID', message: 'The location is there already.' }

/** The URL of the bytes that the cluster itself keeps. */
export function ownUrl(imageId: string): string {
  return `${OWN_SCHEME}://${imageId}`
}

/** In the order in which they are shown. */
export function locationsOf(image: ImageRecord): readonly ImageLocation[] {
  if (image.locations) return image.locations
  return image.data ? [{ url: ownUrl(image.id), metadata: {} }] : []
}

/** URLs outside of the cluster and of its back ends, in their order. */
export function outsideUrls(image: ImageRecord): string[] {
  const outside = (image.locations ?? []).filter(
    ({ url, store }) => store === undefined && url !== ownUrl(image.id),
  )
  return outside.map(({ url }) => url)
}

/** Its objects in back ends, in the order of its locations. */
export function storedObjects({ locations }: Pick<ImageRecord, 'locations'>): StoredObject[] {
  return (locations ?? []).flatMap(({ url, store }) => (store === undefined ? [] : [{ url, store }]))
}

/** An object as the location of its image, as Glance shows it. */
export function locationOf({ store, url }: StoredObject): ImageLocation {
  return { url, metadata: { store }, store }
}

export function isLocationChange(change: { kind: string }): change is LocationChange {
  return ['add-location', 'replace-locations', 'remove-location'].includes(change.kind)
}

/** `quota`: locations of one image; -1 = unlimited. */
export function changeLocations(image: ImageRecord, change: LocationChange, quota: number): Result {
  switch (change.kind) {
    case 'add-location':
      return add(image, change, quota)
    case 'replace-locations':
      return replace(image, change.locations, quota)
    case 'remove-location':
      return remove(image, change.at)
  }
}

/** Null while locations may be added and replaced. */
export function refusalToAdd({ id, status, arriving }: ImageRecord): LocationRefusal | null {
  if (arriving) return refuse('CONFLICT', `Image ${id} is being moved here; its data is on its way.`)
  if (status === 'queued' || status === 'active') return null
  return refuse('CONFLICT', `It's not allowed to add or replace locations if image status is ${status}.`)
}

/** Null when an image may become active. */
export function refusalToActivate({ diskFormat, containerFormat }: ImageRecord): LocationRefusal | null {
  if (diskFormat !== null && containerFormat !== null) return null
  return refuse('INVALID', 'Properties disk_format, container_format must be set prior to saving data.')
}

function add(
  image: ImageRecord,
  { at, location }: { at: number | null; location: NewLocation },
  quota: number,
): Result {
  const known = locationsOf(image)
  const refusal =
    refusalToAdd(image) ??
    refusalOfValidation(image, [location]) ??
    refusalOfCount(known.length + 1, quota) ??
    (known.some(({ url }) => url === location.url) ? DUPLICATE : null)
  if (refusal) return refusal
  const locations = known.toSpliced(at ?? known.length, 0, plain(location, []))
  return withNew(image, locations, [location])
}

function replace(image: ImageRecord, wanted: readonly NewLocation[], quota: number): Result {
  const known = locationsOf(image)
  const twice = wanted.find(({ url }, index) => wanted.findIndex((other) => other.url === url) < index)
  const isSame = sorted(known).join('\n') === sorted(wanted).join('\n')
  const refusal =
    refusalToAdd(image) ??
    refusalOfValidation(image, wanted) ??
    refusalOfCount(wanted.length, quota) ??
    (twice ? DUPLICATE : null) ??
    // Only what is said of the locations may change: nothing may get lost.
    (known.length > 0 && !isSame ? refuse('INVALID', 'Original locations is not empty.') : null)
  if (refusal) return refusal
  return withNew(
    image,
    wanted.map((location) => plain(location, known)),
    isSame ? [] : wanted,
  )
}

/** What the cluster keeps goes with its location, and so does an object of ours; what else lies elsewhere is not ours to delete. */
function remove(image: ImageRecord, at: number | null): Result {
  const known = locationsOf(image)
  if (image.status !== 'active')
    return refuse('CONFLICT', `It's not allowed to remove locations if image status is ${image.status}.`)
  if (known.length === 1) return refuse('FORBIDDEN', 'Cannot remove last location in the image.')
  const removed = known[at ?? known.length - 1]
  if (!removed) return refuse('INVALID', 'Invalid position for removing a location.')
  const locations = known.filter((location) => location !== removed)
  return { ...image, locations, data: removed.url === ownUrl(image.id) ? null : image.data }
}

/** A queued image that gets its first location is active, and what was said of the bytes holds. */
function withNew(image: ImageRecord, locations: ImageLocation[], added: readonly NewLocation[]): Result {
  let size = image.size
  for (const { sizeBytes } of added) {
    if (sizeBytes === undefined) return refuse('BASIS_CHANGED', `Image ${image.id} has lost a location.`)
    size ??= sizeBytes
    if (size !== sizeBytes)
      return refuse('INVALID', `The location has ${sizeBytes} bytes, the image has ${size}.`)
  }
  const next = { ...image, locations, size }
  if (image.status !== 'queued') return next
  return refusalToActivate(image) ?? { ...next, ...validated(added), status: 'active' }
}

function validated(added: readonly NewLocation[]): Pick<ImageRecord, 'checksum' | 'hashAlgo' | 'hashValue'> {
  const { checksum = null, hashAlgo = null, hashValue = null } = merged(added)
  return { checksum, hashAlgo, hashValue }
}

function merged(locations: readonly NewLocation[]): Partial<ValidationData> {
  return Object.assign({}, ...locations.map(({ validation }) => validation ?? {})) as Partial<ValidationData>
}

const WIRE_NAMES = { checksum: 'checksum', hashAlgo: 'os_hash_algo', hashValue: 'os_hash_value' } as const

/** Never compared with the bytes, as in Glance; so what an image has already cannot be said otherwise. */
function refusalOfValidation(image: ImageRecord, locations: readonly NewLocation[]): LocationRefusal | null {
  const all = merged(locations)
  const news: Partial<ValidationData> = {}
  for (const name of ['checksum', 'hashAlgo', 'hashValue'] as const) {
    const isConflict = locations.some(
      ({ validation }) => validation?.[name] && validation[name] !== all[name],
    )
    if (isConflict) return refuse('CONFLICT', `Conflicting values for ${WIRE_NAMES[name]}.`)
    const value = all[name]
    if (value === undefined || value === image[name]) continue
    if (image[name] !== null)
      return refuse('CONFLICT', `${WIRE_NAMES[name]} is already set with a different value.`)
    news[name] = value
  }
  if (Object.keys(news).length === 0) return null
  return image.status === 'queued'
    ? refusalOfForm(news)
    : refuse('CONFLICT', "New values for digests may only be provided when image status is 'queued'.")
}

function refusalOfForm({ checksum, hashAlgo, hashValue }: Partial<ValidationData>): LocationRefusal | null {
  if (checksum !== undefined && !MD5_HEX.test(checksum))
    return refuse('CONFLICT', 'checksum is no MD5 in hexadecimal.')
  if (hashAlgo !== HASH_ALGORITHM) return refuse('CONFLICT', `os_hash_algo must be ${HASH_ALGORITHM}.`)
  if (!isDigest(HASH_ALGORITHM, hashValue ?? ''))
    return refuse('CONFLICT', `os_hash_value is no ${HASH_ALGORITHM} in hexadecimal.`)
  return null
}

/** Null while an image may have so many locations. */
export function refusalOfCount(count: number, quota: number): LocationRefusal | null {
  if (quota < 0 || count <= quota) return null
  return refuse('TOO_LARGE', `The limit on the number of image locations is ${quota}, attempted ${count}.`)
}

/** Whose the bytes there are is not for callers to say: it stays as it is `known`. */
function plain({ url, metadata }: ImageLocation, known: readonly ImageLocation[]): ImageLocation {
  const store = known.find((location) => location.url === url)?.store
  return store === undefined ? { url, metadata } : { url, metadata, store }
}

function sorted(locations: readonly ImageLocation[]): string[] {
  return locations.map(({ url }) => url).toSorted()
}

function refuse(code: ImageErrorCode, message: string): LocationRefusal {
  return { code, message }
}
