import { randomBytes } from 'node:crypto'
import { readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { CacheDamagedError, fileBytesOf } from '../../../node/cache/cache-file.ts'
import type { ImageCache } from '../../../node/cache/image-cache.ts'
import { until } from '../../helpers/until.ts'
import { cacheHome, fill, headOf, MIB, newId, readAll } from './cache-fixture.ts'

const SIZES = [1, 4 * MIB - 1, 4 * MIB, 4 * MIB + 1, 9 * MIB]

t.test('what was filled is read back, as a whole and in parts, and after a restart', async (t) => {
  const home = await cacheHome(t)
  let cache = await home.open()
  const images = SIZES.map((size) => randomBytes(size))
  const heads = images.map((bytes) => headOf(bytes))
  for (const [i, bytes] of images.entries()) t.equal(await fill(cache, heads[i]!, bytes), null)
  t.match(cache.figures, { images: 5, queued: 0, misses: 0, damaged: 0 })
  t.equal(
    cache.figures.usedBytes,
    heads.reduce((sum, head) => sum + fileBytesOf(head), 0),
  )
  for (let restarts = 0; restarts < 2; restarts++, cache = await home.open())
    for (const [i, bytes] of images.entries()) {
      const image = cache.open(heads[i]!)!
      t.ok((await readAll(image)).equals(bytes))
      const from = Math.floor(bytes.length / 3)
      t.ok((await readAll(image, from, bytes.length - 1)).equals(bytes.subarray(from)))
      t.ok((await readAll(image, 0, 0)).equals(bytes.subarray(0, 1)))
    }
  t.equal(cache.entries[0]?.hits, 2, 'hits outlive a restart')
  t.equal(home.pool.slotsInUse, 0)
  t.strictSame(await home.files('incomplete'), [])
})

t.test('another identity or size is another image', async (t) => {
  const cache = await (await cacheHome(t)).open()
  const bytes = randomBytes(1000)
  const head = headOf(bytes)
  await fill(cache, head, bytes)
  t.equal(cache.open({ ...head, identity: 'sha512:y' }), null)
  t.equal(cache.open({ ...head, sizeBytes: 999 }), null)
  t.equal(cache.open({ ...head, imageId: newId() }), null)
  t.match(cache.figures, { hits: 0, misses: 3 })
  t.equal(await fill(cache, head, bytes), 'refused')
  t.equal(await fill(cache, { ...head, identity: 'sha512:y' }, bytes), null)
  t.equal(cache.figures.images, 1)
})

t.test('whatever happens to a file, no wrong byte is given out', async (t) => {
  const home = await cacheHome(t)
  const bytes = randomBytes(5 * MIB)
  const head = headOf(bytes)
  await fc.assert(
    fc.asyncProperty(
      fc.nat({ max: fileBytesOf(head) - 1 }),
      fc.constantFrom('flip', 'cut', 'zero'),
      fc.boolean(),
      async (at, how, isRestarted) => {
        let cache = await home.open()
        await cache.clear()
        await fill(cache, head, bytes)
        const path = join(home.directory, 'serac-image-cache', 'images', (await home.files('images'))[0]!)
        const file = await readFile(path)
        if (how === 'flip') file[at]! ^= 1
        if (how === 'zero') file.fill(0, at)
        await writeFile(path, file)
        if (how === 'cut') await truncate(path, at)
        if (isRestarted) cache = await home.open()
        const image = cache.open(head)
        if (!image) return
        const outcome = await readSome(image)
        t.ok(outcome.read.equals(bytes.subarray(0, outcome.read.length)))
        t.ok(outcome.error === null || outcome.error instanceof CacheDamagedError)
        // The last twelve bytes say only how it was used.
        const isHarmless = at >= fileBytesOf(head) - 12 && how !== 'cut'
        if (!isHarmless && how === 'flip') t.ok(outcome.error, `byte ${at}`)
        if (outcome.error === null) t.equal(outcome.read.length, bytes.length)
      },
    ),
    { numRuns: 40 },
  )
  t.equal(home.pool.slotsInUse, 0)
})

async function readSome(image: NonNullable<ReturnType<ImageCache['open']>>) {
  const pieces: Buffer[] = []
  try {
    for await (const lease of image.read(0, image.sizeBytes - 1, new AbortController().signal)) {
      pieces.push(Buffer.from(lease.bytes))
      lease.release()
    }
    return { read: Buffer.concat(pieces), error: null }
  } catch (error) {
    return { read: Buffer.concat(pieces), error }
  }
}

t.test('reading everything back drops what is damaged, and only that', async (t) => {
  const home = await cacheHome(t)
  const cache = await home.open()
  const [good, bad] = [randomBytes(5 * MIB), randomBytes(5 * MIB)]
  const badHead = headOf(bad)
  await fill(cache, badHead, bad)
  const path = join(home.directory, 'serac-image-cache', 'images', (await home.files('images'))[0]!)
  await fill(cache, headOf(good), good)
  const file = await readFile(path)
  file[4 * MIB + 5]! ^= 128
  await writeFile(path, file)
  const { signal } = new AbortController()
  t.equal(await cache.clean(signal), 1)
  t.match(cache.figures, { images: 1, damaged: 1, hits: 0 })
  t.equal(cache.has(badHead.imageId), false)
  t.equal(await cache.clean(signal), 0)
})

t.test('it is within its limit on disk at every moment, and the longest unused make room', async (t) => {
  const home = await cacheHome(t)
  const cache = await home.open({ bytesMax: 13 * MIB })
  const images = Array.from({ length: 4 }, () => randomBytes(4 * MIB))
  const heads = images.map((bytes) => headOf(bytes))
  for (const i of [0, 1, 2]) await fill(cache, heads[i]!, images[i]!)
  cache.open(heads[0]!)
  const filling = cache.beginFill(heads[3]!)!
  for (let at = 0; at < 4 * MIB; at += 100_000) {
    await filling.write(images[3]!.subarray(at, at + 100_000))
    t.ok(cache.figures.usedBytes <= 13 * MIB)
  }
  t.equal(await filling.finish(), null)
  t.strictSame(
    cache.entries.map(({ imageId }) => imageId),
    [heads[2], heads[0], heads[3]].map((head) => head?.imageId),
  )
  t.equal(cache.figures.evicted, 1)
  t.equal((await home.files('images')).length, 3)
  t.equal(cache.beginFill({ ...headOf(images[0]!), sizeBytes: 13 * MIB }), null, 'it would never fit')
  const smaller = await home.open({ bytesMax: 5 * MIB })
  t.match(await smaller.prune(), { files: 2 })
  t.equal((await home.files('images')).length, 1)
})

t.test('who reads what is evicted reads on', async (t) => {
  const cache = await (await cacheHome(t)).open()
  const bytes = randomBytes(9 * MIB)
  const head = headOf(bytes)
  await fill(cache, head, bytes)
  const image = cache.open(head)!
  const pieces: Buffer[] = []
  for await (const lease of image.read(0, bytes.length - 1, new AbortController().signal)) {
    pieces.push(Buffer.from(lease.bytes))
    lease.release()
    await cache.drop(head.imageId)
  }
  t.ok(Buffer.concat(pieces).equals(bytes))
  await t.rejects(readAll(image), CacheDamagedError)
})

t.test('a fill that is given up, cut short, too long or taken out leaves nothing', async (t) => {
  const home = await cacheHome(t)
  const cache = await home.open()
  const bytes = randomBytes(9 * MIB)
  const head = headOf(bytes)
  const part = async () => {
    const filling = cache.beginFill(head)!
    await filling.write(bytes.subarray(0, 5 * MIB))
    return filling
  }
  await (await part()).abandon()
  t.match(await (await part()).finish(), { message: /another length/ })
  const long = await part()
  await long.write(bytes)
  t.match(await long.finish(), { message: /another length/ })
  const dropped = await part()
  await dropped.write(bytes.subarray(5 * MIB))
  const finishing = dropped.finish()
  await cache.drop(head.imageId)
  t.match(await finishing, { message: /taken out/ })
  const stopped = await part()
  await cache.stop()
  t.match(stopped.failure, { message: /stops/ })
  t.match(cache.figures, { images: 0, usedBytes: 0 })
  t.strictSame(await home.files('images'), [])
  t.strictSame(await home.files('incomplete'), [])
})

t.test('what a crash leaves in the middle of a fill is gone at the next start', async (t) => {
  const home = await cacheHome(t)
  const cache = await home.open()
  const bytes = randomBytes(9 * MIB)
  await cache.beginFill(headOf(bytes))!.write(bytes)
  await t.resolves(until(async () => (await home.files('incomplete')).length > 0))
  const next = await home.open()
  t.strictSame(await home.files('incomplete'), [])
  t.match(next.figures, { images: 0, usedBytes: 0 })
})

t.test('at most four at once; a full or a slow disk caches nothing, and stops nobody', async (t) => {
  const home = await cacheHome(t)
  const bytes = randomBytes(9 * MIB)
  const cache = await home.open()
  const four = Array.from({ length: 4 }, () => cache.beginFill(headOf(bytes)))
  t.ok(four.every((each) => each !== null))
  t.equal(cache.beginFill(headOf(bytes)), null)
  await Promise.all(four.map((each) => each!.write(bytes)))
  await Promise.all(four.map((each) => each!.abandon()))
  const full = await home.open({}, { probe: async () => ({ freeBytes: MIB, totalBytes: MIB }) })
  t.match(await fill(full, headOf(bytes), bytes), { message: /is full/ })
  t.equal(full.figures.usedBytes, 0)
  let answer = (_hash: string) => {}
  const hasher = () => new Promise<string>((resolve) => (answer = resolve))
  const slow = await home.open({}, { hasher })
  const filling = slow.beginFill(headOf(bytes))!
  const startedMs = performance.now()
  await filling.write(bytes)
  t.ok(performance.now() - startedMs < 3_500)
  t.match(filling.failure, { message: /too slow/ })
  const end = filling.abandon()
  answer('00')
  await end
  t.equal(slow.figures.usedBytes, 0)
})

t.test('the queue keeps its order and outlives a restart', async (t) => {
  const home = await cacheHome(t)
  const { queue } = await home.open()
  const ids = [newId(), newId(), newId()]
  for (const id of ids) {
    await queue.add(id)
    await queue.add(id)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  t.strictSame(queue.all, ids)
  const cache = await home.open()
  t.strictSame(cache.queue.all, ids)
  const bytes = randomBytes(10)
  t.equal(await fill(cache, headOf(bytes, ids[1]), bytes), null)
  t.strictSame(cache.queue.all, [ids[0], ids[2]], 'who is here waits no longer')
  t.equal(await cache.clearQueue(), 2)
  t.equal(await cache.queue.remove(ids[0]!), false)
  t.strictSame(await home.files('queue'), [])
})

t.test('files of others are left alone', async (t) => {
  const home = await cacheHome(t)
  await home.open()
  const others = join(home.directory, 'serac-image-cache', 'images', 'README')
  await writeFile(others, 'x')
  await home.open()
  t.equal(await readFile(others, 'utf8'), 'x')
})
