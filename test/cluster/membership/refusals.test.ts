import t from 'tap'
import { Refusals } from '../../../cluster/membership/refusals.ts'
import { silentLog } from '../../../cluster/runtime.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'

const CLONE = { code: 'DUPLICATE_IDENTITY', message: 'two processes' } as const
const FOREIGN = { code: 'FOREIGN_CLUSTER', message: 'another cluster' } as const

function refusalsOf() {
  const clock = new ManualClock()
  const logged: string[] = []
  const log = { ...silentLog, error: (_fields: object, message: string) => void logged.push(message) }
  return { clock, logged, refusals: new Refusals({ clock, log }) }
}

t.test('a peer that tries again and again is told of once, by its last reason', async (t) => {
  const { clock, logged, refusals } = refusalsOf()
  for (let tries = 0; tries < 60; tries++) {
    refusals.note('a', CLONE)
    await clock.advance(10_000)
  }
  t.match(refusals.list(), [{ peer: 'a', code: 'DUPLICATE_IDENTITY', count: 60 }])
  refusals.note('a', FOREIGN)
  t.match(refusals.list(), [{ code: 'FOREIGN_CLUSTER', count: 1 }])
  t.strictSame(logged, ['link refused: two processes', 'link refused: another cluster'])
})

t.test('one that has given up is told of no more, and anew when it comes back', async (t) => {
  const { clock, logged, refusals } = refusalsOf()
  refusals.note('a', CLONE)
  await clock.advance(20_000)
  t.equal(refusals.list().length, 1)
  await clock.advance(20_000)
  t.strictSame(refusals.list(), [])
  refusals.note('a', CLONE)
  t.match(refusals.list(), [{ count: 1 }])
  t.equal(logged.length, 2)
})

t.test('one that was let in is told of no more', async (t) => {
  const { refusals } = refusalsOf()
  refusals.note('a', FOREIGN)
  refusals.note('b', FOREIGN)
  refusals.clear('a')
  t.match(refusals.list(), [{ peer: 'b' }])
})
