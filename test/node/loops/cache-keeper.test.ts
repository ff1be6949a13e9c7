import { randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { silentLog, systemClock } from '../../../cluster/runtime.ts'
import { cacheableOf } from '../../../node/images/caching-opener.ts'
import type { ImageRecord } from '../../../node/images/image-record.ts'
import { CacheKeeper } from '../../../node/loops/cache-keeper.ts'
import { until } from '../../helpers/until.ts'
import { cacheHome, fill, MIB, newId, readAll } from '../cache/cache-fixture.ts'
import { activeImage } from '../images/image-fixture.ts'
import { MemoryRegisters } from '../images/memory-registers.ts'

const BYTES = randomBytes(5 * MIB)

function imageOf(fields: Partial<ImageRecord> = {}): ImageRecord {
  return activeImage({ id: newId(), size: BYTES.length, hashAlgo: 'sha512', hashValue: '1', ...fields })
}

async function keeperOf(t: Test, { bytesMax = 100 * MIB } = {}) {
  const cache = await (await cacheHome(t)).open({ bytesMax })
  const registers = new MemoryRegisters()
  const origin = { failure: null as Error | null, opened: [] as string[], kept: new Set<string>() }
  const state = { caughtUp: true }
  const keeper = new CacheKeeper({
    clock: systemClock,
    log: silentLog,
    cache,
    registers: registers.images,
    opener: {
      open: async ({ id }) => {
        origin.opened.push(id)
        return {
          sizeBytes: BYTES.length,
          read: async function* () {
            yield { bytes: BYTES.subarray(0, MIB), release() {} }
            if (origin.failure) throw origin.failure
            yield { bytes: BYTES.subarray(MIB), release() {} }
          },
        }
      },
    },
    known: (id) => registers.index.get(id),
    caughtUp: () => state.caughtUp,
    isKeptHere: ({ id }) => origin.kept.has(id),
  })
  keeper.loop.start()
  t.teardown(() => keeper.loop.stop())
  await until(() => keeper.loop.describe().runs === 1)
  /** Until a run that began from now on is over. */
  const run = async () => {
    await until(() => !['busy', 'stopped'].includes(keeper.loop.describe().state))
    const { runs } = keeper.loop.describe()
    keeper.loop.hurry()
    await until(() => keeper.loop.describe().runs > runs)
  }
  return { cache, registers, keeper, origin, state, run }
}

t.test('what is queued is brought; what needs no bringing, or cannot be, leaves the queue', async (t) => {
  const { cache, registers, origin, run } = await keeperOf(t)
  const wanted = imageOf()
  const kept = imageOf()
  const large = imageOf({ size: 200 * MIB })
  const off = imageOf({ status: 'deactivated' })
  for (const image of [wanted, kept, large, off]) registers.put(image)
  origin.kept.add(kept.id)
  for (const id of [wanted.id, kept.id, large.id, off.id, newId()]) await cache.queue.add(id)
  await run()
  t.strictSame(cache.queue.all, [])
  t.strictSame(origin.opened, [wanted.id])
  t.ok((await readAll(cache.open(cacheableOf(wanted)!)!)).equals(BYTES))
  await cache.queue.add(wanted.id)
  await run()
  t.strictSame(origin.opened, [wanted.id], 'it is here')
})

t.test('what fails is tried again, and keeps nobody else waiting', async (t) => {
  const { cache, registers, keeper, origin, run } = await keeperOf(t)
  const [a, b] = [imageOf(), imageOf()]
  for (const image of [a, b]) {
    registers.put(image)
    await cache.queue.add(image.id)
  }
  origin.failure = new Error('it is down')
  await run()
  t.match(keeper.loop.describe(), { lastError: 'it is down', queue: { depth: 2 } })
  t.strictSame(origin.opened, [a.id, b.id])
  t.equal(cache.figures.usedBytes, 0)
  origin.failure = null
  await run()
  t.match(cache.figures, { images: 2, queued: 0 })
})

t.test('what changes or goes is dropped, at once or when the node knows of all images', async (t) => {
  const { cache, registers, keeper, state, run } = await keeperOf(t)
  const [same, changed, gone, off] = [imageOf(), imageOf(), imageOf(), imageOf()]
  state.caughtUp = false
  for (const image of [same, changed, gone, off]) await fill(cache, cacheableOf(image)!, BYTES)
  await run()
  t.equal(cache.figures.images, 4, 'nobody knows yet what there is')
  registers.put(same)
  registers.put({ ...changed, hashValue: '2' })
  registers.put({ ...off, status: 'deactivated' })
  state.caughtUp = true
  await run()
  t.strictSame(cache.entries.map(({ imageId }) => imageId).toSorted(), [same.id, off.id].toSorted())
  await cache.queue.add(off.id)
  keeper.noteChanged(same.id, same)
  keeper.noteChanged(off.id, { ...off, status: 'pending_delete' })
  t.strictSame(
    cache.entries.map(({ imageId }) => imageId),
    [same.id],
  )
  t.strictSame(cache.queue.all, [])
  keeper.noteChanged(same.id, null)
  t.equal(cache.figures.images, 0)
})

t.test('everything is read back when that is asked for', async (t) => {
  const { cache, registers, keeper } = await keeperOf(t)
  const image = imageOf()
  registers.put(image)
  await fill(cache, cacheableOf(image)!, BYTES)
  let cleaned = 0
  t.capture(cache, 'clean', async () => ++cleaned)
  keeper.requestClean()
  await until(() => cleaned === 1)
  t.equal(cache.figures.images, 1)
})
