/** A few seeds of the simulation; `npm run test:sim -- --seeds N` runs more, on all cores. */
import t from 'tap'
import { runSchedule } from './run-schedule.ts'
import { makeSchedule } from './schedule/make-schedule.ts'

const SEEDS = 20

t.test('no seed shows a violation', async (t) => {
  let operations = 0
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { violations, history } = await runSchedule(makeSchedule(seed))
    t.strictSame(violations, [], `seed ${seed}`)
    operations += history.length
  }
  t.ok(operations > SEEDS * 50, `the clients got something done: ${operations} operations`)
})

t.test('a seed is the same history each time', async (t) => {
  for (const seed of [3, 4]) {
    const [first, second] = [await runSchedule(makeSchedule(seed)), await runSchedule(makeSchedule(seed))]
    t.equal(second.trace, first.trace, `seed ${seed}`)
    t.strictSame(second.history, first.history)
  }
  const [third, fourth] = [await runSchedule(makeSchedule(3)), await runSchedule(makeSchedule(4))]
  t.not(third.trace, fourth.trace, 'another seed is another history')
})
