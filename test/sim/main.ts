/**
 * `npm run test:sim -- --seeds N [--from S]` runs N seeds on all cores; `-- --seed S [--mutant NAME]` runs one and tells
 * its story; `-- --mutants [--mutant NAME] [--seeds N]` puts in each known bug, or that one, and looks whether it is
 * caught. With `--data` all of that is about chunks, claims and reapers instead of registers.
 */
import { parseArgs } from 'node:util'
import type { Variant } from './cluster/variant.ts'
import { catchDataMutants, sweepData, tellData } from './data/data-sweep.ts'
import { allMutants, findMutant } from './mutants/all-mutants.ts'
import { runSchedule } from './run-schedule.ts'
import { makeSchedule } from './schedule/make-schedule.ts'
import type { Schedule } from './schedule/schedule.ts'
import { shrink } from './shrink.ts'
import { describeCounts } from './statistics.ts'
import { tellStory } from './story.ts'
import { catchMutants, sweep } from './sweep.ts'

const SEEDS = 1000
const MUTANT_SEEDS = 2000
const DATA_SEEDS = 50
const SHRINK_RUNS_MAX = 400
const SHRINK_MS = 90_000

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    from: { type: 'string' },
    seed: { type: 'string' },
    mutant: { type: 'string' },
    mutants: { type: 'boolean' },
    data: { type: 'boolean' },
  },
})
const from = Number(values.from ?? 1)

if (values.data) await runDataPath()
else if (values.seed !== undefined)
  await runOne(Number(values.seed), values.mutant === undefined ? {} : findMutant(values.mutant).variant)
else if (values.mutants) await runMutants(Number(values.seeds ?? MUTANT_SEEDS))
else await runMany(Number(values.seeds ?? SEEDS))

async function runDataPath(): Promise<void> {
  const { seed, seeds, mutant, mutants } = values
  const isRight = await (seed !== undefined
    ? tellData(Number(seed), mutant, say)
    : mutants
      ? catchDataMutants(from, Number(seeds ?? DATA_SEEDS), say)
      : sweepData(from, Number(seeds ?? DATA_SEEDS), say))
  if (!isRight) process.exitCode = 1
}

async function runOne(seed: number, variant: Variant): Promise<void> {
  const schedule = makeSchedule(seed)
  const report = await runSchedule(schedule, variant)
  say(tellStory(schedule, report))
  if (report.violations.length > 0) await tellShortest(schedule, variant)
}

async function runMany(seeds: number): Promise<void> {
  const beganMs = performance.now()
  const { counts, failures } = await sweep({ from, seeds }, ({ seed, violations }) => {
    say(`seed ${seed}:`)
    for (const { kind, message } of violations) say(`  ${kind}: ${message}`)
  })
  const seconds = ((performance.now() - beganMs) / 1000).toFixed(0)
  say(describeCounts(counts))
  say(`${counts['runs']} seeds in ${seconds} s, ${failures.length} with violations`)
  const [first] = failures
  if (!first) return
  say(`once more: npm run test:sim -- --seed ${first.seed}`)
  await tellShortest(makeSchedule(first.seed), {})
}

async function runMutants(seeds: number): Promise<void> {
  let missed = 0
  const names = values.mutant === undefined ? allMutants.map(({ name }) => name) : [values.mutant]
  await catchMutants(names, { from, seeds }, ({ mutant, caught }) => {
    if (!caught) missed++
    const how = caught
      ? `seed ${caught.seed}, ${caught.violation.kind}: ${caught.violation.message}`
      : `NOT CAUGHT by ${seeds} seeds`
    say(`${mutant} (${findMutant(mutant).rule})\n  ${how}`)
  })
  say(`${names.length - missed} of ${names.length} bugs caught`)
  if (missed > 0) process.exitCode = 1
}

async function tellShortest(schedule: Schedule, variant: Variant): Promise<void> {
  process.exitCode = 1
  const trial = async (candidate: Schedule) => (await runSchedule(candidate, variant)).violations
  const options = { runsMax: SHRINK_RUNS_MAX, timeMs: SHRINK_MS, nowMs: () => performance.now() }
  const shortest = await shrink(schedule, trial, options)
  say('\nthe shortest schedule found that still fails:')
  say(tellStory(shortest, await runSchedule(shortest, variant)))
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}
