/** Whether an image belongs into the list that a caller asked for. */
import type { ImageRecord } from './image-record.ts'
import type { ImageFilter, ImageQuery } from './image-requests.ts'
import { isListed, type CallerRights } from './visibility.ts'

type Value = string | number | boolean | null

/** The candidate set of the caller, and all filters. */
export function listFilter(caller: CallerRights, query: ImageQuery): (row: ImageRecord) => boolean {
  return (row) => isListed(caller, row, query) && passesFilters(row, query.filters)
}

export function passesFilters(row: ImageRecord, filters: readonly ImageFilter[]): boolean {
  return filters.every((filter) => passes(row, filter))
}

function passes(row: ImageRecord, filter: ImageFilter): boolean {
  if ('tag' in filter) return row.tags.includes(filter.tag)
  if ('property' in filter) return row.properties[filter.property] === filter.value
  return passesField(row[filter.field], filter.op, filter.values)
}

function passesField(value: Value, op: string, wanted: readonly Value[]): boolean {
  const [first] = wanted
  if (op === 'in' || op === 'eq') return wanted.includes(value)
  if (op === 'neq') return value !== first
  if (value === null || first === null || first === undefined) return false
  if (op === 'gt') return value > first
  if (op === 'gte') return value >= first
  if (op === 'lt') return value < first
  return value <= first
}
