import t from 'tap'
import { contentHashHex } from '../../../cluster/content-hash.ts'
import { ClusterError } from '../../../cluster/errors.ts'
import { bufferOf, transferOf, UPLOAD } from './transfer-fixture.ts'

const chunk = (text: string) => ({
  hash: contentHashHex(Buffer.from(text)),
  buffer: bufferOf(Buffer.from(text)),
})
const ROOT = chunk('root')

t.test('W nodes hold every chunk, pinned, and the same nodes take them all', async (t) => {
  const { replicator, bulk } = transferOf(['a', 'b', 'c'])
  const upload = replicator.begin({ upload: UPLOAD, candidates: ['a', 'b', 'c'], copies: 2 })
  for (const text of ['one', 'two']) await upload.store(chunk(text).hash, chunk(text).buffer)
  t.strictSame(upload.targets, ['a', 'b'])
  t.equal(bulk.at('a').pins.get(UPLOAD)?.size, 2)
  t.equal(bulk.at('b').pins.get(UPLOAD)?.size, 2)
  t.equal(bulk.at('c').chunks.size, 0)
})

t.test('one storage node: one copy is all there can be', async (t) => {
  const { replicator, bulk } = transferOf(['a'])
  const upload = replicator.begin({ upload: UPLOAD, candidates: ['a'], copies: 2 })
  await upload.store(ROOT.hash, ROOT.buffer)
  t.strictSame(upload.targets, ['a'])
  t.ok(bulk.at('a').has(ROOT.hash))
})

/** An upload at a of chunks that a has stored before. */
function repeated(texts: readonly string[]) {
  const transfer = transferOf(['a', 'b', 'c'])
  const { replicator, bulk } = transfer
  for (const text of texts) bulk.at('a').add(Buffer.from(text))
  const upload = replicator.begin({ upload: UPLOAD, candidates: ['a', 'b', 'c'], copies: 2 })
  const storeAll = async () => {
    for (const text of texts) await upload.store(chunk(text).hash, chunk(text).buffer)
  }
  const asked = (call: string) => bulk.calls.filter((made) => made === call).length
  return { ...transfer, upload, storeAll, asked }
}

t.test('of what is new here, no peer is asked whether it has it', async (t) => {
  const { replicator, bulk } = transferOf(['a', 'b'])
  const upload = replicator.begin({ upload: UPLOAD, candidates: ['a', 'b'], copies: 2 })
  bulk.at('b').add(Buffer.from('one'))
  await upload.store(chunk('one').hash, chunk('one').buffer)
  t.strictSame(bulk.calls, ['put b'])
})

t.test('what is here already is not sent to a peer that has it, too', async (t) => {
  const texts = ['one', 'two', 'three']
  const { storeAll, bulk, asked } = repeated(texts)
  for (const text of texts) bulk.at('b').add(Buffer.from(text))
  bulk.at('b').damage(chunk('two').hash)
  await storeAll()
  t.equal(asked('have b'), 3)
  t.equal(asked('put b'), 1, 'the damaged one is sent')
  for (const node of ['a', 'b']) t.equal(bulk.at(node).pins.get(UPLOAD)?.size, 3, 'all are pinned')
})

t.test('a peer that has nothing is not asked again and again', async (t) => {
  const { storeAll, bulk, asked } = repeated(['1', '2', '3', '4', '5', '6'])
  await storeAll()
  t.equal(asked('have b'), 3)
  t.equal(asked('put b'), 6)
  t.equal(bulk.at('b').pins.get(UPLOAD)?.size, 6)
})

t.test('a peer that hangs when it is asked is replaced', async (t) => {
  const { storeAll, upload, bulk, asked } = repeated(['one', 'two'])
  bulk.states.set('b', 'hung')
  bulk.at('c').add(Buffer.from('two'))
  await storeAll()
  t.strictSame(upload.targets, ['a', 'c'])
  t.strictSame([asked('have c'), asked('put c')], [2, 1])
})

