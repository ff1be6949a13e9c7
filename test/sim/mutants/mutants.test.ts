/** The bugs that few seeds show; `npm run test:sim -- --mutants` puts in all of them. */
import t from 'tap'
import { runSchedule } from '../run-schedule.ts'
import { makeSchedule } from '../schedule/make-schedule.ts'
import { allMutants } from './all-mutants.ts'

/** Enough for a third of the bugs; each seed costs some 100 ms. */
const SEEDS = 3

t.test('bugs put in on purpose are caught', async (t) => {
  const caught: string[] = []
  for (const { name, variant } of allMutants) {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { violations } = await runSchedule(makeSchedule(seed), variant)
      if (violations.length === 0) continue
      caught.push(name)
      break
    }
  }
  t.comment(caught.join('; '))
  t.ok(caught.length >= allMutants.length / 3, `${caught.length} of ${allMutants.length}`)
})

t.test('no two have one name', (t) => {
  t.equal(new Set(allMutants.map(({ name }) => name)).size, allMutants.length)
  t.end()
})
