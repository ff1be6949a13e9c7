import t from 'tap'
import {
  alignUp,
  CHUNK_BYTES_MAX,
  ChunkBufferPool,
  RECORD_ALIGN_BYTES,
  RECORD_HEADER_BYTES,
  SLOT_BYTES,
  type ChunkBuffer,
} from '../../../cluster/transfer/chunk-buffer.ts'
import { settled } from '../../helpers/manual-clock.ts'

/** Takes every slot of a pool. */
function takeAll(pool: ChunkBufferPool): Promise<ChunkBuffer[]> {
  return Promise.all(Array.from({ length: pool.slotsMax }, () => pool.acquire()))
}

t.test('sizes round up to whole disk blocks', async (t) => {
  t.strictSame([0, 1, 4096, 4097].map(alignUp), [0, 4096, 4096, 8192])
  t.equal(SLOT_BYTES % RECORD_ALIGN_BYTES, 0)
})

t.test('a slot has head-room, and room for one whole chunk', async (t) => {
  const buffer = await new ChunkBufferPool(SLOT_BYTES).acquire()
  t.equal(buffer.record.length, SLOT_BYTES)
  t.equal(buffer.room.length, CHUNK_BYTES_MAX)
  buffer.length = 3
  buffer.room.set([1, 2, 3])
  t.strictSame([...buffer.payload], [1, 2, 3])
  t.strictSame([...buffer.record.subarray(RECORD_HEADER_BYTES, RECORD_HEADER_BYTES + 3)], [1, 2, 3])
})

t.test('slots are shared memory and do not overlap', async (t) => {
  const slots = await takeAll(new ChunkBufferPool(5 * SLOT_BYTES))
  slots.forEach(({ record }, i) => record.fill(i + 1))
  slots.forEach(({ record }, i) => t.ok(record.every((byte) => byte === i + 1)))
  for (const { record } of slots) {
    t.ok(record.buffer instanceof SharedArrayBuffer)
    t.equal(record.byteOffset % RECORD_ALIGN_BYTES, 0)
  }
})

t.test('the budget is rounded down to whole slots, and is one slab at least', async (t) => {
  t.equal(new ChunkBufferPool(0).slotsMax, 4)
  t.equal(new ChunkBufferPool(7.9 * SLOT_BYTES).slotsMax, 7)
})

t.test('beyond the budget callers wait, and are served in the order of asking', async (t) => {
  const pool = new ChunkBufferPool(4 * SLOT_BYTES)
  const slots = await takeAll(pool)
  const served: string[] = []
  const waits = ['first', 'second'].map((name) => pool.acquire().then(() => served.push(name)))
  await settled()
  t.strictSame(served, [])
  slots[0]?.release()
  await waits[0]
  t.strictSame(served, ['first'])
  slots[1]?.release()
  await waits[1]
  t.equal(pool.slotsInUse, 4)
})

t.test('a second release gives nothing back', async (t) => {
  const pool = new ChunkBufferPool(4 * SLOT_BYTES)
  const slots = await takeAll(pool)
  slots[0]?.release()
  slots[0]?.release()
  t.equal(pool.slotsInUse, 3)
  await pool.acquire()
  t.equal(pool.slotsInUse, 4)
})

t.test('a reused slot starts empty', async (t) => {
  const pool = new ChunkBufferPool(4 * SLOT_BYTES)
  const slots = await takeAll(pool)
  for (const slot of slots) {
    slot.length = 99
    slot.release()
  }
  t.equal((await pool.acquire()).length, 0)
})

t.test('an aborted wait ends with the reason and takes no slot', async (t) => {
  const pool = new ChunkBufferPool(4 * SLOT_BYTES)
  const slots = await takeAll(pool)
  const abort = new AbortController()
  const waiting = pool.acquire(abort.signal)
  const behind = pool.acquire()
  abort.abort(new Error('the client left'))
  await t.rejects(waiting, { message: 'the client left' })
  slots[0]?.release()
  await behind
  t.equal(pool.slotsInUse, 4)
})

t.test('an abort after the slot was given changes nothing', async (t) => {
  const pool = new ChunkBufferPool(4 * SLOT_BYTES)
  const slots = await takeAll(pool)
  const abort = new AbortController()
  const waiting = pool.acquire(abort.signal)
  slots[0]?.release()
  const slot = await waiting
  const next = pool.acquire()
  abort.abort(new Error('too late'))
  slot.release()
  await next
  t.equal(pool.slotsInUse, 4)
})

t.test('a signal that is aborted already takes nothing', async (t) => {
  const pool = new ChunkBufferPool(4 * SLOT_BYTES)
  await t.rejects(pool.acquire(AbortSignal.abort(new Error('over'))), { message: 'over' })
  t.equal(pool.slotsInUse, 0)
})

t.test('a slot that is held is not given to anybody else, though its owner has released it', async (t) => {
  const pool = new ChunkBufferPool(4 * SLOT_BYTES)
  const [slot, ...others] = await takeAll(pool)
  let released = 0
  slot!.onReleased(() => released++)
  const ends = [slot!.hold(), slot!.hold()]
  let next: ChunkBuffer | null = null
  const waiting = pool.acquire().then((buffer) => (next = buffer))
  slot!.release()
  ends[0]!()
  await settled()
  t.equal(next, null)
  t.equal(pool.slotsInUse, 4)
  t.equal(released, 1, 'who waits for the owner does not wait for the others')
  ends[1]!()
  await waiting
  slot!.release()
  for (const buffer of [next!, ...others] as ChunkBuffer[]) buffer.release()
  t.equal(pool.slotsInUse, 0)
})
