import t from 'tap'
import { contentHashHex } from '../../../cluster/content-hash.ts'
import { ChunkBufferPool, SLOT_BYTES } from '../../../cluster/transfer/chunk-buffer.ts'
import { ImpatientChunks } from '../../../cluster/transfer/impatient-chunks.ts'
import { deferred } from '../../helpers/deferred.ts'
import { HangingDisk } from '../../helpers/hanging-disk.ts'
import { settled } from '../../helpers/manual-clock.ts'
import { MemoryChunks } from '../../helpers/memory-chunks.ts'
import { UPLOAD } from './transfer-fixture.ts'

const BYTES = Buffer.from('the bytes of one chunk')
const HASH = contentHashHex(BYTES)

function impatient() {
  const [memory, disk] = [new MemoryChunks(), new HangingDisk()]
  const pool = new ChunkBufferPool(4 * SLOT_BYTES)
  const slotOf = async (bytes: Buffer) => {
    const slot = await pool.acquire()
    slot.append(bytes)
    return slot
  }
  return { memory, disk, pool, slotOf, chunks: new ImpatientChunks(memory, disk) }
}

t.test(
  'whoever waits for a write that hangs is told, and its slot stays until the write has ended',
  async (t) => {
    const { memory, disk, pool, slotOf, chunks } = impatient()
    const write = deferred()
    memory.beforePut = () => write.promise
    const slot = await slotOf(BYTES)
    const put = chunks.put(HASH, slot, UPLOAD)
    put.catch(() => {})
    await settled()
    disk.hangInWriting()
    await t.rejects(put, { code: 'STORE_NOT_WRITABLE' })
    slot.release()
    t.equal(pool.slotsInUse, 1, 'the kernel may write from it yet')
    write.resolve()
    await settled()
    t.equal(pool.slotsInUse, 0)
    t.ok(memory.chunks.get(HASH)?.equals(BYTES), 'the bytes are those that were to be written')
  },
)

t.test('while it hangs nothing more is begun; afterwards all is as before', async (t) => {
  const { memory, disk, slotOf, chunks } = impatient()
  const slot = await slotOf(BYTES)
  let puts = 0
  memory.beforePut = () => void puts++
  disk.hangInWriting()
  await t.rejects(chunks.put(HASH, slot, UPLOAD), { code: 'STORE_NOT_WRITABLE' })
  await t.rejects(chunks.have([HASH], UPLOAD), { code: 'STORE_NOT_WRITABLE' })
  await t.rejects(chunks.addReferences(HASH, [HASH]), { code: 'STORE_NOT_WRITABLE' })
  await t.rejects(chunks.unpin(UPLOAD), { code: 'STORE_NOT_WRITABLE' })
  t.equal(puts, 0)
  disk.goOn()
  await chunks.put(HASH, slot, UPLOAD)
  t.strictSame(await chunks.have([HASH], UPLOAD), [true])
  t.strictSame(await chunks.addReferences(HASH, [HASH]), [])
})

t.test('what is there can be read while writes hang', async (t) => {
  const { memory, disk, slotOf, chunks } = impatient()
  memory.add(BYTES)
  disk.hangInWriting()
  const slot = await slotOf(Buffer.alloc(0))
  await chunks.read(HASH, slot)
  t.ok(slot.payload.equals(BYTES))
  t.ok(chunks.has(HASH))
  t.notOk(chunks.isDamaged(HASH))
})

t.test('a read that hangs ends the wait for it, and writes of what must be read first', async (t) => {
  const { memory, disk, pool, slotOf, chunks } = impatient()
  const hanging = deferred()
  memory.read = () => hanging.promise
  memory.beforePut = () => hanging.promise
  const [into, from] = [await slotOf(Buffer.alloc(0)), await slotOf(BYTES)]
  const waits = [chunks.read(HASH, into), chunks.put(HASH, from, UPLOAD)]
  for (const wait of waits) wait.catch(() => {})
  await settled()
  disk.hangInReading()
  for (const wait of waits) await t.rejects(wait, { code: 'CHUNK_UNAVAILABLE' })
  for (const slot of [into, from]) slot.release()
  t.equal(pool.slotsInUse, 2)
  hanging.resolve()
  await settled()
  t.equal(pool.slotsInUse, 0)
})
