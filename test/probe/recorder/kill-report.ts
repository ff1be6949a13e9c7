/** The distribution of what losses did, for people. */
import type { Loss, LossResult } from './kill-run.ts'

const PERCENTILES = [50, 90, 95, 100]

/** One line a figure. */
export function reportLosses(loss: Loss, results: readonly LossResult[]): string[] {
  const victims = results.map(({ victim }) => victim)
  return [
    `${loss}: ${results.length} times (victims ${[0, 1, 2].map((node) => victims.filter((v) => v === node).length).join('/')})`,
    `  writes stood still while it was away, ms: ${distribution(results.map(({ gapAwayMs }) => gapAwayMs))}`,
    `  writes stood still when it came back, ms: ${distribution(results.map(({ gapReturnMs }) => gapReturnMs))}`,
    ...reportFailures(
      'strong reads',
      results.flatMap(({ failedReads }) => failedReads),
    ),
    ...reportFailures(
      'writes',
      results.flatMap(({ failedWrites }) => failedWrites),
    ),
  ]
}

function distribution(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b)
  return PERCENTILES.map((percent) => {
    const place = Math.ceil((percent / 100) * sorted.length) - 1
    return `p${percent} ${Math.round(sorted[Math.max(0, place)] ?? 0)}`
  }).join(', ')
}

function reportFailures(what: string, failures: readonly string[]): string[] {
  return [`  failed ${what}: ${failures.length}`, ...failures.map((failure) => `    ${failure}`)]
}
