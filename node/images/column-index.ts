/** All rows in the order of one column: pages of lists that are sorted by it, and the rows that have one value in it. */
import { SortedSet } from '../store/sorted-set.ts'
import { orderBy, type Direction, type OrderKey, type OrderRow } from './image-order.ts'
import type { ImageRecord } from './image-record.ts'

/** Below and above every row with the same value in the first column. */
const LOWEST = { createdAt: '', id: '' }
const HIGHEST = { createdAt: '\uffff', id: '\uffff' }

const NO_ROW: OrderRow = {
  ...LOWEST,
  name: null,
  status: 'queued',
  containerFormat: null,
  diskFormat: null,
  size: null,
  updatedAt: '',
  owner: null,
  visibility: 'private',
  checksum: null,
}

export class ColumnIndex {
  readonly #key: OrderKey
  readonly #rows: SortedSet<OrderRow>

  constructor(key: OrderKey) {
    this.#key = key
    this.#rows = new SortedSet(orderBy(key))
  }

  add(row: ImageRecord): void {
    this.#rows.add(row)
  }

  delete(row: ImageRecord): void {
    this.#rows.delete(row)
  }

  /** The rows in order that come after `last`, which may be gone; all when it is null. They must not change meanwhile. */
  after(last: ImageRecord | null, direction: Direction): Iterable<ImageRecord> {
    return this.#after(last, direction) as Iterable<ImageRecord>
  }

  /** How many rows have this value. */
  count(value: string): number {
    return this.#rows.rank(this.#bound(value, HIGHEST)) - this.#rows.rank(this.#bound(value, LOWEST))
  }

  /** The rows with this value, oldest first. They must not change meanwhile. */
  *having(value: string): Generator<ImageRecord> {
    let left = this.count(value)
    for (const row of this.#rows.upFrom(this.#bound(value, LOWEST))) {
      if (left-- === 0) return
      yield row as ImageRecord
    }
  }

  /** The rows with this value in the order of their creation, after `last`, which may be any row. They must not change meanwhile. */
  *havingAfter(value: string, last: ImageRecord | null, direction: Direction): Generator<ImageRecord> {
    const isUp = direction === 'asc'
    const from = this.#bound(value, last ?? (isUp ? LOWEST : HIGHEST))
    for (const row of isUp ? this.#rows.upFrom(from) : this.#rows.downFrom(from)) {
      if ((row[this.#key] ?? '') !== value) return
      if (row.id !== last?.id) yield row as ImageRecord
    }
  }

  *#after(last: ImageRecord | null, direction: Direction): Generator<OrderRow> {
    if (direction === 'desc') yield* last ? this.#rows.downFrom(last) : this.#rows.down()
    else if (!last) yield* this.#rows.up()
    else for (const row of this.#rows.upFrom(last)) if (row.id !== last.id) yield row
  }

  #bound(value: string, { createdAt, id }: typeof LOWEST): OrderRow {
    return { ...NO_ROW, createdAt, id, [this.#key]: value }
  }
}
