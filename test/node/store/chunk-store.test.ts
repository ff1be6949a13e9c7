import { randomBytes } from 'node:crypto'
import { open, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { contentHashHex } from '../../../cluster/content-hash.ts'
import { CHUNK_BYTES_MAX, RECORD_HEADER_BYTES } from '../../../cluster/transfer/chunk-buffer.ts'
import type { OpenFile } from '../../../node/store/segment-file.ts'
import { SyncFailures } from '../../../node/store/sync-failures.ts'
import {
  openedStore,
  openStore,
  putBytes,
  readBytes,
  slotOf,
  UPLOAD,
  OTHER_ROOT,
  ROOT,
  segmentPath,
  TINY_SEGMENT,
} from './store-fixture.ts'

void t.test('chunks of every size come back as they were put', async (t) => {
  const { store } = await openedStore(t)
  const chunks = [1, 63, 4032, 4033, 65536, CHUNK_BYTES_MAX - 1, CHUNK_BYTES_MAX].map((size) =>
    randomBytes(size),
  )
  const hashes = await Promise.all(chunks.map((bytes) => putBytes(store, bytes)))
  for (const [i, hash] of hashes.entries()) {
    t.equal(store.chunks.has(hash), true)
    t.ok((await readBytes(store, hash)).equals(chunks[i] as Buffer), `${chunks[i]?.length} bytes`)
  }
})

void t.test('chunks are there after closing and opening, and new ones do not overwrite them', async (t) => {
  const directory = t.testdir()
  const [first, second] = [randomBytes(5000), randomBytes(6000)]
  const before = await openStore(directory)
  const one = await putBytes(before, first)
  await before.close()
  const { store } = await openedStore(t, { directory })
  const two = await putBytes(store, second)
  t.ok((await readBytes(store, one)).equals(first))
  t.ok((await readBytes(store, two)).equals(second))
  t.equal(store.chunks.storedBytes, 8192 + 8192)
})

void t.test('an unknown chunk is missing, and no chunk has no bytes', async (t) => {
  const { store } = await openedStore(t)
  const hash = contentHashHex(Buffer.from('never put'))
  await t.rejects(readBytes(store, hash), { code: 'CHUNK_MISSING' })
  t.equal(store.chunks.has(hash), false)
  t.strictSame(await store.chunks.verify(hash), { state: 'missing', bytes: 0 })
  t.same(await store.chunks.have([hash], UPLOAD), [false])
  await t.rejects(putBytes(store, Buffer.alloc(0)), RangeError)
})

void t.test('a chunk is stored once, whoever puts it at the same time', async (t) => {
  const { store } = await openedStore(t)
  const bytes = randomBytes(4000)
  await Promise.all(Array.from({ length: 5 }, () => putBytes(store, bytes)))
  t.equal(store.chunks.storedBytes, 4096)
})

void t.test('padding is zero, whatever the slot held before', async (t) => {
  const { store, directory } = await openedStore(t)
  const slot = await slotOf(t, Buffer.alloc(8000, 0xff))
  slot.length = 100
  await store.chunks.put(contentHashHex(slot.payload), slot, null)
  const file = await open(segmentPath(directory))
  const record = Buffer.alloc(4096)
  await file.read(record, 0, record.length, 0)
  await file.close()
  t.ok(record.subarray(RECORD_HEADER_BYTES, RECORD_HEADER_BYTES + 100).equals(Buffer.alloc(100, 0xff)))
  t.ok(record.subarray(RECORD_HEADER_BYTES + 100).equals(Buffer.alloc(4096 - RECORD_HEADER_BYTES - 100)))
})

void t.test('unpin ends the pins of one upload only', async (t) => {
  const { store } = await openedStore(t)
  const other = '12'.repeat(16)
  const shared = await putBytes(store, randomBytes(100))
  const own = await putBytes(store, randomBytes(100))
  await store.chunks.have([shared], other)
  t.same((await store.chunks.pinnedUploads()).map(({ upload }) => upload).toSorted(), [other, UPLOAD])
  await store.chunks.unpin(UPLOAD)
  t.same(await store.chunks.pinnedUploads().then((all) => all.map(({ upload }) => upload)), [other])
  t.equal(await store.chunks.removeUnclaimed(own), true)
  t.equal(await store.chunks.removeUnclaimed(shared), false)
})

void t.test('references say which chunks are not here, and protect the others', async (t) => {
  const { store } = await openedStore(t)
  const hash = await putBytes(store, randomBytes(100), null)
  const absent = Array.from({ length: 2000 }, (_, i) => contentHashHex(Buffer.from(`absent ${i}`)))
  t.same(await store.chunks.addReferences(ROOT, [hash, ...absent]), absent)
  t.equal(await store.chunks.removeUnclaimed(hash), false)
  await store.chunks.addReferences(OTHER_ROOT, [hash])
  await store.chunks.dropRoots([ROOT])
  t.equal(await store.chunks.removeUnclaimed(hash), false, 'another root wants it')
  await store.chunks.dropRoots([OTHER_ROOT])
  t.equal(await store.chunks.removeUnclaimed(hash), true)
  t.equal(await store.chunks.removeUnclaimed(hash), false, 'once')
  t.equal(store.chunks.storedBytes, 0)
})

void t.test(
  'a reference that races a delete either saves the chunk or is told that it is gone',
  async (t) => {
    const { store } = await openedStore(t)
    for (let round = 0; round < 20; round++) {
      const hash = await putBytes(store, randomBytes(100), null)
      const [removed, missing] = await Promise.all([
        store.chunks.removeUnclaimed(hash),
        store.chunks.addReferences(ROOT, [hash]),
      ])
      t.same(missing, removed ? [hash] : [])
      t.equal(store.chunks.has(hash), !removed)
    }
  },
)

void t.test('held roots survive a restart', async (t) => {
  const directory = t.testdir()
  const before = await openStore(directory)
  await before.chunks.setHeld(ROOT, true)
  await before.chunks.setHeld(OTHER_ROOT, true)
  await before.chunks.setHeld(ROOT, false)
  await before.close()
  const { store } = await openedStore(t, { directory })
  t.same(store.chunks.heldRoots(), [OTHER_ROOT])
  t.equal(store.chunks.isHeld(ROOT), false)
})

void t.test('a full segment is sealed and the next one begins', async (t) => {
  const directory = t.testdir()
  const before = await openStore(directory, TINY_SEGMENT)
  const chunks = Array.from({ length: 5 }, () => randomBytes(4000))
  const hashes = await Promise.all(chunks.map((bytes) => putBytes(before, bytes)))
  await before.close()
  t.same((await readdir(join(directory, 'seg'))).filter((name) => name.endsWith('.seg')).length, 3)
  const { store } = await openedStore(t, { directory, ...TINY_SEGMENT })
  const last = randomBytes(4000)
  hashes.push(await putBytes(store, last))
  for (const [i, hash] of hashes.entries()) t.ok((await readBytes(store, hash)).equals(chunks[i] ?? last))
  t.equal((await stat(segmentPath(directory, 3))).size, 8192, 'the last segment was filled up')
})

void t.test('a torn write behind the index is cut off', async (t) => {
  const directory = t.testdir()
  const before = await openStore(directory)
  const bytes = randomBytes(4000)
  const hash = await putBytes(before, bytes)
  await before.close()
  const size = (await stat(segmentPath(directory))).size
  const file = await open(segmentPath(directory), 'a')
  await file.write(Buffer.alloc(100, 7))
  await file.close()
  const { store } = await openedStore(t, { directory })
  await putBytes(store, randomBytes(4000))
  t.ok((await readBytes(store, hash)).equals(bytes))
  t.equal((await stat(segmentPath(directory))).size, size + 4096, 'the next record took its place')
})

void t.test('above the watermark a chunk is refused before it is written', async (t) => {
  const spaceProbe = () => Promise.resolve({ freeBytes: 10_000, totalBytes: 100_000 })
  const { store } = await openedStore(t, { spaceProbe, freeBytesMin: 5000 })
  const bytes = randomBytes(100)
  const hash = await putBytes(store, bytes)
  await t.rejects(putBytes(store, randomBytes(4000)), { code: 'STORE_FULL' })
  t.equal(store.chunks.storedBytes, 4096)
  t.ok((await readBytes(store, hash)).equals(bytes), 'reads go on')
  t.same(await store.chunks.have([hash], UPLOAD), [true], 'and pins')
  await store.chunks.unpin(UPLOAD)
  t.equal(await store.chunks.removeUnclaimed(hash), true, 'and deletes')
})

void t.test('dead segments are unlinked, mostly dead ones are emptied first', async (t) => {
  const segmentBytesMax = 4 * 4096
  const { store, directory } = await openedStore(t, { segmentBytesMax })
  const chunks = Array.from({ length: 9 }, () => randomBytes(4000))
  const hashes: string[] = []
  for (const bytes of chunks) hashes.push(await putBytes(store, bytes, null))
  const survivors = [3, 8]
  for (const [i, hash] of hashes.entries())
    if (!survivors.includes(i)) await store.chunks.removeUnclaimed(hash)
  const reading = readBytes(store, hashes[3] as string)
  t.equal(await store.compactor.runOnce(AbortSignal.timeout(10_000)), 2 * segmentBytesMax)
  t.ok((await reading).equals(chunks[3] as Buffer), 'a reader is not disturbed')
  t.same(
    (await readdir(join(directory, 'seg'))).filter((name) => name.endsWith('.seg')),
    ['00000003.seg'],
  )
  for (const i of survivors) t.ok((await readBytes(store, hashes[i] as string)).equals(chunks[i] as Buffer))
  t.equal(store.chunks.storedBytes, survivors.length * 4096)
  t.equal(await store.compactor.runOnce(AbortSignal.timeout(10_000)), 0)
})

void t.test('closing waits for what is under way and refuses the rest', async (t) => {
  const directory = t.testdir()
  const before = await openStore(directory)
  const slot = await slotOf(t, randomBytes(100_000))
  const hash = contentHashHex(slot.payload)
  const putting = before.chunks.put(hash, slot, null)
  const closing = before.close()
  await t.rejects(before.chunks.put(hash, slot, null), { code: 'STOPPING' })
  await Promise.all([putting, closing])
  const { store } = await openedStore(t, { directory })
  t.ok((await readBytes(store, hash)).equals(slot.payload))
})

void t.test('chunks are told some at a time, in order', async (t) => {
  const { store } = await openedStore(t)
  const hashes: string[] = []
  for (let size = 1; size <= 5; size++) hashes.push(await putBytes(store, Buffer.alloc(size, 7)))
  hashes.sort()
  t.strictSame(await store.chunks.hashesAfter(null, 2), hashes.slice(0, 2))
  t.strictSame(await store.chunks.hashesAfter(hashes[1]!, 2), hashes.slice(2, 4))
  t.strictSame(await store.chunks.hashesAfter(hashes[3]!, 2), hashes.slice(4))
  t.strictSame(await store.chunks.hashesAfter(hashes[4]!, 2), [])
})

/** How the sync of a segment goes wrong. */
const SYNC_FAULTS: Record<string, (directory: string, sync: () => Promise<void>) => Promise<void>> = {
  'the sync of a segment fails': () =>
    Promise.reject(Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' })),
  // LevelDB, on the same disk, was told of what this segment has lost.
  'another sync fails while that of a segment succeeds': async (directory, sync) => {
    ;(await SyncFailures.of(directory)).note()
    await sync()
  },
}

for (const [name, fault] of Object.entries(SYNC_FAULTS)) {
  void t.test(
    `${name}: what it covers is not stored, what was before can be read, and the store heals`,
    async (t) => {
      const directory = t.testdir()
      let fails = false
      const openFile: OpenFile = async (path, flags, mode) => {
        const file = await open(path, flags, mode)
        const datasync = file.datasync.bind(file)
        return Object.assign(file, { datasync: () => (fails ? fault(directory, datasync) : datasync()) })
      }
      const { store } = await openedStore(t, { directory, openFile, recoveryRoomBytes: 0 })
      const kept = await putBytes(store, randomBytes(5000))
      const [first, second] = [randomBytes(5000), randomBytes(5000)]
      fails = true
      await t.rejects(putBytes(store, first), { code: 'STORE_NOT_WRITABLE' })
      t.match(store.failure, { code: 'STORE_NOT_WRITABLE' })
      t.match(store.condition.failure, /sync/)
      t.equal(store.chunks.has(contentHashHex(first)), false)
      t.equal((await readBytes(store, kept)).length, 5000)
      fails = false
      while (store.failure) await new Promise((resolve) => setTimeout(resolve, 5))
      for (const bytes of [first, second])
        t.ok((await readBytes(store, await putBytes(store, bytes))).equals(bytes))
      t.same(
        (await readdir(join(directory, 'seg'))).filter((each) => each.endsWith('.seg')).length,
        2,
        'the one that failed gets nothing more',
      )
    },
  )
}
