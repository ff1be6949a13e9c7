/** The body of `POST /v2/images/{id}/import`: checked for form here, for what it means by the service. */
import { ImageError } from '../../node/errors.ts'
import type { ImportRequest } from '../../node/imports/import-requests.ts'
import type { RemoteImage } from '../../node/imports/remote-glance.ts'
import { isUuid } from './image-fields.ts'
import { isObject } from './json-object.ts'

/** An import as it was asked for: where another region is, its catalogue says. */
export type ParsedImport = Omit<ImportRequest, 'remote'> & {
  remote: Omit<RemoteImage, 'endpoint' | 'token'> | null
}

/** Names one store, where the body could name several. */
export const STORE_HEADER = 'x-image-meta-store'

/** As long as servers take them. */
const URI_LENGTH_MAX = 2048
/** Nobody has more stores, and each stands in the record of the task. */
const STORES_MAX = 64
/** As in Keystone. */
const REGION_LENGTH_MAX = 255
const STORE_ID_LENGTH_MAX = 64

/** `header`: the value of STORE_HEADER. In the order in which Glance looks. Throws INVALID. */
export function parseImportRequest(body: unknown, header: string | undefined): ParsedImport {
  if (!isObject(body)) throw invalid('The body is not a JSON object.')
  const { method, stores } = body
  if (method === undefined) throw invalid("Import request requires a 'method' field.")
  if (!isObject(method)) throw invalid("The 'method' of an import is an object.")
  const { name, uri } = method
  if (name === undefined) throw invalid("Import request requires a 'name' field.")
  if (typeof name !== 'string') throw invalid("The 'name' of a method is a string.")
  const flags = {
    allStores: parseFlag(body, 'all_stores', false),
    allMustSucceed: parseFlag(body, 'all_stores_must_succeed', true),
  }
  const named = parseStores(stores)
  if (named && header !== undefined)
    throw invalid("Stores parameter and x-image-meta-store header can't be both specified")
  if (flags.allStores && (named ?? header) !== undefined)
    throw invalid("All_stores parameter can't be used with x-image-meta-store header or stores parameter")
  return {
    method: name,
    uri: parseUri(uri),
    remote: name === 'glance-download' ? parseRemote(method) : null,
    stores: named ?? (header === undefined ? null : [header]),
    ...flags,
    body: said(body),
  }
}

function parseFlag(body: Record<string, unknown>, name: string, otherwise: boolean): boolean {
  const value = body[name] ?? otherwise
  if (typeof value === 'boolean') return value
  throw invalid(`'${name}' must be boolean value only`)
}

function parseStores(stores: unknown): string[] | undefined {
  if (stores === undefined || stores === null) return undefined
  const isList = Array.isArray(stores) && stores.length <= STORES_MAX
  if (!isList || !stores.every((id) => typeof id === 'string' && id.length <= STORE_ID_LENGTH_MAX))
    throw invalid("'stores' is a list of the ids of stores.")
  const ids = [...new Set(stores as string[])]
  return ids.length === 0 ? undefined : ids
}

function parseUri(uri: unknown): string | null {
  if (uri === undefined || uri === null) return null
  if (typeof uri === 'string' && uri.length <= URI_LENGTH_MAX) return uri
  throw invalid(`The 'uri' of a method is a string of at most ${URI_LENGTH_MAX} characters.`)
}

function parseRemote(method: Record<string, unknown>): ParsedImport['remote'] {
  const { glance_region: region, glance_image_id: imageId } = method
  const serviceInterface = method['glance_service_interface'] ?? 'public'
  for (const name of ['glance_region', 'glance_image_id'])
    if (method[name] === undefined)
      throw invalid(`'${name}' needs to be set for glance-download import method`)
  if (typeof region !== 'string' || region.length > REGION_LENGTH_MAX)
    throw invalid(`'glance_region' is a string of at most ${REGION_LENGTH_MAX} characters.`)
  if (typeof imageId !== 'string' || !isUuid(imageId))
    throw invalid(`Remote image id does not look like a UUID: ${String(imageId).slice(0, REGION_LENGTH_MAX)}`)
  if (serviceInterface !== 'public' && serviceInterface !== 'internal' && serviceInterface !== 'admin')
    throw invalid("'glance_service_interface' is one of public, internal, admin.")
  return { region, imageId: imageId.toLowerCase(), serviceInterface }
}

const SAID = ['stores', 'all_stores', 'all_stores_must_succeed'] as const

function said(body: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(SAID.flatMap((name) => (body[name] === undefined ? [] : [[name, body[name]]])))
}

function invalid(message: string): ImageError {
  return new ImageError('INVALID', message)
}
