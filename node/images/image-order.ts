/** The orders of a list: by one column or several, with Glance's tie-breakers. */
import type { ImageRecord } from './image-record.ts'
import type { ImageQuery, SortKey } from './image-requests.ts'

export type Direction = 'asc' | 'desc'
export type Sort = ImageQuery['sort']
/** Columns that an order can begin with: those of lists, and those that narrow them. */
export type OrderKey = SortKey | 'owner' | 'visibility' | 'checksum'
export type OrderRow = Pick<ImageRecord, OrderKey>
export type Compare = (a: OrderRow, b: OrderRow) => number

const TIE_BREAKERS = ['createdAt', 'id'] as const

/** Glance appends created_at and id, in the direction of the first key, and lists the newest first unless asked. */
export function wholeSort(sort: Sort): Sort {
  const direction = sort[0]?.direction ?? 'desc'
  const keys = [...sort]
  for (const key of TIE_BREAKERS) if (!keys.some((known) => known.key === key)) keys.push({ key, direction })
  return keys
}

/** The one column and direction that a whole sort amounts to, tie-breakers aside; null when it takes several. */
export function singleKey(whole: Sort): { key: SortKey; direction: Direction } | null {
  const [first] = whole
  if (!first) return null
  const plain = wholeSort([first])
  const isPlain =
    plain.length === whole.length &&
    plain.every(({ key, direction }, i) => whole[i]?.key === key && whole[i].direction === direction)
  return isPlain ? first : null
}

export function comparator(whole: Sort): Compare {
  return (a, b) => {
    for (const { key, direction } of whole) {
      const order = compareKey(a, b, key)
      if (order !== 0) return direction === 'asc' ? order : -order
    }
    return 0
  }
}

/** Ascending by a column, then by the tie-breakers: no two rows are alike. Read backwards it is the descending order. */
export function orderBy(key: OrderKey): Compare {
  return (a, b) => {
    const order = compareKey(a, b, key)
    if (order !== 0) return order
    if (a.createdAt !== b.createdAt) return a.createdAt < b.createdAt ? -1 : 1
    return a.id < b.id ? -1 : a.id > b.id ? 1 : 0
  }
}

/** Null sorts before everything, as in the databases of Glance. */
function compareKey(a: OrderRow, b: OrderRow, key: OrderKey): number {
  const left = a[key]
  const right = b[key]
  if (left === right) return 0
  if (left === null || right === null) return left === null ? -1 : 1
  return left < right ? -1 : 1
}
