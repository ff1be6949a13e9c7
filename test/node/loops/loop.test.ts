import t from 'tap'
import { silentLog } from '../../../cluster/runtime.ts'
import { Loop, type RunResult } from '../../../node/loops/loop.ts'
import { deferred } from '../../helpers/deferred.ts'
import { ManualClock, settled } from '../../helpers/manual-clock.ts'

function loopOf(runOnce: (signal: AbortSignal) => Promise<RunResult>) {
  const clock = new ManualClock()
  const options = { name: 'test', everyMs: 1000, retryMs: 100 }
  return { clock, loop: new Loop({ clock, log: silentLog }, options, runOnce) }
}

/** A loop that counts its runs. */
function counting(runOnce: () => Promise<void> = () => Promise.resolve()) {
  const counted = { runs: 0 }
  const parts = loopOf(() => {
    counted.runs++
    return runOnce()
  })
  return { ...parts, counted }
}

t.test('runs at once, then by timer', async (t) => {
  const { loop, clock, counted } = counting()
  loop.start()
  await clock.advance(999)
  t.equal(counted.runs, 1)
  t.match(loop.describe(), { name: 'test', state: 'idle', runs: 1, lastError: null })
  await clock.advance(1)
  t.equal(counted.runs, 2)
  await loop.stop()
})

t.test('a nudge ends the pause', async (t) => {
  const { loop, counted } = counting()
  loop.start()
  await settled()
  loop.nudge()
  await settled()
  t.equal(counted.runs, 2)
  await loop.stop()
})

t.test('a nudge during a run asks for one more', async (t) => {
  const gate = deferred()
  const { loop, counted } = counting(() => gate.promise)
  loop.start()
  await settled()
  t.equal(loop.describe().state, 'busy')
  loop.nudge()
  loop.nudge()
  gate.resolve()
  await settled()
  t.equal(counted.runs, 2)
  await loop.stop()
})

t.test('a failed run is noted, and tried again sooner', async (t) => {
  let isBroken = true
  const { loop, clock, counted } = counting(() =>
    isBroken ? Promise.reject(new Error('the disk is full')) : Promise.resolve(),
  )
  loop.start()
  await settled()
  t.match(loop.describe(), { state: 'failed', lastError: 'the disk is full' })
  isBroken = false
  await clock.advance(100)
  t.equal(counted.runs, 2)
  t.match(loop.describe(), { state: 'idle', lastError: null })
  await loop.stop()
})

t.test('nudges during a failing run do not make it spin', async (t) => {
  const nudging = counting(() => {
    nudging.loop.nudge()
    return Promise.reject(new Error('never works'))
  })
  nudging.loop.start()
  await nudging.clock.advance(250)
  t.equal(nudging.counted.runs, 3)
  await nudging.loop.stop()
})

t.test('stopping wakes a pausing loop and leaves no timer', async (t) => {
  const { loop, clock, counted } = counting()
  loop.start()
  await settled()
  await loop.stop()
  t.equal(loop.describe().state, 'stopped')
  t.equal(clock.pending, 0)
  loop.nudge()
  await clock.advance(5000)
  t.equal(counted.runs, 1)
})

t.test('stopping aborts the run under way and waits for its end', async (t) => {
  let ended = false
  const { loop } = loopOf(
    (signal) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          ended = true
          reject(signal.reason as Error)
        })
      }),
  )
  loop.start()
  await settled()
  await loop.stop()
  t.ok(ended)
  t.equal(loop.describe().lastError, null, 'being stopped is no failure')
})

t.test('a paused loop runs neither by timer nor by nudges, and at once when it is resumed', async (t) => {
  const { loop, clock, counted } = counting()
  loop.start()
  await settled()
  loop.pause()
  loop.nudge()
  await clock.advance(5000)
  t.equal(counted.runs, 1)
  t.equal(loop.describe().state, 'paused')
  t.equal(clock.pending, 0)
  loop.resume()
  await settled()
  t.equal(counted.runs, 2)
  t.equal(loop.describe().state, 'idle')
  await loop.stop()
})

t.test(
  'a pause interrupts the run under way, which is no failure, and a paused loop can be stopped',
  async (t) => {
    const { loop, clock } = loopOf(
      (signal) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
    )
    loop.start()
    await settled()
    t.equal(loop.describe().state, 'busy')
    loop.pause()
    await clock.advance(5000)
    t.match(loop.describe(), { state: 'paused', runs: 1, lastError: null })
    await loop.stop()
    t.equal(loop.describe().state, 'stopped')
  },
)

t.test(
  'a run that wants more rests as long as it says; news do not cut that short, a hurry does',
  async (t) => {
    let runs = 0
    const { loop, clock } = loopOf(async () => {
      runs++
      return { restMs: 300 }
    })
    loop.start()
    await settled()
    t.match(loop.describe(), { state: 'throttled', lastRunAt: '2026-01-01T00:00:00.000Z' })
    loop.nudge()
    await clock.advance(299)
    t.equal(runs, 1)
    await clock.advance(1)
    t.equal(runs, 2)
    loop.hurry()
    await settled()
    t.equal(runs, 3)
    await loop.stop()
  },
)
