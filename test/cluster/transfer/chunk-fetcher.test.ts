import t from 'tap'
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

t.test('a damaged local copy is reported and served from a peer', async (t) => {
  const damaged: string[] = []
  const { fetcher, local, bulk } = transferOf(['a', 'b'], {
    onDamaged: (hash, at) => damaged.push(`${hash} ${at}`),
  })
  const hash = local.add(BYTES)
  bulk.at('b').add(BYTES)
  local.damage(hash)
  const lease = await fetcher.fetch(hash, ['a', 'b'])
  t.ok(lease.buffer.payload.equals(BYTES))
  t.strictSame(damaged, [`${hash} a`])
  lease.release()
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
