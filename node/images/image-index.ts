/**
 * The settled images that this node knows, in memory: what lists are answered from, without a look at the disk. Kept in
 * order by the columns that lists were asked to sort or to narrow by, so that a page costs its length where most rows
 * belong to it, or where few do and a column finds them; else every row is looked at, in slices.
 */
import { bestRows } from './best-rows.ts'
import { ColumnIndex } from './column-index.ts'
import { comparator, singleKey, wholeSort, type Direction, type OrderKey } from './image-order.ts'
import type { ImageRecord } from './image-record.ts'
import type { ImagePage, ImageQuery } from './image-requests.ts'
import { TraitsPool } from './image-traits.ts'
import { IndexedImage } from './indexed-image.ts'
import { listFilter } from './list-filter.ts'
import { Narrowing, type Lane } from './narrowing.ts'
import { TimeSlice } from './time-slice.ts'
import { isListed, type CallerRights } from './visibility.ts'

export interface IndexComponents {
  monotonicMs: () => number
}

type Test = (row: ImageRecord) => boolean

export class ImageIndex {
  readonly #components: IndexComponents
  readonly #rows = new Map<string, ImageRecord>()
  readonly #traits = new TraitsPool()
  /** Made when a list first asks for them: at the start nothing waits for them. */
  readonly #columns = new Map<OrderKey, { index: ColumnIndex; whole: Promise<ColumnIndex> }>()
  /** By project, the images that others share with it. */
  readonly #shared = new Map<string, Map<string, ImageRecord>>()
  readonly #narrowing: Narrowing

  constructor(components: IndexComponents) {
    this.#components = components
    this.#narrowing = new Narrowing({
      column: (key) => this.#column(key),
      byId: (id) => this.#rows.get(id),
      sharedWith: (projectId) => this.#shared.get(projectId),
    })
  }

  put(record: ImageRecord): void {
    this.#unlink(record.id)
    const row = new IndexedImage(record, this.#traits)
    // In the place of the row before: a list that is under way must not meet the image twice.
    this.#rows.set(row.id, row)
    for (const { index } of this.#columns.values()) index.add(row)
    for (const { memberId } of row.members) this.#share(memberId, row)
  }

  remove(id: string): void {
    this.#unlink(id)
    this.#rows.delete(id)
  }

  get(id: string): ImageRecord | undefined {
    return this.#rows.get(id)
  }

  rows(): IterableIterator<ImageRecord> {
    return this.#rows.values()
  }

  /** The images of a project. They must not change while they are looked at. */
  async ownedBy(owner: string): Promise<Iterable<ImageRecord>> {
    return (await this.#column('owner')).having(owner)
  }

  async countOwnedBy(owner: string): Promise<number> {
    return (await this.#column('owner')).count(owner)
  }

  /** The images that have this project as a member, shared or not. They must not change while they are looked at. */
  sharedWith(projectId: string): Iterable<ImageRecord> {
    return this.#shared.get(projectId)?.values() ?? []
  }

  /** The page after the marker, which must be known. `maySee`: what else is asked of a row. */
  async page(caller: CallerRights, query: ImageQuery, maySee: Test = () => true): Promise<ImagePage> {
    const { limit } = query
    const marker = (query.marker === null ? null : this.#rows.get(query.marker)) ?? null
    const found = limit === 0 ? [] : await this.#find(caller, query, { marker, maySee })
    // While other slices were looked at, an image may have changed: it must not show what was hidden since.
    const images = found.flatMap(({ id }) => {
      const row = this.#rows.get(id)
      return row && isListed(caller, row, query) && maySee(row) ? [row] : []
    })
    return { images, more: limit > 0 && found.length === limit }
  }

  async #find(
    caller: CallerRights,
    query: ImageQuery,
    { marker, maySee }: { marker: ImageRecord | null; maySee: Test },
  ): Promise<ImageRecord[]> {
    const whole = wholeSort(query.sort)
    const single = singleKey(whole)
    const isListedHere = listFilter(caller, query)
    const test: Test = (row) => isListedHere(row) && maySee(row)
    const size = this.#rows.size
    const few = await this.#narrowing.few(caller, query)
    // To walk the order takes size / few rows for each that is found; to sort the few takes all of them.
    const isNarrow = few !== null && (single ? few.count ** 2 <= query.limit * size : few.count < size)
    if (single && !isNarrow) {
      const lane = (single.key === 'createdAt' && (await this.#narrowing.lane(query))) || null
      return this.#walk(lane ?? (await this.#order(single.key)), single.direction, {
        test,
        marker,
        limit: query.limit,
      })
    }
    const compare = comparator(whole)
    const rows = isNarrow ? new Set(few.rows()) : this.#rows.values()
    const isWanted: Test = (row) => (!marker || compare(row, marker) > 0) && test(row)
    return bestRows(rows, compare, isWanted, { limit: query.limit, slice: this.#slice() })
  }

  async #order(key: OrderKey): Promise<Lane> {
    const column = await this.#column(key)
    return (last, direction) => column.after(last, direction)
  }

  /** Goes along an order until the page is full. */
  async #walk(
    after: Lane,
    direction: Direction,
    { test, marker, limit }: { test: Test; marker: ImageRecord | null; limit: number },
  ): Promise<ImageRecord[]> {
    const slice = this.#slice()
    const found: ImageRecord[] = []
    let last = marker
    for (let isDone = false; !isDone;) {
      isDone = true
      for (const row of after(last, direction)) {
        if (test(row) && found.push(row) === limit) break
        if (!slice.isOver()) continue
        last = row
        isDone = false
        break
      }
      if (!isDone) await slice.pause()
    }
    return found
  }

  #slice(): TimeSlice {
    return new TimeSlice(this.#components.monotonicMs)
  }

  #column(key: OrderKey): Promise<ColumnIndex> {
    let column = this.#columns.get(key)
    if (!column) {
      const index = new ColumnIndex(key)
      column = { index, whole: this.#fill(index) }
      this.#columns.set(key, column)
    }
    return column.whole
  }

  /** Rows that come or go meanwhile are added and removed by whoever changes them. */
  async #fill(index: ColumnIndex): Promise<ColumnIndex> {
    const slice = this.#slice()
    for (const row of this.#rows.values()) {
      if (slice.isOver()) await slice.pause()
      if (this.#rows.get(row.id) === row) index.add(row)
    }
    return index
  }

  #unlink(id: string): void {
    const row = this.#rows.get(id)
    if (!row) return
    for (const { index } of this.#columns.values()) index.delete(row)
    for (const { memberId } of row.members) this.#unshare(memberId, id)
  }

  #share(memberId: string, row: ImageRecord): void {
    const images = this.#shared.get(memberId) ?? new Map<string, ImageRecord>()
    this.#shared.set(memberId, images.set(row.id, row))
  }

  #unshare(memberId: string, id: string): void {
    const images = this.#shared.get(memberId)
    images?.delete(id)
    if (images?.size === 0) this.#shared.delete(memberId)
  }
}
