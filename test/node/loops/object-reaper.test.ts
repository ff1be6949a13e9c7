import t from 'tap'
import { silentLog } from '../../../cluster/runtime.ts'
import { DiscardedObjects } from '../../../node/images/discarded-objects.ts'
import { imageKey } from '../../../node/images/image-operations.ts'
import { ObjectReaper } from '../../../node/loops/object-reaper.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'
import { memoryBackends } from '../../helpers/memory-backends.ts'
import { activeImage, ID, imageOf } from '../images/image-fixture.ts'
import { MemoryRegisters } from '../images/memory-registers.ts'

const LOOK_MS = 5000

function reaperOf({ seesTo = true } = {}) {
  const registers = new MemoryRegisters()
  const { each, backends } = memoryBackends('fast', 'big')
  const clock = new ManualClock()
  const discarded = new DiscardedObjects()
  const state = { caughtUp: true }
  const reaper = new ObjectReaper({
    ...{ clock, log: silentLog, registers: registers.images, backends },
    discarded: () => {
      discarded.index(imageKey(ID), registers.rows.get(imageKey(ID)) ?? null)
      return discarded.all
    },
    seesTo: () => seesTo,
    caughtUp: () => state.caughtUp,
  })
  t.teardown(() => reaper.loop.stop())
  const [fast, big] = [each.get('fast')!, each.get('big')!]
  for (const backend of [fast, big]) backend.objects.set('a', Buffer.from('hello'))
  const objects = ['fast', 'big', 'gone'].map((store) => ({ store, url: `memory://${store}/a` }))
  return { reaper, registers, clock, state, fast, big, objects }
}

t.test('what an image no longer has is deleted, and forgotten when it is gone', async (t) => {
  for (const live of [true, false]) {
    const { reaper, registers, clock, fast, big, objects } = reaperOf()
    registers.put(
      live ? activeImage({ discarded: objects }) : imageOf({ status: 'deleted', discarded: objects }),
      { live },
    )
    big.fail()
    reaper.loop.start()
    await clock.advance(2 * LOOK_MS)
    t.equal(fast.objects.size, 0)
    t.strictSame(registers.record(ID)?.discarded, objects.slice(1), 'one that is down only waits')
    t.match(reaper.loop.describe(), { lastError: null, queue: { depth: 1 } })
    big.failure = null
    await clock.advance(2 * LOOK_MS)
    t.equal(big.objects.size, 0)
    t.strictSame(registers.record(ID)?.discarded, objects.slice(2), 'so does one that is not enabled here')
    await reaper.loop.stop()
  }
})

t.test('the others come a minute later; nobody acts on what is not settled, or not caught up', async (t) => {
  const { reaper, registers, clock, state, fast, objects } = reaperOf({ seesTo: false })
  registers.put(activeImage({ discarded: objects.slice(0, 1) }), { settled: false })
  reaper.loop.start()
  await clock.advance(90_000)
  t.equal(fast.objects.size, 1)
  registers.put(activeImage({ discarded: objects.slice(0, 1) }))
  await clock.advance(50_000)
  t.equal(fast.objects.size, 1)
  state.caughtUp = false
  await clock.advance(60_000)
  t.equal(fast.objects.size, 1)
  state.caughtUp = true
  await clock.advance(2 * LOOK_MS)
  t.equal(fast.objects.size, 0)
  t.notOk(registers.record(ID)?.discarded)
})

t.test('what is in use is left for a minute, and keeps nothing else of its store waiting', async (t) => {
  const { reaper, registers, clock, fast } = reaperOf()
  fast.objects.set('b', Buffer.from('hello'))
  fast.inUse.add('a')
  const objects = ['a', 'b'].map((name) => ({ store: 'fast', url: `memory://fast/${name}` }))
  registers.put(imageOf({ status: 'deleted', discarded: objects }), { live: false })
  reaper.loop.start()
  await clock.advance(2 * LOOK_MS)
  t.strictSame([...fast.objects.keys()], ['a'])
  fast.inUse.clear()
  await clock.advance(30_000)
  t.equal(fast.objects.size, 1)
  await clock.advance(40_000)
  t.equal(fast.objects.size, 0)
  t.notOk(registers.record(ID)?.discarded)
})
