/** The first images of an order among many, where no column keeps them in it. */
import type { Compare } from './image-order.ts'
import type { ImageRecord } from './image-record.ts'
import type { TimeSlice } from './time-slice.ts'

/** Looks at all rows and keeps the first `limit` that pass the test. */
export async function bestRows(
  rows: Iterable<ImageRecord>,
  compare: Compare,
  test: (row: ImageRecord) => boolean,
  { limit, slice }: { limit: number; slice: TimeSlice },
): Promise<ImageRecord[]> {
  const best: ImageRecord[] = []
  for (const row of rows) {
    if (slice.isOver()) await slice.pause()
    if (best.length === limit && compare(row, best[limit - 1] as ImageRecord) >= 0) continue
    if (!test(row)) continue
    insert(best, row, compare)
    if (best.length > limit) best.pop()
  }
  return best
}

function insert(best: ImageRecord[], row: ImageRecord, compare: Compare): void {
  let low = 0
  let high = best.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compare(best[middle] as ImageRecord, row) <= 0) low = middle + 1
    else high = middle
  }
  best.splice(low, 0, row)
}
