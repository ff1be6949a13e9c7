/** The query of the lists of API v1 (glance-api.md §13.3); what has no meaning is ignored. */
import { ImageError } from '../../node/errors.ts'
import type { ImageFilter } from '../../node/images/image-requests.ts'
import type { V1Query } from '../../node/images/v1-images-port.ts'
import { parseTime } from '../v2/filter-values.ts'
import { parseFieldFilter } from '../v2/image-filters.ts'
import { last, parseLimit, parseMarker, type PageLimits } from '../v2/image-list-query.ts'
import { parseSort } from '../v2/image-sort.ts'

const PROPERTY = 'property-'
const FILTERS = [
  'name',
  'status',
  'container_format',
  'disk_format',
  'min_ram',
  'min_disk',
  'size_min',
  'size_max',
]
const NOT_NEGATIVE = new Set(['min_ram', 'size_min', 'size_max'])

/** Throws INVALID for every wrong value. */
export function parseV1ListQuery(query: URLSearchParams, limits: PageLimits, isAdmin: boolean): V1Query {
  // To all others it says nothing, but it must be right.
  const isPublic = parsePublic(last(query, 'is_public'))
  const since = last(query, 'changes-since')
  const filters = [
    ...fieldFilters(query),
    ...propertyFilters(query),
    ...(since === undefined ? [] : [changedSince(since)]),
    ...(isAdmin && isPublic === false ? [NOT_PUBLIC] : []),
    NOT_HIDDEN,
  ]
  return {
    query: {
      limit: parseLimit(last(query, 'limit'), limits),
      marker: parseMarker(last(query, 'marker')),
      sort: parseSort(sortIn(query)),
      filters,
      visibility: null,
      memberStatus: 'all',
    },
    asUser: !isAdmin || isPublic === true,
    withDeleted: since !== undefined,
  }
}

/** V1 cannot say that it wants the others. */
const NOT_HIDDEN: ImageFilter = { field: 'hidden', op: 'eq', values: [false] }
const NOT_PUBLIC: ImageFilter = { field: 'visibility', op: 'neq', values: ['public'] }

/** One key and one direction. */
function sortIn(query: URLSearchParams): URLSearchParams {
  const sort = new URLSearchParams()
  for (const name of ['sort_key', 'sort_dir']) {
    const value = last(query, name)
    if (value !== undefined) sort.set(name, value)
  }
  return sort
}

function fieldFilters(query: URLSearchParams): ImageFilter[] {
  const filters = FILTERS.flatMap((name) => {
    const text = last(query, name)
    if (text === undefined) return []
    if (NOT_NEGATIVE.has(name) && text.startsWith('-')) throw badFilter(name, text)
    return [parseFieldFilter(name, text)]
  })
  const isProtected = last(query, 'protected')
  if (isProtected === undefined) return filters
  return [...filters, { field: 'protected', op: 'eq', values: [flag('protected', isProtected)] }]
}

function propertyFilters(query: URLSearchParams): ImageFilter[] {
  const names = new Set([...query.keys()].filter((name) => name.startsWith(PROPERTY)))
  return [...names].map((name) => ({
    property: name.slice(PROPERTY.length),
    value: last(query, name) ?? '',
  }))
}

function changedSince(text: string): ImageFilter {
  const time = parseTime(text)
  if (time === null) throw new ImageError('INVALID', 'Unrecognized changes-since value')
  return { field: 'updatedAt', op: 'gt', values: [time] }
}

/** Unless they say otherwise, administrators are shown what they would be shown as users; null: everything. */
function parsePublic(text = 'true'): boolean | null {
  return text.toLowerCase() === 'none' ? null : flag('is_public', text)
}

function flag(name: string, text: string): boolean {
  const word = text.toLowerCase()
  if (word === 'true' || word === '1') return true
  if (word === 'false' || word === '0') return false
  throw badFilter(name, text)
}

function badFilter(name: string, text: string): ImageError {
  return new ImageError('INVALID', `Bad value passed to filter ${name} got ${text}`)
}
