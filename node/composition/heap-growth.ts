/**
 * How much garbage may pile up on the heap before all of it is looked through. V8 goes by a factor, up to four times what was
 * alive the last time: 500 MiB of garbage with 100 000 images, and a collection every second with few. One takes 100 ms of a
 * busy node, in which each answer comes late. So a small heap may grow to a fixed size, and a large one by a fixed share.
 */
import { constants, PerformanceObserver, type PerformanceEntry } from 'node:perf_hooks'
import { getHeapStatistics, setFlagsFromString } from 'node:v8'

/** To which a heap may grow in any case: about what 100 000 images need. */
const HEAP_BYTES = 160 * 1024 ** 2
/** By which one may grow in any case, percent of what was alive at the last collection. */
const GROWTH_PERCENT_MIN = 40
/** And at the most: more of it may be alive by the next collection, which is when V8 asks. As V8 by itself. */
const GROWTH_PERCENT_MAX = 300

/** By how many percent a heap of which `aliveBytes` were in use after a collection may grow before the next. */
export function growthPercent(aliveBytes: number): number {
  const percent = Math.round((HEAP_BYTES / aliveBytes - 1) * 100)
  return Math.min(Math.max(percent, GROWTH_PERCENT_MIN), GROWTH_PERCENT_MAX)
}

/** For a process whose heap is still being filled, and for all of its threads. */
export function boundHeapGrowth(): void {
  setGrowth(GROWTH_PERCENT_MIN)
}

/** From now on a small heap may grow by more. V8 asks at the end of each collection: what one has found counts after the next. */
export function relaxHeapGrowth(): void {
  const relax = () => setGrowth(growthPercent(getHeapStatistics().used_heap_size))
  const observer = new PerformanceObserver((list) => {
    if (list.getEntries().some(isMajor)) relax()
  })
  observer.observe({ entryTypes: ['gc'] })
  relax()
}

function setGrowth(percent: number): void {
  setFlagsFromString(`--heap-growing-percent=${percent}`)
}

function isMajor(entry: PerformanceEntry): boolean {
  const { detail } = entry as PerformanceEntry & { detail: { kind?: number } }
  return detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR
}