for (const state of ['dead', 'hung'] as const) {
  t.test(`a ${state} target is replaced, and its successor gets what came before`, async (t) => {
    const { replicator, bulk, pool } = transferOf(['a', 'b', 'c'])
    const upload = replicator.begin({ upload: UPLOAD, candidates: ['a', 'b', 'c'], copies: 2 })
    const [one, two] = [chunk('one'), chunk('two')]
    await upload.store(one.hash, one.buffer)
    bulk.states.set('b', state)
    await upload.store(two.hash, two.buffer)
    await upload.store(ROOT.hash, ROOT.buffer)
    t.strictSame(upload.targets, ['a', 'c'])
    t.notOk(bulk.at('c').has(one.hash))
    await upload.seal(ROOT.hash, [one.hash, two.hash, ROOT.hash])
    for (const id of ['a', 'c']) {
      t.strictSame([...bulk.at(id).chunks.keys()].sort(), [one.hash, two.hash, ROOT.hash].sort(), id)
      t.equal(bulk.at(id).references.get(ROOT.hash)?.size, 3, id)
    }
    t.strictSame(upload.touched, ['a', 'b', 'c'])
    t.equal(pool.slotsInUse, 0)
  })
}

t.test('a target that fails while sealing is replaced by one that gets everything', async (t) => {
  const { replicator, bulk } = transferOf(['a', 'b', 'c'])
  const upload = replicator.begin({ upload: UPLOAD, candidates: ['a', 'b', 'c'], copies: 2 })
  await upload.store(ROOT.hash, ROOT.buffer)
  bulk.states.set('b', 'dead')
  await upload.seal(ROOT.hash, [ROOT.hash])
  t.strictSame(upload.targets, ['a', 'c'])
  t.ok(bulk.at('c').has(ROOT.hash))
})

t.test('one failure of all chunks in flight counts once', async (t) => {
  const { replicator, bulk } = transferOf(['a', 'b'])
  const upload = replicator.begin({ upload: UPLOAD, candidates: ['a', 'b'], copies: 2 })
  let failures = 3
  bulk.at('b').beforePut = () => {
    if (failures-- > 0) throw new ClusterError('PEER_UNREACHABLE', 'the connection dropped')
  }
  await Promise.all(['one', 'two', 'three'].map((text) => upload.store(chunk(text).hash, chunk(text).buffer)))
  t.equal(bulk.at('b').chunks.size, 3)
})

t.test('too few nodes: the upload fails when every candidate has failed', async (t) => {
  const { replicator, bulk } = transferOf(['a', 'b', 'c'])
  const upload = replicator.begin({ upload: UPLOAD, candidates: ['a', 'b', 'c'], copies: 2 })
  bulk.states.set('b', 'dead')
  bulk.states.set('c', 'dead')
  await t.rejects(upload.store(ROOT.hash, ROOT.buffer), { code: 'TOO_FEW_COPIES', fields: { wanted: 2 } })
  await upload.unpin()
  t.equal(bulk.at('a').pins.size, 0)
})

t.test('a full store is not asked twice', async (t) => {
  const { replicator, bulk } = transferOf(['a', 'b'])
  const upload = replicator.begin({ upload: UPLOAD, candidates: ['a', 'b'], copies: 2 })
  bulk.at('b').beforePut = () => {
    throw new ClusterError('STORE_FULL', 'full')
  }
  await t.rejects(upload.store(ROOT.hash, ROOT.buffer), {
    code: 'TOO_FEW_COPIES',
    cause: { code: 'STORE_FULL' },
  })
  t.equal(bulk.calls.filter((call) => call === 'put b').length, 1)
})

t.test('no node that stores data', async (t) => {
  const { replicator } = transferOf(['a'])
  t.throws(() => replicator.begin({ upload: UPLOAD, candidates: [], copies: 2 }), { code: 'TOO_FEW_COPIES' })
})
