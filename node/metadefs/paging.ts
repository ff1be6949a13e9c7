/** Pages of namespaces and tags. There are few of them: each list sorts all. */
import type { Paging } from './metadef-requests.ts'

interface Listed {
  name: string
  createdAt: string
}

/** Of equal ones, the one that was made first comes first, or last when the order is `desc`, as the whole is. */
export function pageOf<T extends Listed>(
  all: readonly T[],
  marker: T | null,
  { sortKey, direction, limit }: Paging<string>,
): T[] {
  const sign = direction === 'asc' ? 1 : -1
  // What has an id has a random one: creation is what Glance's ids tell.
  const keys = sortKey === 'id' ? ['createdAt'] : [sortKey, 'createdAt']
  // A sort keeps equal ones in the order in which it gets them.
  const inOrder = direction === 'asc' ? all : all.toReversed()
  const sorted = inOrder.toSorted((left, right) => {
    for (const key of keys) {
      const order = compare(left[key as keyof T], right[key as keyof T])
      if (order !== 0) return sign * order
    }
    return 0
  })
  const from = marker ? sorted.indexOf(marker) + 1 : 0
  return limit === null ? sorted.slice(from) : sorted.slice(from, from + limit)
}

/** Nothing comes before everything. */
function compare(left: unknown, right: unknown): number {
  if (left === right) return 0
  if (left === null) return -1
  if (right === null) return 1
  return (left as string | boolean) < (right as string | boolean) ? -1 : 1
}
