/** A failing schedule becomes a short one that still fails, and the same way. */
import t from 'tap'
import type { Violation } from './checks/violation.ts'
import { findMutant } from './mutants/all-mutants.ts'
import { runSchedule } from './run-schedule.ts'
import { makeSchedule } from './schedule/make-schedule.ts'
import type { Schedule, ScheduledEvent } from './schedule/schedule.ts'
import { shrink } from './shrink.ts'
import { tellStory } from './story.ts'

const PLENTY = { runsMax: 2000, timeMs: Infinity, nowMs: () => 0 }
const FAILED: Violation = { kind: 'history', message: 'it failed' }

const stepIds = ({ events }: Schedule) =>
  events.flatMap((event) => (event.kind === 'session' ? event.steps.map(({ id }) => id) : []))
const crashes = ({ events }: Schedule) => events.filter(({ kind }) => kind === 'crash').length

/** A seed whose schedule crashes nodes. */
function scheduleWithCrashes(): Schedule {
  for (let seed = 1; ; seed++) if (crashes(makeSchedule(seed)) >= 2) return makeSchedule(seed)
}

t.test('only what the failure needs is left', async (t) => {
  const schedule = scheduleWithCrashes()
  const needed = stepIds(schedule).filter((id) => id % 17 === 3)
  const fails = (candidate: Schedule) =>
    crashes(candidate) > 0 && needed.every((id) => stepIds(candidate).includes(id))
  const shortest = await shrink(
    schedule,
    (candidate) => Promise.resolve(fails(candidate) ? [FAILED] : []),
    PLENTY,
  )
  t.strictSame(stepIds(shortest), needed)
  t.equal(crashes(shortest), 1)
  t.strictSame(
    shortest.events.filter(({ kind }: ScheduledEvent) => kind !== 'crash' && kind !== 'session'),
    [],
  )
  t.equal(shortest.network.loss, 0, 'the network is as calm as it may be')
})

t.test('another failure is not taken for this one', async (t) => {
  const schedule = scheduleWithCrashes()
  const other: Violation = { kind: 'convergence', message: 'something else' }
  const trial = (candidate: Schedule) =>
    Promise.resolve([candidate.events.length === schedule.events.length ? FAILED : other])
  t.equal((await shrink(schedule, trial, PLENTY)).events.length, schedule.events.length)
})

t.test('it stops when its runs are spent', async (t) => {
  let runs = 0
  const trial = () => Promise.resolve(runs++ < 10_000 ? [FAILED] : [])
  await shrink(scheduleWithCrashes(), trial, { ...PLENTY, runsMax: 7 })
  t.ok(runs <= 8, `${runs} runs`)
})

t.test('a real bug becomes a short story', async (t) => {
  const { variant } = findMutant('local value served as a strong read')
  const trial = async (candidate: Schedule) => (await runSchedule(candidate, variant)).violations
  let schedule = makeSchedule(1)
  while ((await trial(schedule)).length === 0) schedule = makeSchedule(schedule.seed + 1)
  const shortest = await shrink(schedule, trial, { ...PLENTY, runsMax: 30 })
  t.ok(shortest.events.length < schedule.events.length / 2, `${shortest.events.length} events are left`)
  const story = tellStory(shortest, await runSchedule(shortest, variant))
  t.match(story, `seed ${schedule.seed}`)
  t.match(story, /what is wrong:\n {2}(history|invariant)/)
})
