/** Locations as clients write them: checked for form here, for what they mean inside the register. */
import { ImageError } from '../../node/errors.ts'
import type { LocationRequest } from '../../node/images/image-requests.ts'
import type { LocationChange, NewLocation, ValidationData } from '../../node/images/location-rules.ts'
import { isObject, UNSAFE_NAME } from './json-object.ts'

/** As in Glance's schema. */
export const LOCATION_URL_LENGTH_MAX = 255
/** Characters of JSON: what is said of a place, not a store of its own. */
const METADATA_LENGTH_MAX = 16 * 1024
/** Characters of a multihash in hexadecimal, of the name of its algorithm, and of an MD5. */
export const DIGEST_LENGTH_MAX = 128
export const ALGORITHM_LENGTH_MAX = 64
export const MD5_LENGTH = 32
const DIGITS = /^\d{1,9}$/

/** `path`: of the operation, without `locations`. Throws INVALID, FORBIDDEN. */
export function locationChange(
  verb: 'add' | 'replace' | 'remove',
  path: string[],
  value: unknown,
): LocationChange {
  const [place, ...deeper] = path
  if (verb === 'replace') {
    if (place !== undefined) throw invalid('Only the whole list of locations can be replaced.')
    if (!Array.isArray(value)) throw invalid("Attribute 'locations' takes a list.")
    if (value.length === 0) throw new ImageError('FORBIDDEN', 'Cannot set locations to empty list.')
    return { kind: 'replace-locations', locations: value.map(parseLocation) }
  }
  if (place === undefined || deeper.length > 0 || (place !== '-' && !DIGITS.test(place)))
    throw invalid("A location is named as '/locations/-' or '/locations/N'.")
  const at = place === '-' ? null : Number(place)
  return verb === 'remove'
    ? { kind: 'remove-location', at }
    : { kind: 'add-location', at, location: parseLocation(value) }
}

/** The body of `POST /v2/images/{id}/locations`. Throws INVALID. */
export function parseLocationRequest(body: unknown): LocationRequest {
  if (!isObject(body)) throw invalid('The body is not a JSON object.')
  const { url, validation_data: validation } = body
  return { url: parseUrl(url), validation: isAbsent(validation) ? null : parseImportValidation(validation) }
}

function isAbsent(validation: unknown): boolean {
  return validation === undefined || (isObject(validation) && Object.keys(validation).length === 0)
}

function parseImportValidation(value: unknown): ValidationData {
  if (isObject(value) && value['checksum'] !== undefined)
    throw invalid("There is no 'checksum' in validation_data here.")
  return parseValidation(value)
}

function parseLocation(value: unknown): NewLocation {
  if (!isObject(value)) throw invalid('A location is an object with url and metadata.')
  const { url, metadata, validation_data: validation } = value
  return {
    url: parseUrl(url),
    metadata: parseMetadata(metadata),
    ...(validation !== undefined && { validation: parseValidation(validation) }),
  }
}

function parseUrl(value: unknown): string {
  if (typeof value === 'string' && value !== '' && value.length <= LOCATION_URL_LENGTH_MAX) return value
  throw invalid(`The url of a location is a string of 1 to ${LOCATION_URL_LENGTH_MAX} characters.`)
}

function parseMetadata(value: unknown): Record<string, unknown> {
  const text = isObject(value) ? JSON.stringify(value) : ''
  // A decoder would give such a name to the object's prototype.
  if (isObject(value) && text.length <= METADATA_LENGTH_MAX && !text.includes(`"${UNSAFE_NAME}"`))
    return value
  throw invalid(`The metadata of a location is an object of at most ${METADATA_LENGTH_MAX} characters.`)
}

function parseValidation(value: unknown): ValidationData {
  if (!isObject(value)) throw invalid('validation_data is an object.')
  const { checksum, os_hash_algo: hashAlgo, os_hash_value: hashValue, ...others } = value
  const isWhole =
    Object.keys(others).length === 0 &&
    isText(hashAlgo, ALGORITHM_LENGTH_MAX) &&
    isText(hashValue, DIGEST_LENGTH_MAX) &&
    (checksum === undefined || (isText(checksum, MD5_LENGTH) && checksum.length === MD5_LENGTH))
  if (!isWhole)
    throw invalid('validation_data has os_hash_algo and os_hash_value, may have checksum, and nothing else.')
  return { hashAlgo, hashValue, ...(checksum !== undefined && { checksum }) }
}

function isText(value: unknown, lengthMax: number): value is string {
  return typeof value === 'string' && value.length <= lengthMax
}

function invalid(message: string): ImageError {
  return new ImageError('INVALID', message)
}
