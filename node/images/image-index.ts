/**
 * The images this node knows, as columns in memory: what lists filter and sort by. Built from learner rows; whole
 * records are read only for the page that is answered.
 */
import type { ImageMember, ImageRecord } from './image-record.ts'
import type { FilterField, ImageFilter, ImageQuery, SortKey } from './image-requests.ts'
import { isListed, type CallerRights } from './visibility.ts'

/** The record without what no list looks at; some 0.5 KiB. */
export type ImageColumns = Pick<ImageRecord, FilterField> & {
  tags: readonly string[]
  members: readonly Pick<ImageMember, 'memberId' | 'status'>[]
}

type Sort = ImageQuery['sort']

/** A list gives the event loop back after this long. */
const SLICE_MS = 2
/** How many rows are looked at between two looks at the clock. */
const ROWS_PER_LOOK = 256

export interface IndexComponents {
  /** The whole record of a known image, for filters on custom properties. */
  recordOf: (id: string) => ImageRecord | null
  monotonicMs: () => number
}

export class ImageIndex {
  readonly #components: IndexComponents
  readonly #rows = new Map<string, ImageColumns>()

  constructor(components: IndexComponents) {
    this.#components = components
  }

  put(record: ImageRecord): void {
    const {
      members,
      data: _data,
      upload: _upload,
      properties: _properties,
      deletedAt: _deletedAt,
      ...columns
    } = record
    this.#rows.set(record.id, {
      ...columns,
      members: members.map(({ memberId, status }) => ({ memberId, status })),
    })
  }

  remove(id: string): void {
    this.#rows.delete(id)
  }

  get(id: string): ImageColumns | undefined {
    return this.#rows.get(id)
  }

  rows(): IterableIterator<ImageColumns> {
    return this.#rows.values()
  }

  /** Ids of the page after the marker, at most `limit`, in order. The marker must be known. */
  async page(caller: CallerRights, query: ImageQuery): Promise<string[]> {
    const compare = comparator(query.sort)
    const marker = query.marker === null ? undefined : this.#rows.get(query.marker)
    const best: ImageColumns[] = []
    let sliceBegan = this.#components.monotonicMs()
    let looked = 0
    for (const row of this.#rows.values()) {
      if (++looked % ROWS_PER_LOOK === 0 && this.#components.monotonicMs() - sliceBegan > SLICE_MS) {
        await new Promise((resolve) => setImmediate(resolve))
        sliceBegan = this.#components.monotonicMs()
      }
      if (marker && compare(row, marker) <= 0) continue
      if (isFull(best, query.limit) && compare(row, best.at(-1) as ImageColumns) >= 0) continue
      if (!isListed(caller, row, query) || !this.#passes(row, query.filters)) continue
      insert(best, row, compare)
      if (best.length > query.limit) best.pop()
    }
    return best.map(({ id }) => id)
  }

  #passes(row: ImageColumns, filters: readonly ImageFilter[]): boolean {
    return filters.every((filter) => {
      if ('tag' in filter) return row.tags.includes(filter.tag)
      if ('property' in filter)
        return this.#components.recordOf(row.id)?.properties[filter.property] === filter.value
      return passesField(row[filter.field], filter.op, filter.values)
    })
  }
}

type Value = string | number | boolean | null

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

/** Glance sorts null as the empty string or zero, and appends created_at and id in the first direction as tie-breakers. */
function comparator(sort: Sort): (a: ImageColumns, b: ImageColumns) => number {
  const direction = sort[0]?.direction ?? 'desc'
  const keys = [...sort]
  for (const key of ['createdAt', 'id'] as const)
    if (!keys.some((known) => known.key === key)) keys.push({ key, direction })
  return (a, b) => {
    for (const { key, direction: way } of keys) {
      const order = compareKey(a, b, key)
      if (order !== 0) return way === 'asc' ? order : -order
    }
    return 0
  }
}

function compareKey(a: ImageColumns, b: ImageColumns, key: SortKey): number {
  if (key === 'size') return (a.size ?? 0) - (b.size ?? 0)
  const left = a[key] ?? ''
  const right = b[key] ?? ''
  return left < right ? -1 : left > right ? 1 : 0
}

function isFull(best: readonly ImageColumns[], limit: number): boolean {
  return best.length >= limit && limit > 0
}

function insert(
  best: ImageColumns[],
  row: ImageColumns,
  compare: (a: ImageColumns, b: ImageColumns) => number,
): void {
  let low = 0
  let high = best.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compare(best[middle] as ImageColumns, row) <= 0) low = middle + 1
    else high = middle
  }
  best.splice(low, 0, row)
}
