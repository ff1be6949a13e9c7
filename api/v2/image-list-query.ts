/** The query of `GET /v2/images`. */
import { ImageError } from '../../node/errors.ts'
import { VISIBILITIES } from '../../node/images/image-record.ts'
import type { ImageFilter, ImageQuery } from '../../node/images/image-requests.ts'
import { parseChoice, parseFlag, parseInteger } from './filter-values.ts'
import { isUuid } from './image-fields.ts'
import { parseFieldFilter } from './image-filters.ts'
import { parseSort } from './image-sort.ts'

const MEMBER_STATUSES = ['accepted', 'pending', 'rejected', 'all'] as const

/** Parameters with a meaning of their own; every other one is a filter. */
const NOT_FILTERS = new Set([
  'limit',
  'marker',
  'sort',
  'sort_key',
  'sort_dir',
  'visibility',
  'member_status',
  'os_hidden',
  'tag',
  // Glance takes it and lists what is there all the same.
  'deleted',
])

export interface PageLimits {
  limitDefault: number
  limitMax: number
}

/** Of a repeated parameter that takes one value, the last counts. Throws INVALID for every wrong value. */
export function parseImageListQuery(query: URLSearchParams, limits: PageLimits): ImageQuery {
  return {
    limit: parseLimit(last(query, 'limit'), limits),
    marker: parseMarker(last(query, 'marker')),
    sort: parseSort(query),
    filters: [hiddenFilter(last(query, 'os_hidden')), ...tagFilters(query), ...fieldFilters(query)],
    visibility: optional(query, 'visibility', [...VISIBILITIES, 'all']),
    memberStatus: optional(query, 'member_status', MEMBER_STATUSES) ?? 'accepted',
  }
}

export function last(query: URLSearchParams, name: string): string | undefined {
  return query.getAll(name).at(-1)
}

function optional<T extends string>(query: URLSearchParams, name: string, allowed: readonly T[]): T | null {
  const text = last(query, name)
  return text === undefined ? null : parseChoice(name, allowed, text)
}

/** However large. */
export function parseLimit(text: string | undefined, { limitDefault, limitMax }: PageLimits): number {
  if (text === undefined) return Math.min(limitDefault, limitMax)
  if (/^\d+$/.test(text)) return Math.min(Number(text), limitMax)
  const limit = parseInteger('limit', text)
  if (limit < 0) throw new ImageError('INVALID', "The parameter 'limit' is not negative.")
  return Math.min(limit, limitMax)
}

/** Only ids can be markers; whether there is such an image is the service's to say. */
export function parseMarker(text: string | undefined): string | null {
  if (text === undefined) return null
  if (isUuid(text)) return text.toLowerCase()
  throw new ImageError('INVALID', 'The marker is no image id.')
}

/** Hidden images are listed only when asked for; unlike `protected`, in any case of letters. */
function hiddenFilter(text = 'false'): ImageFilter {
  return { field: 'hidden', op: 'eq', values: [parseFlag('os_hidden', text.toLowerCase())] }
}

function tagFilters(query: URLSearchParams): ImageFilter[] {
  return query.getAll('tag').map((tag) => ({ tag }))
}

function fieldFilters(query: URLSearchParams): ImageFilter[] {
  const names = new Set([...query.keys()].filter((name) => !NOT_FILTERS.has(name)))
  return [...names].map((name) => parseFieldFilter(name, last(query, name) ?? ''))
}
