import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { SegmentFile } from '../../../node/store/segment-file.ts'
import { composeRecord, parseHeader, recordBytes } from '../../../node/store/segment-record.ts'
import { slotOf } from './store-fixture.ts'

const HASH = 'ab'.repeat(32)

void t.test('a header says what follows, and any changed byte of it is noticed', async (t) => {
  const slot = await slotOf(t, Buffer.from('payload'))
  const record = Buffer.from(composeRecord(slot, HASH))
  t.equal(record.length, 4096)
  t.same(parseHeader(record), { hash: HASH, length: 7 })
  t.equal(parseHeader(record.subarray(0, 10)), null)
  for (let at = 0; at < 64; at++) {
    const changed = Buffer.from(record.subarray(0, 64))
    changed.writeUInt8(changed.readUInt8(at) ^ 1, at)
    t.equal(parseHeader(changed), null, `byte ${at}`)
  }
})

void t.test('records take whole blocks', async (t) => {
  t.same([1, 4032, 4033].map(recordBytes), [4096, 4096, 8192])
})

void t.test('a write from unaligned memory, of any length, goes through the page cache', async (t) => {
  const path = join(t.testdir(), '1.seg')
  const file = await SegmentFile.open(1, path, { sizeBytesMax: 8192, appendFrom: 0 })
  const record = Buffer.alloc(4097, 5).subarray(1)
  await file.write(record, file.reserve(4096) as number)
  await file.close()
  t.ok((await readFile(path)).equals(Buffer.alloc(4096, 5)))
})

void t.test('places do not overlap, and end with the file', async (t) => {
  const path = join(t.testdir(), '1.seg')
  await writeFile(path, Buffer.alloc(100))
  const file = await SegmentFile.open(1, path, { sizeBytesMax: 16384, appendFrom: 0 })
  t.same([file.reserve(4096), file.reserve(8192), file.reserve(4096)], [4096, 8192, null])
  await file.close()
})

void t.test('nothing is written below what the index names, however short the file is', async (t) => {
  const path = join(t.testdir(), '1.seg')
  const file = await SegmentFile.open(1, path, { sizeBytesMax: 16384, appendFrom: 8000 })
  t.equal(file.reserve(4096), 8192)
  await file.close()
})

void t.test('a full disk is told as such', { skip: process.platform !== 'linux' }, async (t) => {
  const file = await SegmentFile.open(1, '/dev/full', { sizeBytesMax: 8192, appendFrom: 0 })
  await t.rejects(file.write(Buffer.alloc(4096), file.reserve(4096) as number), { code: 'STORE_FULL' })
  await file.close()
})
