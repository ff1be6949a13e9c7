/** What a sweep did, counted: a simulation that does nothing finds nothing. */
import type { RunReport } from './run-schedule.ts'
import type { Schedule } from './schedule/schedule.ts'

/** Figures by name; names sort into groups. */
export type Counts = Record<string, number>

export function countRun(schedule: Schedule, report: RunReport): Counts {
  const counts: Counts = { runs: 1, events: report.eventsRun }
  const add = (name: string, by = 1) => {
    counts[name] = (counts[name] ?? 0) + by
  }
  for (const { kind } of schedule.events) if (kind !== 'session') add(`fault: ${kind}`)
  for (const [name, count] of Object.entries(report.network)) add(`network: ${name}`, count as number)
  for (const [name, count] of report.done) add(`done: ${name}`, count)
  for (const { input, output, end } of report.history) {
    add(`operation: ${input.kind}`)
    if (end === Infinity) add('outcome: ambiguous')
    else add(output && 'log' in output ? 'outcome: answered' : 'outcome: refused')
  }
  for (const [code, count] of report.failures) add(`error: ${code}`, count)
  return counts
}

export function addCounts(sum: Counts, more: Counts): void {
  for (const [name, count] of Object.entries(more)) sum[name] = (sum[name] ?? 0) + count
}

/** One figure per line, grouped. */
export function describeCounts(counts: Counts): string {
  const names = Object.keys(counts).sort()
  return names.map((name) => `  ${name.padEnd(32)} ${counts[name]}`).join('\n')
}
