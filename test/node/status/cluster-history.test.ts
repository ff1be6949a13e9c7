import t from 'tap'
import { silentLog } from '../../../cluster/runtime.ts'
import { CapacityTrend } from '../../../node/status/capacity-trend.ts'
import { ClusterHistory } from '../../../node/status/cluster-history.ts'
import { EventLog, mergeEvents } from '../../../node/status/event-log.ts'
import { Mutes } from '../../../node/status/mutes.ts'
import { StatusQuestions } from '../../../node/status/status-questions.ts'
import type { Check } from '../../../node/status/status-types.ts'
import { configOf } from '../../cluster/register/register-fixture.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'
import { MemoryNetwork } from '../../helpers/memory-network.ts'

const HOUR_MS = 3_600_000
const down = {
  kind: 'NODE_DEAD' as const,
  severity: 'warning' as const,
  who: 'c',
  text: 'It does not answer.',
}

function check(fields: Partial<Check>): Check {
  const words = { since: '', who: 'c', why: '', remedy: '', muted: null }
  return { code: 'NODE_DOWN', severity: 'warning', ...words, ...fields }
}

function historyOf() {
  const clock = new ManualClock()
  const network = new MemoryNetwork()
  const config = { current: () => configOf(['a', 'b', 'c']) }
  const checks = async () => [check({}), check({ code: 'NO_QUORUM', severity: 'critical', who: null })]
  const trend = { samples: [{ atMs: 1, storedBytes: 2, freeBytes: 3 }] }
  const partsOf = (self: string) => {
    const events = new EventLog(clock, silentLog)
    const mutes = new Mutes(clock)
    const questions = new StatusQuestions({ self, rpc: network.join(self) })
    const history = new ClusterHistory({
      clock,
      config,
      questions,
      events,
      trend,
      mutes,
      checks,
    })
    return { history, events, mutes }
  }
  return { clock, network, a: partsOf('a'), b: partsOf('b') }
}

t.test('events of all nodes are one story; who is silent is named', async (t) => {
  const { clock, a, b, network } = historyOf()
  a.events.note({ ...down, kind: 'NODE_SUSPECT' })
  await clock.advance(1000)
  a.events.note(down)
  await clock.advance(2000)
  b.events.note(down)
  b.events.note({ ...down, kind: 'NODE_ALIVE' })
  const { events, silent } = await a.history.events(10)
  t.strictSame(silent, ['c'])
  t.strictSame(
    events.map(({ kind, seenBy }) => [kind, seenBy.toSorted()]),
    [
      ['NODE_ALIVE', ['b']],
      ['NODE_DEAD', ['a', 'b']],
      ['NODE_SUSPECT', ['a']],
    ],
  )
  t.equal((await a.history.events(1)).events.length, 1)
  network.join('b').handle('status', async () => [{ kind: 'and nothing else' }])
  t.strictSame((await a.history.events(10)).silent, ['b', 'c'], 'nonsense is no answer')
})

t.test('the like of an event within a minute counts, and the ring is bounded', async (t) => {
  const { clock, a } = historyOf()
  for (let i = 0; i < 3; i++) a.events.note(down)
  t.match(a.events.latest(10), [{ count: 3 }])
  await clock.advance(60_000)
  a.events.note(down)
  t.match(a.events.latest(10), [{ count: 1 }, { count: 3 }])
  for (let i = 0; i < 600; i++) a.events.note({ ...down, text: String(i) })
  t.equal(a.events.latest(1000).length, 500)
  t.equal(a.events.latest(1)[0]?.text, '599', 'the oldest made room')
  const twice = [1, 2].map((second) => ({ ...down, at: `2026-01-01T00:00:0${second}Z`, count: 1 }))
  t.equal(mergeEvents(new Map([['a', twice]]), 10).length, 2, 'what one node saw twice happened twice')
})

t.test('what holds can be muted, and what is critical cannot', async (t) => {
  const { clock, a } = historyOf()
  const request = { code: 'NODE_DOWN', who: 'c', seconds: 60, reason: 'new disk' }
  t.match(await a.history.mute(request), { code: 'NODE_DOWN', until: '2026-01-01T00:01:00.000Z' })
  t.match(a.mutes.of(request), { reason: 'new disk' })
  t.equal(a.mutes.of({ code: 'NODE_DOWN', who: 'b' }), null)
  await t.rejects(a.history.mute({ ...request, who: 'b' }), { code: 'NOT_FOUND' })
  await t.rejects(a.history.mute({ ...request, code: 'NO_QUORUM', who: null }), { code: 'CONFLICT' })
  await clock.advance(60_000)
  t.equal(a.mutes.of(request), null, 'it has an end')
})

t.test('the newest word on a check wins, wherever it was spoken', async (t) => {
  const { a, b } = historyOf()
  const disk = { code: 'STORE_FULL', who: 'b' }
  a.mutes.set(disk, 3600, '')
  b.mutes.merge(a.mutes.words())
  b.mutes.set(disk, null, '')
  a.mutes.merge(b.mutes.words())
  t.equal(a.mutes.of(disk), null)
  b.mutes.merge(a.mutes.words())
  t.equal(b.mutes.of(disk), null, 'an old word does not come back')
  t.equal(a.mutes.set({ code: 'NEVER', who: null }, null, ''), null)
})

t.test('capacity: bounded samples, a trend after an hour', async (t) => {
  const { clock, a } = historyOf()
  let freeBytes = 10_000
  const trend = new CapacityTrend(clock, () => ({ storedBytes: 0, freeBytes }))
  trend.start()
  const disk = () => trend.forecast({ freeBytes, freeBytesMin: 1000 })
  t.strictSame(disk(), { growthBytesPerDay: null, daysUntilFull: null })
  for (let hour = 0; hour < 24; hour++) {
    await clock.advance(HOUR_MS)
    freeBytes -= 100
  }
  t.ok(trend.samples.length <= 240)
  const { growthBytesPerDay, daysUntilFull } = disk()
  t.ok(Math.abs(growthBytesPerDay! - 2400) < 100, String(growthBytesPerDay))
  t.ok(Math.abs(daysUntilFull! - (freeBytes - 1000) / growthBytesPerDay!) < 0.01)
  trend.stop()
  const { nodes } = await a.history.capacity()
  t.match(nodes, [
    { id: 'a', samples: [{ freeBytes: 3 }] },
    { id: 'b', samples: Array },
    { id: 'c', samples: null },
  ])
})
