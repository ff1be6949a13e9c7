import t from 'tap'
import { OldGlanceWatch } from '../../../node/images/old-glance-watch.ts'
import { fallThroughOf } from '../../../node/status/old-glance-checks.ts'
import type { NodeStatus } from '../../../node/status/status-types.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'

const START = '2026-01-01T00:00:00.000Z'

t.test('it is asked at once and every half minute, and says since when it is silent', async (t) => {
  const clock = new ManualClock()
  let [asked, failure] = [0, null as string | null]
  const ask = async () => {
    asked++
    if (failure !== null) throw new Error(failure)
  }
  const watch = new OldGlanceWatch({ clock, ask })
  const state = () => watch.stateOf('http://old')
  t.match(state(), { lastAnswerAt: null, failure: null, lastShownAt: null })
  watch.start()
  await clock.advance(0)
  t.match(state(), { lastAnswerAt: START, failure: null })
  failure = 'it cannot be reached'
  await clock.advance(30_000)
  t.match(state(), { lastAnswerAt: START, failure: 'it cannot be reached' })
  failure = null
  await clock.advance(30_000)
  t.match(state(), { lastAnswerAt: '2026-01-01T00:01:00.000Z', failure: null })
  watch.stop()
  await clock.advance(300_000)
  t.equal(asked, 3)
})

t.test('requests for what is only there are counted with the time of the last', async (t) => {
  const clock = new ManualClock()
  const watch = new OldGlanceWatch({ clock, ask: async () => {} })
  watch.noteShow(true)
  await clock.advance(5000)
  watch.noteShow(true)
  await clock.advance(5000)
  watch.noteShow(false)
  t.match(watch.stateOf('http://old'), {
    counts: { shown: 2, opened: 0, absent: 1, failed: 0 },
    lastShownAt: '2026-01-01T00:00:05.000Z',
  })
})

t.test('of all nodes: the sum, the latest request, and what the youngest can vouch for', async (t) => {
  const counts = { shown: 2, opened: 0, absent: 0, failed: 0 }
  const state = { url: 'http://old', counts, lastShownAt: START, lastAnswerAt: START, failure: null }
  const nodes = [
    { oldGlance: state, uptimeSeconds: 600 },
    { oldGlance: { ...state, lastShownAt: null }, uptimeSeconds: 60 },
    { oldGlance: { ...state, lastShownAt: '2026-01-01T00:00:09.000Z', failure: 'x' }, uptimeSeconds: 6000 },
    { oldGlance: null, uptimeSeconds: 1 },
  ] as NodeStatus[]
  t.strictSame(fallThroughOf(nodes, Date.parse('2026-01-01T01:00:00Z')), {
    ...{ urls: ['http://old'], answers: false, requests: 6 },
    ...{ lastRequestAt: '2026-01-01T00:00:09.000Z', countedSince: '2026-01-01T00:59:00.000Z' },
  })
  t.equal(fallThroughOf(nodes.slice(3), 0), null)
})
