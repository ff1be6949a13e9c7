import t from 'tap'
import { SeededRandom } from '../../sim/world/seeded-random.ts'
import { scheduleFaults } from './fault-schedule.ts'

const LIMITS = { nodes: 3, runMs: 60_000, withNetwork: true }
const schedule = (seed: number, limits = LIMITS) => scheduleFaults(new SeededRandom(seed), limits)

t.test('a seed always gives the same faults, another one others', async (t) => {
  t.strictSame(schedule(1), schedule(1))
  t.notSame(schedule(1), schedule(2))
})

t.test('faults come in order, end before the run and name two nodes', async (t) => {
  for (let seed = 0; seed < 50; seed++) {
    const faults = schedule(seed)
    t.ok(faults.length >= 10)
    for (const { fromMs, toMs, node, other } of faults)
      t.ok(fromMs < toMs && toMs < LIMITS.runMs && node !== other && node < 3 && other < 3)
    t.strictSame(
      faults.map(({ fromMs }) => fromMs),
      faults.map(({ fromMs }) => fromMs).toSorted((a, b) => a - b),
    )
  }
})

t.test('no link is cut where none can be', async (t) => {
  const kinds = new Set(
    Array.from({ length: 50 }, (_, seed) => schedule(seed, { ...LIMITS, withNetwork: false })).flatMap(
      (faults) => faults.map(({ kind }) => kind),
    ),
  )
  t.strictSame(kinds, new Set(['kill', 'pause', 'hang', 'kill-majority']))
})
