/** Which column finds the rows of a list faster than a look at all of them. */
import type { ColumnIndex } from './column-index.ts'
import type { Direction, OrderKey } from './image-order.ts'
import type { ImageRecord } from './image-record.ts'
import type { ImageFilter, ImageQuery } from './image-requests.ts'
import type { CallerRights } from './visibility.ts'

/** Rows among which all of a list are. */
export interface Few {
  count: number
  /** May hold a row twice. The rows must not change meanwhile. */
  rows: () => Iterable<ImageRecord>
}

/** Rows in the order of creation that come after `last`. They must not change meanwhile. */
export type Lane = (last: ImageRecord | null, direction: Direction) => Iterable<ImageRecord>

export interface NarrowingComponents {
  column: (key: OrderKey) => Promise<ColumnIndex>
  byId: (id: string) => ImageRecord | undefined
  sharedWith: (projectId: string) => ReadonlyMap<string, ImageRecord> | undefined
}

/** Columns in which one value may be rare, among the fields that filters name. */
const NARROW_FIELDS = ['name', 'owner', 'status', 'checksum'] as const satisfies readonly OrderKey[]

export class Narrowing {
  readonly #components: NarrowingComponents

  constructor(components: NarrowingComponents) {
    this.#components = components
  }

  /** The fewest rows that surely hold all of the list; null when no column knows. */
  async few(caller: CallerRights, query: ImageQuery): Promise<Few | null> {
    const all = [
      ...(await Promise.all(query.filters.map((filter) => this.#byFilter(filter)))),
      await this.#byCaller(caller),
      await this.#byVisibility(query.visibility),
    ]
    return all.reduce((best, few) => (few && (!best || few.count < best.count) ? few : best), null)
  }

  /**
   * Whether one column holds all of the list side by side, in the order of creation: a walk along those meets no other
   * value. The shortest such lane; null when no filter asks for one value of a column.
   */
  async lane({ filters, visibility }: ImageQuery): Promise<Lane | null> {
    const wanted: [OrderKey, string][] = filters.flatMap((filter) => singleValue(filter) ?? [])
    if (visibility !== null && visibility !== 'all') wanted.push(['visibility', visibility])
    let best: { count: number; lane: Lane } | null = null
    for (const [key, value] of wanted) {
      const column = await this.#components.column(key)
      const count = column.count(value)
      const lane: Lane = (last, direction) => column.havingAfter(value, last, direction)
      if (!best || count < best.count) best = { count, lane }
    }
    return best?.lane ?? null
  }

  async #byFilter(filter: ImageFilter): Promise<Few | null> {
    if (!('field' in filter) || (filter.op !== 'eq' && filter.op !== 'in')) return null
    const values = textsIn(filter.values)
    if (filter.field === 'id') return this.#byIds(values)
    const key = narrowField(filter.field)
    return key ? this.#byValues(key, values) : null
  }

  #byIds(ids: readonly string[]): Few {
    return { count: ids.length, rows: () => ids.flatMap((id) => this.#components.byId(id) ?? []) }
  }

  async #byValues(key: OrderKey, values: readonly string[]): Promise<Few> {
    const column = await this.#components.column(key)
    const count = values.reduce((sum, value) => sum + column.count(value), 0)
    return { count, rows: () => values.flatMap((value) => [...column.having(value)]) }
  }

  /** Whoever is no administrator sees its own images, those open to all, and what others share with it. */
  async #byCaller({ isAdmin, projectId }: CallerRights): Promise<Few | null> {
    if (isAdmin || projectId === null) return null
    const own = await this.#byValues('owner', [projectId])
    const open = await this.#byValues('visibility', ['public', 'community'])
    const shared = this.#components.sharedWith(projectId)
    return {
      count: own.count + open.count + (shared?.size ?? 0),
      rows: () => [...own.rows(), ...open.rows(), ...(shared?.values() ?? [])],
    }
  }

  async #byVisibility(visibility: ImageQuery['visibility']): Promise<Few | null> {
    return visibility === null || visibility === 'all' ? null : this.#byValues('visibility', [visibility])
  }
}

function narrowField(field: string): OrderKey | undefined {
  return NARROW_FIELDS.find((narrow) => narrow === field)
}

function textsIn(values: readonly unknown[]): string[] {
  return values.filter((value) => typeof value === 'string')
}

function singleValue(filter: ImageFilter): [[OrderKey, string]] | null {
  if (!('field' in filter) || (filter.op !== 'eq' && filter.op !== 'in')) return null
  const key = narrowField(filter.field)
  const [value, ...others] = textsIn(filter.values)
  return key && value !== undefined && others.length === 0 && filter.values.length === 1
    ? [[key, value]]
    : null
}
