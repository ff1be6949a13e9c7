import { randomBytes } from 'node:crypto'
import { mkdir, open, rename, rm, stat, truncate, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { contentHashHex } from '../../../cluster/content-hash.ts'
import { silentLog } from '../../../cluster/runtime.ts'
import { RECORD_ALIGN_BYTES, RECORD_HEADER_BYTES } from '../../../cluster/transfer/chunk-buffer.ts'
import { KEYSPACES } from '../../../node/store/keyspaces.ts'
import { allOf } from '../../helpers/all-of.ts'
import {
  flipBit,
  openedStore,
  openStore,
  putBytes,
  readBytes,
  tamper,
  UPLOAD,
  OTHER_ROOT,
  ROOT,
  segmentPath,
  TINY_SEGMENT,
} from './store-fixture.ts'

/** Flips a byte of the payload of every record. */
async function damageAll(directory: string): Promise<void> {
  const { size } = await stat(segmentPath(directory))
  for (let record = 0; record < size; record += RECORD_ALIGN_BYTES)
    await damage(directory, record + RECORD_HEADER_BYTES)
}

/** Flips a byte, by default of the first record's payload. */
async function damage(directory: string, offset = RECORD_HEADER_BYTES): Promise<void> {
  const file = await open(segmentPath(directory), 'r+')
  try {
    const byte = Buffer.alloc(1)
    await file.read(byte, 0, 1, offset)
    byte.writeUInt8(byte.readUInt8(0) ^ 0xff, 0)
    await file.write(byte, 0, 1, offset)
  } finally {
    await file.close()
  }
}

void t.test(
  'a damaged chunk is never read: it leaves the index, and its roots are not held any more',
  async (t) => {
    const { store, directory } = await openedStore(t)
    const bytes = randomBytes(5000)
    const hash = await putBytes(store, bytes)
    await store.chunks.addReferences(ROOT, [hash])
    await store.chunks.setHeld(ROOT, true)
    await store.chunks.setHeld(OTHER_ROOT, true)
    await damage(directory)
    const told: string[][] = []
    store.chunks.onDamaged((damaged, roots) => told.push([damaged, ...roots]))
    await t.rejects(readBytes(store, hash), { code: 'CHUNK_DAMAGED' })
    t.same(told, [[hash, hash, ROOT]], 'and who misses it')
    t.equal(store.chunks.damagesOf(ROOT), 1)
    t.equal(store.chunks.damagesOf(OTHER_ROOT), 0)
    t.equal(store.chunks.has(hash), false)
    t.same(store.chunks.heldRoots(), [OTHER_ROOT])
    await t.rejects(readBytes(store, hash), { code: 'CHUNK_MISSING' })

    t.equal(await putBytes(store, bytes), hash)
    t.ok((await readBytes(store, hash)).equals(bytes), 'healed')
    t.strictSame(store.chunks.damage, { found: 1, healed: 1, quarantined: 0 })
  },
)

void t.test('readers of one damaged chunk are all told, and it is damaged once', async (t) => {
  const { store, directory } = await openedStore(t)
  const hash = await putBytes(store, randomBytes(5000))
  await damage(directory)
  const told: string[] = []
  store.chunks.onDamaged((damaged) => told.push(damaged))
  const codes = await Promise.all(
    [1, 2, 3].map(() => readBytes(store, hash).then(String, (error: { code: string }) => error.code)),
  )
  t.same(codes.toSorted(), ['CHUNK_DAMAGED', 'CHUNK_MISSING', 'CHUNK_MISSING'])
  t.same(told, [hash])
})

void t.test('a put over a damaged copy writes it anew', async (t) => {
  const { store, directory } = await openedStore(t)
  const bytes = randomBytes(5000)
  const hash = await putBytes(store, bytes)
  await damage(directory)
  await putBytes(store, bytes)
  t.ok((await readBytes(store, hash)).equals(bytes))
  t.equal(store.chunks.storedBytes, 8192, 'the damaged record is dead')
})

void t.test('have reads before it says yes, and pins', async (t) => {
  const { store, directory } = await openedStore(t)
  const damaged = await putBytes(store, randomBytes(5000), null)
  const sound = await putBytes(store, randomBytes(5000), null)
  const absent = contentHashHex(Buffer.from('absent'))
  await damage(directory)
  t.same(await store.chunks.have([sound, damaged, absent, sound], UPLOAD), [true, false, false, true])
  t.equal(store.chunks.has(damaged), false)
  t.equal(await store.chunks.removeUnclaimed(sound), false, 'the pin protects it')
})

void t.test('a chunk whose index row is damaged is lost, and no root counts as held any more', async (t) => {
  const directory = t.testdir()
  const bytes = randomBytes(4000)
  const before = await openStore(directory, TINY_SEGMENT)
  const hash = await putBytes(before, bytes)
  await before.chunks.setHeld(ROOT, true)
  let rows = 0
  for (let i = 0; i < 2; i++) await putBytes(before, randomBytes(4000))
  await before.close()
  await tamper(directory, 'chunks', KEYSPACES.location.tag, (value) => {
    rows++
    return value.readUInt32LE(value.length - 13) === 1 && value.readUInt32LE(value.length - 9) === 0
      ? flipBit(value)
      : value
  })
  t.equal(rows, 3)
  const { store } = await openedStore(t, { directory, ...TINY_SEGMENT })
  t.strictSame(store.chunks.findings, { lostChunks: 1, lostSegments: 0, rescuedChunks: 0 })
  t.equal(store.chunks.has(hash), false)
  t.same(store.chunks.heldRoots(), [], 'a damaged row may stand for others that are gone without a trace')
  await putBytes(store, bytes)
  t.ok((await readBytes(store, hash)).equals(bytes))
  t.strictSame(store.chunks.damage, { found: 1, healed: 1, quarantined: 0 })
})

void t.test('a chunk of a whole image whose row has gone without a trace is damaged', async (t) => {
  const directory = t.testdir()
  const bytes = randomBytes(4000)
  const before = await openStore(directory, TINY_SEGMENT)
  const hash = await putBytes(before, bytes)
  const root = await putBytes(before, randomBytes(4000))
  await putBytes(before, randomBytes(4000))
  await before.chunks.addReferences(root, [hash])
  await before.chunks.addReferences(OTHER_ROOT, [hash])
  await before.chunks.setHeld(root, true)
  await before.close()
  await tamper(directory, 'chunks', KEYSPACES.location.tag, (value) =>
    value.readUInt32LE(value.length - 13) === 1 && value.readUInt32LE(value.length - 9) === 0 ? null : value,
  )
  const { store } = await openedStore(t, { directory, ...TINY_SEGMENT })
  t.same(store.chunks.heldRoots(), [root], 'others are named behind it, so that a start does not miss it')
  t.notOk(store.chunks.has(hash))
  t.equal((await allOf(store.chunks.walkClaims())).length, 4)
  t.same(store.chunks.heldRoots(), [])
  t.ok(store.chunks.isDamaged(hash))
  t.notOk(store.chunks.isDamaged(OTHER_ROOT), 'what is still to come is not')
  await putBytes(store, bytes)
  t.notOk(store.chunks.isDamaged(hash))
})

void t.test(
  'a reference whose row is damaged: no root counts as held any more, and the row goes',
  async (t) => {
    const directory = t.testdir()
    const before = await openStore(directory)
    const root = await putBytes(before, randomBytes(4000))
    const hashes = [await putBytes(before, randomBytes(4000)), await putBytes(before, randomBytes(4000))]
    await before.chunks.addReferences(root, hashes)
    await before.chunks.setHeld(root, true)
    await before.close()
    let row = 0
    // What is damaged may as well be the key: the checksum is over both.
    await tamper(directory, 'chunks', KEYSPACES.reference.tag, (value) =>
      ++row === 1 ? flipBit(value) : value,
    )
    t.equal(row, 3, 'the root references itself')
    const { store } = await openedStore(t, { directory })
    t.same(store.chunks.heldRoots(), [root], 'a start looks at no value of a claim')
    const referenced = async () =>
      (await allOf(store.chunks.walkClaims())).filter(({ isReferenced }) => isReferenced).length
    t.equal(await referenced(), 2)
    t.same(store.chunks.heldRoots(), [])
    t.match(store.condition, { lostChunks: 1, failure: null })
    await store.chunks.addReferences(root, hashes)
    await store.chunks.setHeld(root, true)
    t.equal(await referenced(), 3)
    t.same(store.chunks.heldRoots(), [root])
    t.match(store.condition, { lostChunks: 1 })
  },
)

void t.test('rows that the index has lost are found again by the records behind its last one', async (t) => {
  const directory = t.testdir()
  const chunks = [4000, 4001, 4002].map((size) => randomBytes(size))
  const before = await openStore(directory, TINY_SEGMENT)
  const hashes: string[] = []
  for (const bytes of chunks) hashes.push(await putBytes(before, bytes))
  await before.chunks.setHeld(ROOT, true)
  await before.close()
  // The last of the first segment, and all of the second, with its row in the segment table.
  await tamper(directory, 'chunks', KEYSPACES.location.tag, (value) =>
    value.readUInt32LE(value.length - 13) === 2 ? null : value,
  )
  let row = 0
  await tamper(directory, 'chunks', KEYSPACES.segment.tag, (value) => (++row === 2 ? null : value))
  const { store } = await openedStore(t, { directory, ...TINY_SEGMENT })
  t.strictSame(store.chunks.findings, { lostChunks: 0, lostSegments: 0, rescuedChunks: 1 })
  for (const [i, hash] of hashes.entries()) t.ok((await readBytes(store, hash)).equals(chunks[i] as Buffer))
  t.same(store.chunks.heldRoots(), [])
  const added = randomBytes(4000)
  t.ok((await readBytes(store, await putBytes(store, added))).equals(added))
  t.ok((await readBytes(store, hashes[2] as string)).equals(chunks[2] as Buffer), 'nothing was overwritten')
})

void t.test('a row that a scan shows and a look-up does not find is damage', async (t) => {
  const { store } = await openedStore(t)
  const hash = await putBytes(store, randomBytes(5000))
  t.match(await store.chunks.verify(hash), { state: 'sound' })
  t.match(await store.chunks.verify('00'.repeat(32)), { state: 'missing' })
})

void t.test('segments that are lost with their mount are begun anew on request only', async (t) => {
  const directory = t.testdir()
  const bytes = randomBytes(5000)
  const before = await openStore(directory)
  const hash = await putBytes(before, bytes)
  await before.chunks.addReferences(ROOT, [hash])
  await before.chunks.setHeld(ROOT, true)
  await before.close()
  await rm(join(directory, 'seg'), { recursive: true })
  await mkdir(join(directory, 'seg'))
  await t.rejects(openStore(directory), { code: 'SEGMENTS_MISSING', message: /repair --lost-segments/ })
  const { store } = await openedStore(t, { directory, segmentsLost: true })
  t.match(store.condition, { lostChunks: 1, lostSegments: 1, failure: null })
  t.equal(store.chunks.has(hash), false)
  t.equal(store.chunks.isHeld(ROOT), false)
  await putBytes(store, bytes)
  t.ok((await readBytes(store, hash)).equals(bytes))
})

void t.test('segments of another store are never taken', async (t) => {
  const directory = t.testdir()
  await (await openStore(directory)).close()
  await writeFile(join(directory, 'seg', 'SEGMENTS'), 'another\n')
  await t.rejects(openStore(directory, { segmentsLost: true }), { code: 'SEGMENTS_MISSING' })
})

void t.test('chunks of a mount that has gone are not taken for lost', async (t) => {
  const { store, directory } = await openedStore(t, TINY_SEGMENT)
  const hashes: string[] = []
  for (let i = 0; i < 3; i++) hashes.push(await putBytes(store, randomBytes(4000)))
  const [hidden, seg] = [join(directory, 'hidden'), join(directory, 'seg')]
  await rename(seg, hidden)
  await mkdir(seg)
  await t.rejects(readBytes(store, hashes[0] as string), { code: 'STORE_NOT_WRITABLE', message: /mount/ })
  await putBytes(store, randomBytes(4000))
  await t.rejects(putBytes(store, randomBytes(4000)), { code: 'STORE_NOT_WRITABLE' }, 'no segment is begun')
  t.match(store.condition.failure, /mount/)
  await rm(seg, { recursive: true })
  await rename(hidden, seg)
  for (const hash of hashes) await readBytes(store, hash)
  while (store.failure) await new Promise((resolve) => setTimeout(resolve, 20))
  await putBytes(store, randomBytes(4000))
})

void t.test('a short segment and a missing one are noticed at start', async (t) => {
  const directory = t.testdir()
  const before = await openStore(directory, TINY_SEGMENT)
  const hashes: string[] = []
  for (let i = 0; i < 5; i++) hashes.push(await putBytes(before, randomBytes(4000), null))
  const [inFirst, secondInFirst, inSecond, , inThird] = hashes as [string, string, string, string, string]
  await before.chunks.addReferences(ROOT, [inFirst, secondInFirst])
  await before.chunks.setHeld(ROOT, true)
  await before.close()
  await truncate(segmentPath(directory, 1), 4096)
  await unlink(segmentPath(directory, 2))

  const { store } = await openedStore(t, { directory, ...TINY_SEGMENT })
  t.strictSame(store.chunks.findings, { lostChunks: 3, lostSegments: 1, rescuedChunks: 0 })
  t.match(store.chunks.damage, { found: 3, healed: 0, quarantined: 3 })
  t.equal(store.chunks.has(inFirst), true)
  t.equal(store.chunks.has(inSecond), false)
  t.equal(store.chunks.isHeld(ROOT), false)
  await readBytes(store, inThird)
})

void t.test('a damaged chunk is not carried over by a rewrite', async (t) => {
  const { store, directory } = await openedStore(t, { segmentBytesMax: 4 * 4096 })
  const hashes: string[] = []
  for (let i = 0; i < 5; i++) hashes.push(await putBytes(store, randomBytes(4000), null))
  for (const hash of hashes.slice(1, 4)) await store.chunks.removeUnclaimed(hash)
  await damage(directory)
  await store.compactor.runOnce(AbortSignal.timeout(10_000))
  t.equal(store.chunks.has(hashes[0] as string), false)
  t.equal(store.chunks.storedBytes, 4096)
})

void t.test('what is damaged is known across a restart, until it is healed or nobody wants it', async (t) => {
  const directory = t.testdir()
  const before = await openStore(directory)
  const [wanted, unwanted] = [randomBytes(5000), randomBytes(5000)]
  const hashes = [await putBytes(before, wanted), await putBytes(before, unwanted, null)]
  await damageAll(directory)
  for (const hash of hashes) t.strictSame(await before.chunks.verify(hash), { state: 'damaged', bytes: 5000 })
  t.strictSame(before.chunks.damage, { found: 2, healed: 0, quarantined: 2 })
  await before.close()

  const { store } = await openedStore(t, { directory })
  t.strictSame(store.chunks.damage, { found: 0, healed: 0, quarantined: 2 })
  await store.chunks.tidyQuarantine()
  t.equal(store.chunks.damage.quarantined, 1, 'the pinned one is waited for')
  const hash = await putBytes(store, wanted)
  t.strictSame(store.chunks.damage, { found: 0, healed: 1, quarantined: 0 })
  t.strictSame(await store.chunks.verify(hash), { state: 'sound', bytes: 5000 })
})

void t.test('a thousand damaged chunks are some lines of the log', async (t) => {
  const lines: object[] = []
  const log = { ...silentLog, error: (fields: object) => void lines.push(fields) }
  const directory = t.testdir()
  const store = await openStore(directory, { log })
  const hashes: string[] = []
  for (let size = 1; size <= 30; size++) hashes.push(await putBytes(store, Buffer.alloc(size, 7)))
  await damageAll(directory)
  for (const hash of hashes) await store.chunks.verify(hash)
  await store.close()
  t.equal(lines.length, 11)
  t.match(lines[0], { hash: hashes[0], reason: 'bytes', segment: Number })
  t.strictSame(lines.at(-1), { chunks: 20 })
})
