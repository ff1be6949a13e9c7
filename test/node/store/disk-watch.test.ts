import t from 'tap'
import { DiskWatch } from '../../../node/store/disk-watch.ts'
import { Pulse } from '../../../node/store/pulse.ts'
import { deferred } from '../../helpers/deferred.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'

function watched() {
  const clock = new ManualClock()
  const [meta, segments, reading] = [new Pulse(), new Pulse(), new Pulse()]
  const disk = new DiskWatch(clock, { writing: [meta, segments], reading: [reading] })
  disk.start()
  return { clock, meta, segments, reading, disk }
}

t.test('a disk with nothing to do does not hang', async (t) => {
  const { clock, meta, disk } = watched()
  await meta.of(Promise.resolve())
  await t.rejects(meta.of(Promise.reject(new Error('EIO'))), { message: 'EIO' })
  await clock.advance(60_000)
  t.equal(disk.hang, null)
  disk.stop()
  t.equal(clock.pending, 0)
})

t.test('no write ends for 2 s: it hangs, until one does', async (t) => {
  const { clock, meta, segments, disk } = watched()
  const write = deferred()
  void segments.of(write.promise)
  await clock.advance(2000)
  t.equal(disk.hang, null)
  const before = disk.writing()
  await clock.advance(500)
  t.match(disk.hang, { code: 'STORE_NOT_WRITABLE', message: /hangs: no write to it ends/ })
  t.equal(before.reason, disk.hang, 'whoever waited then was told')
  t.notOk(disk.reading().aborted)
  await meta.of(Promise.resolve())
  await clock.advance(500)
  t.ok(disk.hang, 'what goes on elsewhere is no sign of life')
  write.resolve()
  await clock.advance(250)
  t.equal(disk.hang, null)
  t.notOk(disk.writing().aborted)
})

t.test('a disk that is slow, but ends one thing after the other, does not hang', async (t) => {
  const { clock, segments, disk } = watched()
  const writes = Array.from({ length: 10 }, () => deferred())
  for (const { promise } of writes) void segments.of(promise)
  for (const write of writes) {
    await clock.advance(1900)
    write.resolve()
    t.equal(disk.hang, null)
  }
})

t.test('a read may take 10 s', async (t) => {
  const { clock, reading, disk } = watched()
  const read = deferred()
  void reading.of(read.promise)
  await clock.advance(10_000)
  t.equal(disk.hang, null)
  await clock.advance(500)
  t.match(disk.hang, { code: 'CHUNK_UNAVAILABLE' })
  t.ok(disk.reading().aborted)
  t.notOk(disk.writing().aborted)
})

t.test('where no other node could take over, a write may take as long', async (t) => {
  const { clock, segments, disk } = watched()
  const nodes = { count: 1 }
  disk.allowForLoneNode(() => nodes.count === 1)
  void segments.of(deferred().promise)
  await clock.advance(10_000)
  t.equal(disk.hang, null)
  nodes.count = 3
  await clock.advance(250)
  t.match(disk.hang, { code: 'STORE_NOT_WRITABLE' })
  nodes.count = 1
  await clock.advance(250)
  t.ok(disk.hang, 'by now it has')
})
