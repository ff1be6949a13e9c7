/** Seeds of the data path: first the races of one chunk, then whole clusters. */
import { raceChunks } from './chunk-races.ts'
import { findDataMutant, dataMutants } from './data-mutants.ts'
import { runData, type DataReport } from './data-run.ts'
import type { DataVariant } from './data-variant.ts'

type Say = (line: string) => void

export async function tellData(seed: number, mutant: string | undefined, say: Say): Promise<boolean> {
  const report = await runBoth(seed, mutant === undefined ? {} : findDataMutant(mutant).variant)
  for (const [what, count] of Object.entries(report.counts)) say(`  ${what}: ${count}`)
  return tellViolations(report, say)
}

/** Answers whether all is right. */
export async function sweepData(from: number, seeds: number, say: Say): Promise<boolean> {
  let wrong = 0
  const counts: Record<string, number> = {}
  for (let seed = from; seed < from + seeds; seed++) {
    const report = await runBoth(seed, {})
    for (const [what, count] of Object.entries(report.counts)) counts[what] = (counts[what] ?? 0) + count
    if (!tellViolations(report, say)) wrong++
  }
  for (const [what, count] of Object.entries(counts)) say(`  ${what}: ${count}`)
  say(`${seeds} seeds, ${wrong} with violations`)
  return wrong === 0
}

/** Puts in each bug; answers whether all were caught. */
export async function catchDataMutants(from: number, seeds: number, say: Say): Promise<boolean> {
  let missed = 0
  for (const { name, rule, variant } of dataMutants) {
    const caught = await firstViolation(from, seeds, variant)
    if (!caught) missed++
    say(`${name} (${rule})\n  ${caught ?? `NOT CAUGHT by ${seeds} seeds`}`)
  }
  say(`${dataMutants.length - missed} of ${dataMutants.length} bugs caught`)
  return missed === 0
}

async function firstViolation(from: number, seeds: number, variant: DataVariant): Promise<string | null> {
  for (let seed = from; seed < from + seeds; seed++) {
    const [violation] = (await runBoth(seed, variant)).violations
    if (violation) return `seed ${seed}, ${violation.kind}: ${violation.message}`
  }
  return null
}

async function runBoth(seed: number, variant: DataVariant): Promise<DataReport> {
  const races = await raceChunks(seed, variant)
  if (races.violations.length > 0) return races
  const run = await runData(seed, variant)
  return { ...run, counts: { ...races.counts, ...run.counts } }
}

function tellViolations({ seed, violations }: DataReport, say: Say): boolean {
  if (violations.length > 0) say(`seed ${seed}:`)
  for (const { kind, message } of violations) say(`  ${kind}: ${message}`)
  return violations.length === 0
}
