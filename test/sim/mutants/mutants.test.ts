/** The bugs that few seeds show; `npm run test:sim -- --mutants` puts in all of them. */
import t from 'tap'
import { runSchedule } from '../run-schedule.ts'
import { makeSchedule } from '../schedule/make-schedule.ts'
import { allMutants, findMutant } from './all-mutants.ts'

/** Each seed costs some 100 ms; these bugs show in the first ten or so. */
const SEEDS_MAX = 40

const LOUD = [
  'quorum of one',
  'accept below a promise',
  'operation applied again although the ring knows it',
  'operation id taken from the client',
  'local value served as a strong read',
  'list answered without catching up',
  'no prepare for a known key',
  'catch-up skips a foreign cursor',
  'catch-up stops one entry short',
  'voting with a flipped bit',
  'tombstone removed where it is seen',
  'voters swapped without a joint config',
  'joint config with one majority',
  'new voters without a rescan',
]

for (const name of LOUD) {
  t.test(name, async (t) => {
    const { variant } = findMutant(name)
    let seed = 1
    while (seed <= SEEDS_MAX && (await runSchedule(makeSchedule(seed), variant)).violations.length === 0)
      seed++
    t.ok(seed <= SEEDS_MAX, `caught by seed ${seed}`)
  })
}

t.test('no two have one name', (t) => {
  t.equal(new Set(allMutants.map(({ name }) => name)).size, allMutants.length)
  t.end()
})
