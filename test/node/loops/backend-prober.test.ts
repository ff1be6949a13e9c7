/** Nodes look at their back ends: at the same place, at different ones, at one that is down. */
import t, { type Test } from 'tap'
import { silentLog, systemRandom } from '../../../cluster/runtime.ts'
import { BackendError } from '../../../node/backends/backend.ts'
import { BackendProber, MARKER_NAME } from '../../../node/loops/backend-prober.ts'
import { ManualClock, settled } from '../../helpers/manual-clock.ts'
import { memoryBackends } from '../../helpers/memory-backends.ts'

type Place = ReturnType<typeof memoryBackends>

function proberOf(t: Test, { backends }: Place, stores = ['fast']) {
  const clock = new ManualClock()
  const prober = new BackendProber({ clock, random: systemRandom, log: silentLog, backends, stores })
  t.teardown(() => prober.loop.stop())
  const look = async (ms = 5000) => {
    clock.advance(ms)
    for (let turns = 0; turns < 5; turns++) await settled()
  }
  return { prober, look, start: async () => (prober.loop.start(), look(0)) }
}

t.test('nodes that share a place find one marker, whoever wrote it', async (t) => {
  const place = memoryBackends('fast')
  const nodes = [proberOf(t, place), proberOf(t, place), proberOf(t, place)]
  await Promise.all(nodes.map(({ start }) => start()))
  t.ok(place.each.get('fast')?.objects.has(MARKER_NAME))
  for (const { look } of nodes) await look()
  const found = nodes.map(({ prober }) => prober.conditions[0])
  t.match(found[0], { store: 'fast', failure: null, marker: /^[0-9a-f]{32}$/ })
  t.equal(new Set(found.map((each) => each?.marker)).size, 1)
})

t.test('those that do not share it find different ones', async (t) => {
  const nodes = [proberOf(t, memoryBackends('fast')), proberOf(t, memoryBackends('fast'))]
  for (const { start, look } of nodes) {
    await start()
    await look()
  }
  const [one, other] = nodes.map(({ prober }) => prober.conditions[0]?.marker)
  t.ok(one && other)
  t.not(one, other)
})

t.test('one that is down says why, is looked at more often, and is used again by itself', async (t) => {
  const place = memoryBackends('fast', 'big')
  const { prober, start, look } = proberOf(t, place, ['fast', 'big'])
  t.match(prober.conditions, [
    { failure: null, marker: null },
    { failure: null, marker: null },
  ])
  await start()
  await look()
  const fast = place.each.get('fast')!
  fast.fail()
  await look(30_000)
  t.match(prober.conditions, [
    { store: 'fast', failure: 'The store fast does not answer.', marker: null },
    { store: 'big', failure: null, marker: String },
  ])
  fast.failure = null
  await look()
  t.match(prober.conditions, [{ failure: null, marker: String }, {}])
})

t.test(
  'a bucket that may not be listed refuses what is not there; one that may not be read is told',
  async (t) => {
    const place = memoryBackends('fast')
    const fast = place.each.get('fast')!
    const open = fast.open.bind(fast)
    const refusal = new BackendError('BACKEND_REFUSED', 'The store fast answers with status 403.')
    fast.open = async function* (name, range) {
      if (!fast.objects.has(name)) throw refusal
      yield* open(name, range)
    }
    const { prober, start, look } = proberOf(t, place)
    await start()
    await look()
    t.match(prober.conditions, [{ failure: null, marker: /^[0-9a-f]{32}$/ }])
    // oxlint-disable-next-line require-yield -- it has nothing to give
    fast.open = async function* () {
      throw refusal
    }
    await look(30_000)
    t.match(prober.conditions, [{ failure: refusal.message, marker: null }])
  },
)

t.test('a marker that is lost is written anew: a mount that is missing is another place', async (t) => {
  const place = memoryBackends('fast')
  const { prober, start, look } = proberOf(t, place)
  await start()
  await look()
  const before = prober.conditions[0]?.marker
  place.each.get('fast')!.objects.clear()
  await look(30_000)
  t.equal(prober.conditions[0]?.marker, null)
  await look()
  t.match(prober.conditions[0]?.marker, /^[0-9a-f]{32}$/)
  t.not(prober.conditions[0]?.marker, before)
})
