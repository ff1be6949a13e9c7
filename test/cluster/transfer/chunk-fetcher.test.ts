import t from 'tap'
import { contentHashHex } from '../../../cluster/content-hash.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'
import { until } from '../../helpers/until.ts'
import { transferOf } from './transfer-fixture.ts'

const BYTES = Buffer.from('the bytes of one chunk')

t.test('a local chunk needs no peer', async (t) => {
  const { fetcher, local, bulk, pool } = transferOf(['a', 'b'])
  const hash = local.add(BYTES)
  const lease = await fetcher.fetch(hash, ['b'])
  t.ok(lease.buffer.payload.equals(BYTES))
  t.strictSame(bulk.calls, [])
  lease.release()
  lease.release()
  t.equal(pool.slotsInUse, 0)
})

t.test('placed peers are asked in order, alive ones first, then every other member', async (t) => {
  const { fetcher, bulk, dead, pool } = transferOf(['a', 'b', 'c', 'd', 'e'])
  dead.add('b')
  const hash = bulk.at('b').add(BYTES)
  const lease = await fetcher.fetch(hash, ['b', 'd', 'c'])
  t.strictSame(bulk.calls, ['get d', 'get c', 'get e', 'get b'])
  lease.release()
  t.equal(pool.slotsInUse, 0)
})

t.test('a damaged local copy is served from a peer and stored anew, once', async (t) => {
  const { fetcher, local, bulk, pool } = transferOf(['a', 'b'])
  const hash = local.add(BYTES)
  bulk.at('b').add(BYTES)
  local.damage(hash)
  let puts = 0
  local.beforePut = () => void puts++
  const leases = await Promise.all([1, 2].map(() => fetcher.fetch(hash, ['a', 'b'])))
  for (const lease of leases) {
    t.ok(lease.buffer.payload.equals(BYTES))
    lease.release()
  }
  await until(() => pool.slotsInUse === 0)
  t.ok(local.chunks.get(hash)?.equals(BYTES))
  t.equal(puts, 1)
})

t.test('what is damaged here is repaired from whatever brings it, also from memory', async (t) => {
  const { fetcher, local, bulk, pool } = transferOf(['a', 'b'])
  const hash = local.add(BYTES)
  const lease = await fetcher.fetch(hash, [])
  local.damage(hash)
  await t.rejects(local.read(hash, lease.buffer), { code: 'CHUNK_DAMAGED' })
  await fetcher.repair(hash, [])
  t.ok(local.chunks.get(hash)?.equals(BYTES))
  t.strictSame(bulk.calls, [])
  lease.release()
  local.damage(hash)
  await t.rejects(fetcher.fetch(hash, ['b']), { code: 'CHUNK_UNAVAILABLE' })
  bulk.at('b').add(BYTES)
  local.beforePut = () => Promise.reject(new Error('no room'))
  await t.rejects(fetcher.repair(hash, ['b']), { message: 'no room' })
  ;(await fetcher.fetch(hash, ['b'])).release()
  await until(() => pool.slotsInUse === 0)
  t.ok(local.isDamaged(hash))
})

t.test('a disk that hangs gets company from a peer', async (t) => {
  const { fetcher, local, bulk, disk } = transferOf(['a', 'b'], { localHedgeAfterMs: 5 })
  const hash = local.add(BYTES)
  bulk.at('b').add(BYTES)
  local.read = () => new Promise(() => {})
  const lease = await fetcher.fetch(hash, ['b'])
  t.ok(lease.buffer.payload.equals(BYTES))
  lease.release()

  // Else each chunk would wait for it anew, and keep a slot.
  let reads = 0
  local.read = () => new Promise(() => void reads++)
  const other = local.add(Buffer.from('another'))
  bulk.at('b').add(Buffer.from('another'))
  ;(await fetcher.fetch(other, ['b'])).release()
  t.equal(reads, 0, 'for a while it is asked last')
  bulk.at('b').chunks.clear()
  const only = fetcher.fetch(other, ['b'])
  only.catch(() => {})
  await until(() => reads === 1)
  disk.hangInReading()
  await t.rejects(only, { code: 'CHUNK_UNAVAILABLE' }, 'where nobody else has it, that is an answer, too')
})

t.test('what was kept is found again without a read, until its memory is needed', async (t) => {
  const { fetcher, bulk, pool } = transferOf(['a', 'b'])
  const hashes = [1, 2, 3].map((seed) => bulk.at('b').add(Buffer.from(`chunk ${seed}`)))
  for (const hash of hashes) (await fetcher.fetch(hash, ['b'])).keep()
  t.equal(pool.slotsInUse, 0)
  t.equal(bulk.calls.length, 3)
  const again = async (index: number) => {
    const lease = await fetcher.fetch(hashes[index]!, ['b'])
    t.equal(lease.buffer.payload.toString(), `chunk ${index + 1}`)
    return lease
  }
  ;(await again(2)).release()
  const shared = await Promise.all([again(1), again(1)])
  t.equal(bulk.calls.length, 3, 'no other read')
  t.equal(pool.slotsInUse, 1)
  for (const lease of shared) lease.keep()
  ;(await again(0)).keep()
  t.equal(bulk.calls.length, 4, 'a quarter of eight slots holds two')

  const slots = await Promise.all(Array.from({ length: pool.slotsMax }, () => pool.acquire()))
  const waiting = again(2)
  for (const slot of slots) slot.release()
  ;(await waiting).keep()
  t.equal(bulk.calls.length, 5, 'the memory was needed')
  t.equal(pool.slotsInUse, 0)
})

