/** What stands in the path and in the query of requests about metadata definitions. */
import type { FastifyRequest } from 'fastify'
import { ImageError } from '../../../node/errors.ts'
import {
  NAMESPACE_SORT_KEYS,
  TAG_SORT_KEYS,
  type NamespaceQuery,
  type TagQuery,
} from '../../../node/metadefs/metadef-requests.ts'
import { NAMESPACE_VISIBILITIES } from '../../../node/metadefs/namespace-record.ts'
import { givenParam } from '../../no-route.ts'
import { parseChoice, parseInteger } from '../filter-values.ts'
import { last, parseLimit, type PageLimits } from '../image-list-query.ts'

export interface NamespaceParams {
  Params: { namespace: string }
}

export interface PartParams {
  Params: { namespace: string; part: string }
}

export function namespaceOf({ params }: FastifyRequest<NamespaceParams>): string {
  return givenParam(params.namespace)
}

export function partOf({ params }: FastifyRequest<PartParams>): string {
  return givenParam(params.part)
}

const DIRECTIONS = ['asc', 'desc'] as const
/** What Glance takes here for lists of what has no visibility. */
const PART_VISIBILITIES = ['public', 'private', 'shared'] as const

/** The words of a query for what records call otherwise. */
const FIELDS = new Map([
  ['namespace', 'name'],
  ['display_name', 'displayName'],
  ['created_at', 'createdAt'],
  ['updated_at', 'updatedAt'],
])

export function parseNamespaceQuery(query: URLSearchParams, limits: PageLimits): NamespaceQuery {
  const types = last(query, 'resource_types')
  return {
    limit: parseLimit(last(query, 'limit'), limits),
    marker: last(query, 'marker') ?? null,
    sortKey: sortKeyOf(query, NAMESPACE_SORT_KEYS),
    direction: directionOf(query),
    visibility: visibilityOf(query, NAMESPACE_VISIBILITIES),
    resourceTypes: types === undefined ? null : types.split(','),
  }
}

export function parseTagQuery(query: URLSearchParams): TagQuery {
  visibilityOf(query, PART_VISIBILITIES)
  return {
    limit: last(query, 'limit') ? atLeast(0, query) : null,
    marker: last(query, 'marker') || null,
    sortKey: sortKeyOf(query, TAG_SORT_KEYS),
    direction: directionOf(query),
  }
}

/** Lists of objects come whole, in the order in which they were made; yet what is asked is looked at. Throws INVALID. */
export function checkObjectQuery(query: URLSearchParams): void {
  directionOf(query)
  visibilityOf(query, PART_VISIBILITIES)
  if (query.has('limit')) atLeast(1, query)
}

/** Throws INVALID. */
export function checkVisibility(query: URLSearchParams): void {
  visibilityOf(query, NAMESPACE_VISIBILITIES)
}

function atLeast(least: number, query: URLSearchParams): number {
  const limit = parseInteger('limit', last(query, 'limit') ?? '')
  if (limit >= least) return limit
  throw new ImageError('INVALID', `The parameter 'limit' is ${least} or more.`)
}

function directionOf(query: URLSearchParams): 'asc' | 'desc' {
  return parseChoice('sort_dir', DIRECTIONS, last(query, 'sort_dir') ?? 'desc')
}

function sortKeyOf<Key extends string>(query: URLSearchParams, keys: readonly Key[]): Key {
  const word = last(query, 'sort_key') ?? 'created_at'
  return parseChoice('sort_key', keys, FIELDS.get(word) ?? word)
}

function visibilityOf(query: URLSearchParams, allowed: readonly string[]): string | null {
  const word = last(query, 'visibility')
  return word === undefined || word === '' ? (word ?? null) : parseChoice('visibility', allowed, word)
}
