/** One of the processes of a sweep: runs the seeds that it is told to and reports each. */
import type { Violation } from './checks/violation.ts'
import { findMutant } from './mutants/all-mutants.ts'
import { runSchedule } from './run-schedule.ts'
import { makeSchedule } from './schedule/make-schedule.ts'
import { addCounts, countRun, type Counts } from './statistics.ts'

/** What the parent sends. */
export interface SweepOrder {
  from: number
  count: number
  /** Name of a bug to put in; the first seed that shows it is enough. Null: none. */
  mutant: string | null
}

/** What a child sends back for each order. */
export interface SweepResult extends SweepOrder {
  counts: Counts
  failures: { seed: number; violations: Violation[] }[]
}

/** Stack traces cost a tenth of the time, and nobody reads them here. */
Error.stackTraceLimit = 0

/** Of the seed under way. */
const crashes: Violation[] = []
process.on('unhandledRejection', (reason) => {
  crashes.push({ kind: 'crash', message: `an unhandled rejection: ${String(reason)}` })
})
process.on('message', (order: SweepOrder) => void answer(order))

async function answer({ from, count, mutant }: SweepOrder): Promise<void> {
  const variant = mutant === null ? {} : findMutant(mutant).variant
  const result: SweepResult = { from, count, mutant, counts: {}, failures: [] }
  for (let seed = from; seed < from + count; seed++) {
    const schedule = makeSchedule(seed)
    const report = await runSchedule(schedule, variant)
    const violations = [...report.violations, ...crashes.splice(0)]
    addCounts(result.counts, countRun(schedule, report))
    if (violations.length > 0) result.failures.push({ seed, violations })
    if (violations.length > 0 && mutant !== null) break
  }
  process.send?.(result)
}
