import t from 'tap'
import { RepairPace } from '../../../node/loops/repair-pace.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'

const PIECE_BYTES = 4 * 1024 ** 2
const { signal } = new AbortController()

/** A pace, and a worker that moves pieces which take `pieceMs` each; answers how many in `ms`. */
function paceOf({ isBusy = false, bytesPerSecondMax = 1024 ** 4 } = {}) {
  const clock = new ManualClock()
  const state = { isBusy, most: 0, underWay: 0, moved: 0 }
  const pace = new RepairPace({ clock, isForegroundBusy: () => state.isBusy }, { bytesPerSecondMax })
  const work = async (pieceMs: number, until: { isOver: boolean }): Promise<void> => {
    while (!until.isOver) {
      const end = await pace.begin(signal)
      state.most = Math.max(state.most, ++state.underWay)
      await new Promise<void>((resolve) => clock.after(pieceMs, resolve))
      state.underWay--
      state.moved++
      end(PIECE_BYTES)
    }
  }
  const run = async (ms: number, pieceMs = 10) => {
    const until = { isOver: false }
    state.moved = 0
    for (let worker = 0; worker < 5; worker++) void work(pieceMs, until)
    await clock.advance(ms)
    until.isOver = true
    const { moved } = state
    await clock.advance(60_000)
    return moved
  }
  return { pace, state, run, clock }
}

t.test('some pieces move side by side while nobody is disturbed', async (t) => {
  const { run, state } = paceOf()
  const moved = await run(1000)
  t.equal(state.most, 3)
  t.ok(moved > 150, `${moved} of 300 that would be possible without looking around`)
})

t.test('while clients are busy one piece moves at a time, a fifth of the time', async (t) => {
  const { run, state } = paceOf({ isBusy: true })
  const moved = await run(1000)
  t.equal(state.most, 1)
  t.ok(moved >= 15 && moved <= 20, `${moved} pieces of 10 ms`)
  t.ok((await run(10_000, 1000)) >= 7, 'a slow piece is followed by no rest without end')
})

t.test('the rate holds, and can be set and given back', async (t) => {
  const { run, pace } = paceOf({ bytesPerSecondMax: 10 * PIECE_BYTES })
  const moved = await run(10_000)
  t.ok(moved > 90 && moved < 125, `${moved} pieces in 10 s at 10 a second`)
  pace.fix(PIECE_BYTES)
  t.strictSame(pace.rate, { unit: 'bytes', perSecond: PIECE_BYTES, fixed: PIECE_BYTES })
  const slow = await run(10_000)
  t.ok(slow >= 9 && slow < 18, `${slow} at one a second`)
  pace.fix(null)
  t.match(pace.rate, { perSecond: 10 * PIECE_BYTES, fixed: null })
})

t.test('whoever waits can be called off', async (t) => {
  const { pace, clock } = paceOf({ bytesPerSecondMax: 1024 })
  ;(await pace.begin(signal))(PIECE_BYTES)
  const stop = new AbortController()
  const waiting = pace.begin(stop.signal)
  await clock.advance(100)
  t.ok(pace.isResting)
  stop.abort(new Error('paused'))
  await t.rejects(waiting, { message: 'paused' })
  t.notOk(pace.isResting)
})
