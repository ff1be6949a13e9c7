import t from 'tap'
import { silentLog } from '../../../cluster/runtime.ts'
import { segmentReaper } from '../../../node/loops/segment-reaper.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'

t.test('goes on as long as space comes back, and stands still while it must', async (t) => {
  const clock = new ManualClock()
  const state = { mayRun: false, freedBytes: [5, 3, 0], rate: null as number | null }
  let runs = 0
  const compactor = {
    runOnce: () => {
      runs++
      return Promise.resolve(state.freedBytes.shift() ?? 0)
    },
    get rate() {
      return { perSecond: state.rate ?? 32, fixed: state.rate }
    },
    fixRate: (rate: number | null) => void (state.rate = rate),
  }
  const loop = segmentReaper({ clock, log: silentLog, compactor, mayRun: () => state.mayRun })
  t.teardown(() => loop.stop())
  loop.start()
  await clock.advance(60_000)
  t.equal(runs, 0)
  state.mayRun = true
  await clock.advance(5000)
  t.equal(runs, 3)
  t.match(loop.describe(), { name: 'segment-reaper', state: 'idle', rate: { perSecond: 32, fixed: null } })
  loop.rate?.fix(7)
  t.match(loop.describe(), { rate: { unit: 'bytes', perSecond: 7, fixed: 7 } })
})