t.test('a damaged copy on a peer leads to the next holder', async (t) => {
  const { fetcher, bulk, pool } = transferOf(['a', 'b', 'c'])
  const hash = bulk.at('b').add(BYTES)
  bulk.at('c').add(BYTES)
  bulk.at('b').damage(hash)
  const lease = await fetcher.fetch(hash, ['b', 'c'])
  t.ok(lease.buffer.payload.equals(BYTES))
  lease.release()
  t.equal(pool.slotsInUse, 0)
})

t.test('a hung holder gets company, and its slot back', async (t) => {
  const { fetcher, bulk, pool } = transferOf(['a', 'b', 'c'], { hedgeAfterMs: 5, stallMs: 60_000 })
  bulk.states.set('b', 'hung')
  const hash = bulk.at('c').add(BYTES)
  const lease = await fetcher.fetch(hash, ['b', 'c'])
  t.strictSame(bulk.calls, ['get b', 'get c'])
  lease.release()
  await new Promise(setImmediate)
  t.equal(pool.slotsInUse, 0)
})

t.test('a slow holder that shows life is left alone; a silent one is asked last for a while', async (t) => {
  const clock = new ManualClock()
  const { fetcher, bulk } = transferOf(['a', 'b', 'c'], { hedgeAfterMs: 20, clock })
  const [slow, silent, next] = [1, 2, 3].map((seed) => Buffer.from(`chunk ${seed}`))
  for (const bytes of [slow!, silent!, next!]) for (const id of ['b', 'c']) bulk.at(id).add(bytes)
  const get = async (bytes: Buffer) => {
    const fetched = fetcher.fetch(contentHashHex(bytes), ['b', 'c'])
    await clock.advance(1000)
    ;(await fetched).release()
  }
  bulk.states.set('b', 'slow')
  await get(slow!)
  t.strictSame(bulk.calls.splice(0), ['get b'])
  bulk.states.set('b', 'hung')
  await get(silent!)
  t.strictSame(bulk.calls.splice(0), ['get b', 'get c'])
  await get(next!)
  t.strictSame(bulk.calls.splice(0), ['get c'])
})

t.test('what nobody has is unavailable, with all that was tried', async (t) => {
  const { fetcher, bulk, pool } = transferOf(['a', 'b', 'c'])
  bulk.states.set('c', 'dead')
  await t.rejects(fetcher.fetch('0'.repeat(64), ['b']), {
    code: 'CHUNK_UNAVAILABLE',
    fields: {
      tried: [
        { at: 'b', error: 'CHUNK_MISSING' },
        { at: 'c', error: 'PEER_UNREACHABLE' },
      ],
    },
  })
  t.equal(pool.slotsInUse, 0)
  const hash = bulk.at('b').add(BYTES)
  await t.rejects(fetcher.fetch('0'.repeat(64), ['b']), { code: 'CHUNK_UNAVAILABLE' })
  ;(await fetcher.fetch(hash, ['b'])).release()
})

t.test('readers of one chunk share one read and one slot', async (t) => {
  const { fetcher, bulk, pool } = transferOf(['a', 'b'])
  const hash = bulk.at('b').add(BYTES)
  const leases = await Promise.all([1, 2, 3].map(() => fetcher.fetch(hash, ['b'])))
  const late = await fetcher.fetch(hash, ['b'])
  t.strictSame(bulk.calls, ['get b'])
  t.equal(pool.slotsInUse, 1)
  for (const lease of leases) lease.release()
  t.equal(pool.slotsInUse, 1, 'one reader is left')
  late.release()
  t.equal(pool.slotsInUse, 0)
})

t.test('a reader that gives up does not disturb another; the last one stops the work', async (t) => {
  const { fetcher, bulk, pool } = transferOf(['a', 'b'], { stallMs: 60_000 })
  bulk.states.set('b', 'hung')
  const [first, second] = [new AbortController(), new AbortController()]
  const fetches = [first, second].map(({ signal }) => fetcher.fetch('1'.repeat(64), ['b'], signal))
  const endings = fetches.map((fetch) => fetch.then(String, (error: Error) => error.message))
  first.abort(new Error('first left'))
  t.equal(await endings[0], 'first left')
  t.equal(pool.slotsInUse, 1)
  second.abort(new Error('second left'))
  t.equal(await endings[1], 'second left')
  await new Promise(setImmediate)
  t.equal(pool.slotsInUse, 0)
})
