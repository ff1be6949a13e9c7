import t from 'tap'
import { SteadyLane } from './steady-lane.ts'

/** A lane whose requests take `takesMs`, one after the other; negative = it failed after that time. */
async function laneOf(...takesMs: number[]): Promise<SteadyLane> {
  let now = 0
  const stopped = new AbortController()
  const pause = async (ms: number) => void (now += ms)
  const lane = new SteadyLane('lane', { nowMs: () => now, pause }, async () => {
    const next = takesMs.shift()!
    now += Math.abs(next)
    if (takesMs.length === 0) stopped.abort()
    return next < 0 ? 'failed' : null
  })
  await lane.run(stopped.signal)
  return lane
}

t.test('the gap is from one success to the next, whatever failed between', async (t) => {
  // Ends: 90, 190, 290 (failed), 790, 890; 10 ms between them.
  const lane = await laneOf(90, 90, -90, 490, 90)
  t.equal(lane.longestGapMs(200, 250), 600)
  t.equal(lane.longestGapMs(0, 100), 100)
  t.equal(lane.longestGapMs(800, 900), 100)
  t.match(lane.failures, [{ atMs: 290, what: 'failed' }])
})

t.test('only a request that began since then counts as success since then', async (t) => {
  const lane = await laneOf(90, 90)
  t.ok(lane.hasSucceededSince(100))
  t.notOk(lane.hasSucceededSince(101))
})
