import { randomFillSync } from 'node:crypto'
import { open, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { SegmentFile, type OpenFile } from '../../../node/store/segment-file.ts'
import { composeRecord, parseHeader, recordBytes } from '../../../node/store/segment-record.ts'
import { SyncFailures } from '../../../node/store/sync-failures.ts'
import { settled } from '../../helpers/manual-clock.ts'
import { until } from '../../helpers/until.ts'
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

/** Files whose syncs end when and as the test says. */
class HeldSyncs {
  readonly syncs: { end: (error?: Error) => void }[] = []

  readonly open: OpenFile = async (path, flags, mode) => {
    const file = await open(path, flags, mode)
    return Object.assign(file, {
      datasync: () =>
        new Promise<void>((resolve, reject) => {
          this.syncs.push({ end: (error) => (error ? reject(error) : resolve()) })
        }),
    })
  }

  /** The sync of this number, when it has begun. */
  async begun(index: number) {
    await until(() => index in this.syncs)
    return this.syncs[index]!
  }
}

async function heldFile(t: Test) {
  const path = join(t.testdir(), '1.seg')
  const held = new HeldSyncs()
  const file = await SegmentFile.open(1, path, { sizeBytesMax: 65536, appendFrom: 0, openFile: held.open })
  t.teardown(() => file.close())
  const write = () => file.write(Buffer.alloc(4096, 1), file.reserve(4096) as number)
  return { file, held, write, disk: await SyncFailures.of(path) }
}

void t.test('what a short write leaves out is written, and only then synced', async (t) => {
  const path = join(t.testdir(), '1.seg')
  const steps: string[] = []
  const openFile: OpenFile = async (name, flags, mode) => {
    const file = await open(name, flags, mode)
    const [write, datasync] = [file.write.bind(file), file.datasync.bind(file)]
    return Object.assign(file, {
      write: async (bytes: Buffer, from: number, length: number, at: number) => {
        // Direct writes go by whole blocks, the others by any piece.
        const written = await write(bytes, from, length > 4096 ? 4096 : Math.min(length, 1000), at)
        steps.push(`${at}+${written.bytesWritten}`)
        return written
      },
      datasync: async () => {
        steps.push('sync')
        await datasync()
      },
    })
  }
  const file = await SegmentFile.open(1, path, { sizeBytesMax: 65536, appendFrom: 0, openFile })
  const record = randomFillSync(Buffer.from(new SharedArrayBuffer(12288)))
  await file.write(record, file.reserve(12288) as number)
  await file.close()
  t.ok((await readFile(path)).equals(record))
  t.ok(steps.length > 3)
  t.equal(steps.indexOf('sync'), steps.length - 1)
})

void t.test('a record is acknowledged by the sync that begins after it was written', async (t) => {
  const { held, write } = await heldFile(t)
  const acknowledged: string[] = []
  const first = write().then(() => acknowledged.push('first'))
  const one = await held.begun(0)
  const second = write().then(() => acknowledged.push('second'))
  one.end()
  await first
  const two = await held.begun(1)
  t.strictSame(acknowledged, ['first'])
  two.end()
  await second
})

void t.test(
  'after a failed sync nothing in the file is acknowledged, and all on the disk hear of it',
  async (t) => {
    const { file, held, write, disk } = await heldFile(t)
    const count = disk.count
    const writes = [write(), write()]
    for (const writing of writes) writing.catch(() => {})
    const sync = await held.begun(0)
    sync.end(Object.assign(new Error('i/o error'), { code: 'EIO' }))
    for (const writing of writes) await t.rejects(writing, { code: 'STORE_NOT_WRITABLE' })
    t.equal(file.reserve(4096), null)
    t.equal(held.syncs.length, 1, 'the kernel would say next time that all is well')
    t.throws(() => disk.assertNoneSince(count), { code: 'STORE_NOT_WRITABLE' })
  },
)

void t.test('a sync that succeeds after another has failed on its disk acknowledges nothing', async (t) => {
  const { file, held, write, disk } = await heldFile(t)
  const writing = write()
  const sync = await held.begun(0)
  disk.note()
  sync.end()
  await t.rejects(writing, { code: 'STORE_NOT_WRITABLE', message: /another sync on the same disk failed/ })
  t.equal(file.reserve(4096), null, 'the place of what may be lost is not written again')
})

void t.test('of many writes some wait their turn: those that hang leave threads to others', async (t) => {
  const path = join(t.testdir(), '1.seg')
  const writes: (() => void)[] = []
  const openFile: OpenFile = async (name, flags, mode) => {
    const file = await open(name, flags, mode)
    const write = () =>
      new Promise<{ bytesWritten: number }>((resolve) => {
        writes.push(() => resolve({ bytesWritten: 4096 }))
      })
    return Object.assign(file, { write })
  }
  const file = await SegmentFile.open(1, path, { sizeBytesMax: 2 ** 20, appendFrom: 0, openFile })
  const written = Array.from({ length: 20 }, () =>
    file.write(Buffer.alloc(4096, 1), file.reserve(4096) as number),
  )
  await settled()
  t.equal(writes.length, 8)
  while (writes.length > 0) {
    writes.shift()!()
    await settled()
  }
  await Promise.all(written)
  await file.close()
})

void t.test('a full disk is told as such', { skip: process.platform !== 'linux' }, async (t) => {
  const file = await SegmentFile.open(1, '/dev/full', { sizeBytesMax: 8192, appendFrom: 0 })
  await t.rejects(file.write(Buffer.alloc(4096), file.reserve(4096) as number), { code: 'STORE_FULL' })
  await file.close()
})
