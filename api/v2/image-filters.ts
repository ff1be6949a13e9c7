/** Filters of an image list by field and by custom property. */
import { ImageError } from '../../node/errors.ts'
import type { FilterField, ImageFilter } from '../../node/images/image-requests.ts'
import { parseFlag, parseInteger, parseList, parseTime, splitOperator } from './filter-values.ts'

/** What an image relates to is no column to compare with. The last is V1's name of updated_at. */
const NOT_FILTERABLE = new Set(['locations', 'members', 'properties', 'changes-since'])

type FilterParser = (name: string, field: FilterField, text: string) => ImageFilter

const FIELD_FILTERS: ReadonlyMap<string, [FilterField, FilterParser]> = new Map<
  string,
  [FilterField, FilterParser]
>([
  ['name', ['name', oneOrMany]],
  ['id', ['id', oneOrMany]],
  ['status', ['status', oneOrMany]],
  ['container_format', ['containerFormat', oneOrMany]],
  ['disk_format', ['diskFormat', oneOrMany]],
  ['created_at', ['createdAt', comparedTime]],
  ['updated_at', ['updatedAt', comparedTime]],
  ['protected', ['protected', exactFlag]],
  ['owner', ['owner', exactText]],
  ['checksum', ['checksum', exactText]],
  ['os_hash_algo', ['hashAlgo', exactText]],
  ['os_hash_value', ['hashValue', exactText]],
  ['size', ['size', exactNumber]],
  ['virtual_size', ['virtualSize', exactNumber]],
  ['min_disk', ['minDisk', exactNumber]],
  ['min_ram', ['minRam', exactNumber]],
])

/** Bounds are inclusive. */
const BOUNDS = { min: 'gte', max: 'lte' } as const
const BOUND_NAME = /^(.+)_(min|max)$/s

/** Throws INVALID for a wrong value, and for names that can be no filter. */
export function parseFieldFilter(name: string, text: string): ImageFilter {
  if (NOT_FILTERABLE.has(name)) throw new ImageError('INVALID', `Images cannot be filtered by '${name}'.`)
  const [field, parse] = FIELD_FILTERS.get(name) ?? []
  if (field && parse) return parse(name, field, text)
  const [, base, bound] = BOUND_NAME.exec(name) ?? []
  if (base !== undefined) return boundedNumber(name, base, bound === 'min' ? 'min' : 'max', text)
  return { property: name, value: text }
}

function boundedNumber(name: string, base: string, bound: 'min' | 'max', text: string): ImageFilter {
  const [field, parse] = FIELD_FILTERS.get(base) ?? []
  if (!field || parse !== exactNumber)
    throw new ImageError('INVALID', `Images have no number named '${base}'.`)
  return { field, op: BOUNDS[bound], values: [parseInteger(name, text)] }
}

function oneOrMany(name: string, field: FilterField, text: string): ImageFilter {
  const { operator, operand } = splitOperator(text)
  if (operator === 'eq') return { field, op: 'eq', values: [operand] }
  if (operator === 'in') return { field, op: 'in', values: parseList(operand) }
  throw new ImageError(
    'INVALID',
    `The filter '${name}' takes a value or 'in:' with a list; quote what has a colon.`,
  )
}

const TIME_OPERATORS = ['eq', 'neq', 'gt', 'gte', 'lt', 'lte'] as const

function comparedTime(name: string, field: FilterField, text: string): ImageFilter {
  const { operator, operand } = splitOperator(text)
  const op = TIME_OPERATORS.find((candidate) => candidate === operator)
  const time = parseTime(operand)
  if (op && time !== null) return { field, op, values: [time] }
  throw new ImageError(
    'INVALID',
    `The filter '${name}' takes an ISO 8601 time, after gt:, gte:, lt:, lte:, eq: or neq:.`,
  )
}

function exactFlag(name: string, field: FilterField, text: string): ImageFilter {
  return { field, op: 'eq', values: [parseFlag(name, text)] }
}

function exactText(_name: string, field: FilterField, text: string): ImageFilter {
  return { field, op: 'eq', values: [text] }
}

function exactNumber(name: string, field: FilterField, text: string): ImageFilter {
  return { field, op: 'eq', values: [parseInteger(name, text)] }
}
