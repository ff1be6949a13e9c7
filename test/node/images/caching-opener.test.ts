import { createHash, randomBytes } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { OpenImage } from '../../../node/data/open-image.ts'
import { CachingOpener, cacheHeadOf, cacheableOf } from '../../../node/images/caching-opener.ts'
import type { OpenOptions } from '../../../node/images/image-opener.ts'
import type { ImageRecord } from '../../../node/images/image-record.ts'
import { cacheHome, MIB, readAll } from '../cache/cache-fixture.ts'
import { activeImage } from './image-fixture.ts'

const BYTES = randomBytes(9 * MIB)
const SHA512 = createHash('sha512').update(BYTES).digest('hex')

function recordOf(fields: Partial<ImageRecord> = {}): ImageRecord {
  return activeImage({ size: BYTES.length, hashAlgo: 'sha512', hashValue: SHA512, ...fields })
}

/** Of an image that lies outside of the cluster alone. */
function outsideRecord(fields: Partial<ImageRecord> = {}): ImageRecord {
  return recordOf({ data: null, locations: [{ url: 'http://x/y', metadata: {} }], ...fields })
}

/** An opener over one image, whose origin gives 1000000 bytes at a time. */
async function openerOf(t: Test) {
  const home = await cacheHome(t)
  const cache = await home.open()
  const origin = { reads: [] as [number, number][], failsAt: Infinity, bytes: BYTES, held: 0 }
  const state = { isKeptHere: false, options: [] as OpenOptions[] }
  const image: OpenImage = {
    sizeBytes: BYTES.length,
    read: async function* (start, end, signal) {
      origin.reads.push([start, end])
      for (let at = start; at <= end; at += 1_000_000) {
        signal.throwIfAborted()
        if (at >= origin.failsAt) throw new Error('the origin has failed')
        origin.held++
        yield {
          bytes: origin.bytes.subarray(at, Math.min(at + 1_000_000, end + 1)),
          release: () => void origin.held--,
        }
      }
    },
  }
  const opener = new CachingOpener({
    opener: {
      open: async (_record, options?: OpenOptions) => {
        state.options.push(options ?? {})
        return image
      },
    },
    cache,
    isKeptHere: () => state.isKeptHere,
  })
  const download = async (record: ImageRecord, start = 0, end = BYTES.length - 1) =>
    readAll((await opener.open(record))!, start, end)
  const settled = async (images: number) => {
    while (cache.figures.images !== images) await new Promise((resolve) => setTimeout(resolve, 5))
  }
  const damage = async (at: number) => {
    const folder = join(home.directory, 'serac-image-cache', 'images')
    const path = join(folder, (await readdir(folder))[0]!)
    const file = await readFile(path)
    file[at]! ^= 1
    await writeFile(path, file)
  }
  return { opener, cache, origin, state, download, settled, damage, home }
}

t.test('a download fills the cache in the same pass, and the next one comes from there', async (t) => {
  const { origin, download, settled, cache, state } = await openerOf(t)
  t.ok((await download(recordOf())).equals(BYTES))
  await settled(1)
  t.equal(origin.reads.length, 1)
  t.ok((await download(recordOf())).equals(BYTES))
  t.ok((await download(recordOf(), 5_000_000, 6_000_000)).equals(BYTES.subarray(5_000_000, 6_000_001)))
  t.equal(origin.reads.length, 1)
  t.equal(state.options.length, 1, 'it was not even opened elsewhere')
  t.match(cache.figures, { hits: 2, misses: 1 })
  t.equal(origin.held, 0)
})

t.test('what is no whole image, or breaks off, is not kept', async (t) => {
  const { origin, download, opener, cache, home } = await openerOf(t)
  await download(recordOf(), 0, BYTES.length - 2)
  await download(recordOf(), 1)
  origin.failsAt = 8_000_000
  await t.rejects(download(recordOf()), { message: /has failed/ })
  origin.failsAt = Infinity
  const image = (await opener.open(recordOf()))!
  for await (const lease of image.read(0, BYTES.length - 1, new AbortController().signal)) {
    lease.release()
    break
  }
  await cache.stop()
  t.match(cache.figures, { images: 0, usedBytes: 0, misses: 4 })
  t.strictSame(await home.files('incomplete'), [])
})

t.test(
  'a node needs no copy of what it holds; what is not active is not served from the cache',
  async (t) => {
    const { origin, state, download, settled, cache } = await openerOf(t)
    state.isKeptHere = true
    await download(recordOf())
    state.isKeptHere = false
    await cache.stop()
    t.match(cache.figures, { images: 0, misses: 0 })
    await download(recordOf())
    await settled(1)
    await download(recordOf({ status: 'deactivated' }))
    t.equal(origin.reads.length, 3)
    await download(recordOf({ hashValue: 'ff'.repeat(64) }))
    t.equal(origin.reads.length, 4, 'other bytes than those that are cached')
  },
)

for (const [name, record] of [
  ['kept by the cluster', recordOf()],
  ['outside of it', outsideRecord()],
] as const)
  t.test(`a damaged copy of an image ${name} is dropped, and the download goes on`, async (t) => {
    const { origin, download, settled, damage, cache } = await openerOf(t)
    for (const at of [0, 4 * MIB, 9 * MIB - 1, 9 * MIB + 3]) {
      await download(record)
      await settled(1)
      await damage(at)
      origin.reads.length = 0
      t.ok((await download(record)).equals(BYTES))
      t.equal(origin.reads.length, 1)
      const isRestart = record.data === null || at < 4 * MIB || at > 9 * MIB
      t.equal(origin.reads[0]![0], isRestart ? 0 : at - (at % (4 * MIB)))
      t.equal(cache.figures.images, 0)
      t.ok((await download(record, 0, BYTES.length - 2)).equals(BYTES.subarray(0, -1)))
    }
    t.equal(cache.figures.damaged, 4)
    t.equal(origin.held, 0)
  })

t.test('only what a digest tells from any other bytes can be cached', (t) => {
  const sizes: Partial<ImageRecord>[] = [{ size: 0 }, { size: null }]
  for (const fields of sizes) t.equal(cacheHeadOf(recordOf(fields)), null)
  t.match(cacheHeadOf(recordOf()), { identity: `sha512:${SHA512}`, sizeBytes: BYTES.length })
  const unhashed = { hashAlgo: null, hashValue: null, checksum: null }
  t.match(cacheHeadOf(recordOf(unhashed)), { identity: /^chunks:/ })
  t.equal(cacheHeadOf(outsideRecord(unhashed)), null)
  t.match(cacheHeadOf(outsideRecord({ ...unhashed, checksum: 'ab' })), { identity: 'md5:ab' })
  t.equal(cacheHeadOf(recordOf({ data: null })), null)
  t.equal(cacheHeadOf(recordOf({ status: 'deactivated' })), null)
  t.match(cacheableOf(recordOf({ status: 'deactivated' })), { identity: `sha512:${SHA512}` })
  t.end()
})
