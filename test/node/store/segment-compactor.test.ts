import { randomBytes } from 'node:crypto'
import { open, readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { ChunkStore } from '../../../node/store/chunk-store.ts'
import { SegmentCompactor } from '../../../node/store/segment-compactor.ts'
import type { Store } from '../../../node/store/store.ts'
import { SEAL_DEAD_BYTES_MIN, type SegmentStore } from '../../../node/store/segment-store.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'
import { until } from '../../helpers/until.ts'
import { openedStore, openStore, putBytes, readBytes } from './store-fixture.ts'

const MIB = 1024 ** 2
/** Four records of a small chunk. */
const SMALL = { segmentBytesMax: 4 * 4096 }
const { signal } = new AbortController()

/** The chunks of two segments, of which the first keeps only chunk 3. */
async function sparse(store: Store): Promise<{ chunks: Buffer[]; hashes: string[] }> {
  const chunks = Array.from({ length: 8 }, () => randomBytes(4000))
  const hashes: string[] = []
  for (const bytes of chunks) hashes.push(await putBytes(store, bytes, null))
  for (const hash of hashes.slice(0, 3)) await store.chunks.removeUnclaimed(hash)
  return { chunks, hashes }
}

async function segmentsIn(directory: string): Promise<string[]> {
  return (await readdir(join(directory, 'seg'))).filter((name) => name.endsWith('.seg')).toSorted()
}

t.test('a record whose header is damaged is moved, too: the index knows it', async (t) => {
  const { store, directory } = await openedStore(t, SMALL)
  const { chunks, hashes } = await sparse(store)
  const file = await open(join(directory, 'seg/00000001.seg'), 'r+')
  await file.write(Buffer.alloc(60, 0xff), 0, 60, 3 * 4096)
  await file.close()
  t.equal(await store.compactor.runOnce(signal), SMALL.segmentBytesMax)
  t.ok((await readBytes(store, hashes[3] ?? '')).equals(chunks[3] ?? Buffer.of()))
})

t.test('after a crash between the rewrite and the unlink the old segment is dead', async (t) => {
  const directory = t.testdir()
  const before = await openStore(directory, SMALL)
  const { chunks, hashes } = await sparse(before)
  t.ok((await before.chunks.relocate(hashes[3] ?? '', { segment: 1, offset: 3 * 4096 })) > 0)
  await before.close()
  const { store } = await openedStore(t, { directory, ...SMALL })
  t.equal(await store.compactor.runOnce(signal), SMALL.segmentBytesMax)
  t.ok((await readBytes(store, hashes[3] ?? '')).equals(chunks[3] ?? Buffer.of()))
  t.strictSame(await segmentsIn(directory), ['00000002.seg', '00000003.seg'])
})

t.test('chunks are moved at a rate, from the next chunk on at that of an operator', async (t) => {
  const clock = new ManualClock()
  let moved = 0
  const segments = {
    unlinkDead: async () => 0,
    sealIfSparse: async () => {},
    sparseSegments: () => [1],
    isLive: () => false,
    async *records() {
      for (let offset = 0; offset < 64 * MIB; offset += 4 * MIB) yield { hash: '', length: 1, offset }
    },
  } as unknown as SegmentStore
  const relocate = async () => {
    moved++
    return 4 * MIB
  }
  const chunks = { relocate } as unknown as ChunkStore
  const compactor = new SegmentCompactor({ segments, chunks, clock })
  t.strictSame(compactor.rate, { perSecond: 32 * MIB, fixed: null })
  const running = compactor.runOnce(signal)
  await clock.advance(250)
  t.equal(moved, 3)
  compactor.fixRate(4 * MIB)
  await clock.advance(125)
  t.equal(moved, 4, 'the rest that was begun ends as it was')
  await clock.advance(2000)
  t.equal(moved, 6)
  compactor.fixRate(null)
  await clock.advance(3000)
  t.equal(moved, 16)
  await running
})

t.test('an unlinked segment is not kept open: its space would not come back', async (t) => {
  const { store, directory } = await openedStore(t, SMALL)
  const { hashes } = await sparse(store)
  await Promise.all(hashes.slice(3).map((hash) => readBytes(store, hash)))
  const reading = readBytes(store, hashes[3] ?? '')
  await store.compactor.runOnce(signal)
  await reading
  // Handles are closed behind the last reader, by another thread.
  await until(async () => (await unlinkedOpen(directory)).length === 0)
  t.strictSame(await unlinkedOpen(directory), [])
})

t.test('readers meet a rewrite at every point and get the right bytes', async (t) => {
  const { store } = await openedStore(t, SMALL)
  const { chunks, hashes } = await sparse(store)
  const state = { isOver: false, reads: 0 }
  const read = async () => {
    for (; !state.isOver; state.reads++)
      for (let index = 3; index < 8; index++)
        t.ok((await readBytes(store, hashes[index] ?? '')).equals(chunks[index] ?? Buffer.of()))
  }
  const reading = [read(), read(), read()]
  t.equal(await store.compactor.runOnce(signal), SMALL.segmentBytesMax)
  state.isOver = true
  await Promise.all(reading)
  t.ok(state.reads > 0)
})

t.test('the segment that is being filled is sealed when it is mostly dead, and not before', async (t) => {
  const { store, directory } = await openedStore(t)
  const count = SEAL_DEAD_BYTES_MIN / MIB + 2
  const chunks = Array.from({ length: count }, () => randomBytes(MIB))
  const hashes: string[] = []
  for (const bytes of chunks) hashes.push(await putBytes(store, bytes, null))
  const [kept = ''] = hashes
  for (const hash of hashes.slice(2)) {
    t.equal(await store.compactor.runOnce(signal), 0)
    await store.chunks.removeUnclaimed(hash)
  }
  t.ok((await store.compactor.runOnce(signal)) >= count * MIB)
  t.strictSame(await segmentsIn(directory), ['00000002.seg'])
  t.ok((await readBytes(store, kept)).equals(chunks[0] ?? Buffer.of()))
})

/** Files under `directory` that this process has open and that are unlinked. */
async function unlinkedOpen(directory: string): Promise<string[]> {
  const links = await Promise.all(
    (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
  )
  return links.filter((path) => path.startsWith(directory) && path.endsWith('(deleted)'))
}
