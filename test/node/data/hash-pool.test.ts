import t, { type Test } from 'tap'
import { contentHashHex } from '../../../cluster/content-hash.ts'
import { silentLog, systemClock } from '../../../cluster/runtime.ts'
import { CHUNK_BYTES_MAX, ChunkBufferPool, SLOT_BYTES } from '../../../cluster/transfer/chunk-buffer.ts'
import { DIGEST_MEMORY_BYTES } from '../../../node/data/passing-digest.ts'
import { HashPool, type HashPoolOptions } from '../../../node/data/hash-pool.ts'
import { digestsOf, patternOf } from './data-fixture.ts'

function poolOf(t: Test, options: HashPoolOptions): HashPool {
  const hashes = new HashPool({ clock: systemClock, log: silentLog }, options)
  hashes.start()
  t.teardown(() => hashes.stop())
  return hashes
}

async function slotWith(slots: ChunkBufferPool, bytes: Buffer) {
  const slot = await slots.acquire()
  slot.room.set(bytes)
  slot.length = bytes.length
  return slot
}

for (const threads of [1, 2, 3]) {
  t.test(`checksums and names of two images at once on ${threads} threads`, async (t) => {
    const hashes = poolOf(t, { threads })
    const slots = new ChunkBufferPool(4 * SLOT_BYTES)
    await Promise.all(
      [1, 2].map(async (seed) => {
        const image = patternOf(CHUNK_BYTES_MAX + 1000 * seed)
        const checksums = await hashes.open()
        for (const part of [image.subarray(0, CHUNK_BYTES_MAX), image.subarray(CHUNK_BYTES_MAX)]) {
          const slot = await slotWith(slots, part)
          const { named, done } = checksums.update(slot)
          t.equal(await named, contentHashHex(part))
          await done
          slot.release()
        }
        t.strictSame(await checksums.finish(), digestsOf(image))
        checksums.close()
      }),
    )
  })
}

t.test('zeros have no name, and one bit is enough for one', async (t) => {
  const hashes = poolOf(t, { threads: 2 })
  const slots = new ChunkBufferPool(4 * SLOT_BYTES)
  const checksums = await hashes.open()
  const nameOf = async (bytes: Buffer) => {
    const { named, done } = checksums.update(await slotWith(slots, bytes))
    await done
    return named
  }
  const bytes = Buffer.alloc(70_000)
  t.equal(await nameOf(bytes), null)
  bytes[69_999] = 1
  t.equal(await nameOf(bytes), contentHashHex(bytes))
  checksums.close()
})

t.test('no digest without bytes is the digest of nothing', async (t) => {
  const checksums = await poolOf(t, { threads: 2 }).open()
  t.strictSame(await checksums.finish(), digestsOf(Buffer.alloc(0)))
  checksums.close()
})

t.test('uploads beyond the bound wait, and may stop waiting', async (t) => {
  const hashes = poolOf(t, { threads: 2, uploadsMax: 1 })
  const first = await hashes.open()
  const leaving = new AbortController()
  const left = hashes.open(leaving.signal)
  const second = hashes.open()
  leaving.abort(new Error('left'))
  await t.rejects(left, { message: 'left' })
  first.close()
  first.close()
  const turn = await second
  turn.close()
})

t.test('a worker names chunks for others', async (t) => {
  const slots = new ChunkBufferPool(4 * SLOT_BYTES)
  const bytes = patternOf(5000)
  t.equal(await poolOf(t, { threads: 1 }).hashChunk(await slotWith(slots, bytes)), contentHashHex(bytes))
})

t.test(
  'digests of bytes that pass by, in pieces of any size, which change as soon as they were taken',
  async (t) => {
    const hashes = poolOf(t, { threads: 2, uploadsMax: 1 })
    const turn = await hashes.open()
    const half = DIGEST_MEMORY_BYTES / 2
    const lengths = [0, 1, half - 1, half, half + 1, 2 * half, 5 * half + 17]
    // Twice: the second time with memories that others had.
    for (const pieceBytes of [10_007, 3 * half])
      await Promise.all(
        lengths.map(async (length) => {
          const bytes = patternOf(length)
          const [sha512, md5] = [hashes.digest('sha512'), hashes.digest('md5')]
          for (let at = 0; at < length; at += pieceBytes) {
            const piece = Buffer.from(bytes.subarray(at, at + pieceBytes))
            await Promise.all([sha512.add(piece), md5.add(piece)])
            piece.fill(0)
          }
          const found = { md5: await md5.finish(), multihash: await sha512.finish() }
          t.strictSame(found, digestsOf(bytes), `${length} bytes`)
          await Promise.all([sha512.close(), md5.close()])
        }),
      )
    turn.close()
  },
)

t.test('who gives a digest up while bytes are still added harms nobody else', async (t) => {
  const hashes = poolOf(t, { threads: 1 })
  const checksums = await hashes.open()
  const given = hashes.digest('md5')
  const adding = given.add(patternOf(5 * DIGEST_MEMORY_BYTES))
  await Promise.all([given.close(), t.rejects(adding, /closed/)])
  const bytes = patternOf(3 * DIGEST_MEMORY_BYTES)
  const next = hashes.digest('md5')
  await next.add(bytes)
  t.equal(await next.finish(), digestsOf(bytes).md5, 'nor the next one, in the same memory')
  await next.close()
  await t.rejects(given.finish(), /closed/)
  t.strictSame(await checksums.finish(), digestsOf(Buffer.alloc(0)), 'nor an upload on the same thread')
  checksums.close()
})

t.test('a crashed worker fails its uploads and is replaced', async (t) => {
  const hashes = poolOf(t, { threads: 2, restartAfterMs: 1 })
  const slots = new ChunkBufferPool(4 * SLOT_BYTES)
  const checksums = await hashes.open()
  const slot = await slotWith(slots, patternOf(5000))
  // The orphan's two checksums are on both threads.
  const passing = hashes.digest('md5')
  const orphan = await hashes.open()
  orphan.close()
  // A closed session is a programmer's error to its worker.
  const { named, done } = orphan.update(slot)
  const endings = await Promise.allSettled([named, done])
  t.ok(endings.some(({ status }) => status === 'rejected'))
  checksums.close()
  await t.rejects(passing.add(patternOf(3 * DIGEST_MEMORY_BYTES)))
  await t.rejects(passing.finish())
  await passing.close()
  const healthy = await retry(() => hashes.open())
  await healthy.update(slot).done
  healthy.close()
})

/** Until the workers are back. */
async function retry<T>(act: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await act()
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
}
