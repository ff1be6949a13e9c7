/** Images that go from one store to another: each pair, every fault in between, and readers that go after them. */
import t from 'tap'
import { ClusterError } from '../../../cluster/errors.ts'
import { settled } from '../../helpers/manual-clock.ts'
import { ID, imageOf, upload as someUpload } from '../images/image-fixture.ts'
import { HELLO, nodeOf, SHA512 } from './stores-fixture.ts'

type Node = ReturnType<typeof nodeOf>
const PAIRS = [
  ['main', 'fast'],
  ['fast', 'main'],
  ['main', 'big'],
  ['big', 'main'],
  ['fast', 'big'],
  ['big', 'fast'],
] as const

/** Asked until it has an end, as operators do. */
async function moved({ mover }: Node, from: string, to: string, keepSource = false) {
  for (let tries = 0; tries < 20; tries++) {
    const found = await mover.move({ imageId: ID, from, to, keepSource })
    if (found.state !== 'copying' && found.state !== 'verifying') return found
  }
  throw new Error('it never ends')
}

function storesOf({ image }: Node): string[] {
  const { data, locations } = image()!
  return [...(data ? ['main'] : []), ...(locations ?? []).flatMap(({ store }) => store ?? [])]
}

t.test('between each pair of stores: one decision, the same times, and nothing is left behind', async (t) => {
  for (const [from, to] of PAIRS) {
    const node = nodeOf(t)
    await node.upload(from)
    const before = node.image()!
    t.strictSame(await moved(node, from, to), { state: 'moved' }, `${from} to ${to}`)
    t.strictSame(storesOf(node), [to])
    t.match(node.image(), { status: 'active', upload: null, updatedAt: before.updatedAt, hashValue: SHA512 })
    t.equal(await node.read(), 'hello')
    t.equal(node.image()?.discarded?.length ?? 0, from === 'main' ? 0 : 1)
    if (to === 'main') t.equal(node.image()?.locations, undefined, 'as of an image that was never elsewhere')
    const calls = node.registers.calls.filter((name) => name.includes('store'))
    t.strictSame(calls, ['image.begin-store-move', 'image.finish-store-move'])
    t.strictSame(await moved(node, from, to), { state: 'present' }, 'and again')
  }
})

t.test('there and back, and kept in both', async (t) => {
  const node = nodeOf(t)
  await node.upload('main')
  t.strictSame(await moved(node, 'main', 'fast', true), { state: 'moved' })
  t.strictSame(storesOf(node), ['main', 'fast'])
  t.strictSame(await moved(node, 'main', 'fast', true), { state: 'present' })
  node.registers.calls.length = 0
  t.strictSame(await moved(node, 'main', 'fast'), { state: 'moved' }, 'nothing is to be copied any more')
  t.strictSame(node.registers.calls, ['image.leave-store'])
  t.strictSame([storesOf(node), node.objectsIn('fast')], [['fast'], ['hello']])
  t.strictSame(await moved(node, 'fast', 'main'), { state: 'moved' })
  t.strictSame([storesOf(node), await node.read()], [['main'], 'hello'])
})

t.test('what cannot be moved is said', async (t) => {
  const node = nodeOf(t)
  t.strictSame(await moved(node, 'main', 'fast'), { state: 'absent' })
  await node.upload('fast')
  t.strictSame(await moved(node, 'main', 'big'), { state: 'absent' })
  await t.rejects(moved(node, 'main', 'nowhere'), { code: 'INVALID', message: /nowhere/ })
  await t.rejects(moved(node, 'http', 'main'), { code: 'INVALID' })
  await t.rejects(moved(node, 'main', 'main'), { code: 'INVALID' })
  node.registers.put({ ...node.image()!, upload: someUpload })
  t.strictSame(await moved(node, 'fast', 'big'), { state: 'busy' })
  node.registers.put(imageOf({ status: 'deleted' }), { live: false })
  t.strictSame(await moved(node, 'fast', 'big'), { state: 'absent' })
})

t.test('an image that waits for its end as deleted, or is not in use, goes along', async (t) => {
  for (const status of ['pending_delete', 'deactivated'] as const) {
    const node = nodeOf(t)
    await node.upload('fast')
    node.registers.put({ ...node.image()!, status })
    t.strictSame(await moved(node, 'fast', 'main'), { state: 'moved' })
    t.match(node.image(), { status })
  }
})

t.test(
  'a back end that fails: the image stays where it is, what was written goes, and it is tried again',
  async (t) => {
    const node = nodeOf(t)
    await node.upload('main')
    node.fast.fail()
    t.match(await moved(node, 'main', 'fast'), { state: 'failed', why: /The store fast does not answer/ })
    t.match(node.image(), { upload: null, status: 'active', discarded: [{ store: 'fast' }] })
    t.strictSame(storesOf(node), ['main'])
    node.fast.failure = null
    t.strictSame(await moved(node, 'main', 'fast'), { state: 'moved' })
    t.strictSame(storesOf(node), ['fast'])
  },
)

t.test('bytes that are damaged on their way, or where they are read back, move nothing', async (t) => {
  const onTheWay = nodeOf(t)
  await onTheWay.upload('main')
  for (const root of onTheWay.kept.keys()) onTheWay.kept.set(root, Buffer.from('jello'))
  t.match(await moved(onTheWay, 'main', 'fast'), { state: 'failed', why: /Other bytes/ })
  t.strictSame([storesOf(onTheWay), onTheWay.objectsIn('fast')], [['main'], []])
  const readBack = nodeOf(t)
  await readBack.upload('main')
  const put = readBack.fast.put.bind(readBack.fast)
  readBack.fast.put = async (name, body) => {
    const sizeBytes = await put(name, body)
    readBack.fast.objects.set(name, Buffer.from('jello'))
    return sizeBytes
  }
  t.match(await moved(readBack, 'main', 'fast'), { state: 'failed', why: /Other bytes/ })
  t.strictSame([storesOf(readBack), readBack.objectsIn('fast')], [['main'], []])
  const copied = nodeOf(t)
  await copied.upload('main')
  await moved(copied, 'main', 'fast', true)
  for (const name of copied.fast.objects.keys()) copied.fast.objects.set(name, Buffer.from('jello'))
  t.match(await moved(copied, 'main', 'fast'), { state: 'failed', why: /Other bytes/ })
  t.strictSame(storesOf(copied), ['main', 'fast'], 'the good copy stays')
})

t.test('an image that is deleted or taken out of its store meanwhile', async (t) => {
  const node = nodeOf(t)
  await node.upload('main')
  node.registers.beforeExecute = (name) => {
    if (name === 'image.finish-store-move')
      node.registers.put(imageOf({ status: 'deleted' }), { live: false })
  }
  t.match(await moved(node, 'main', 'fast'), { state: 'failed' })
  t.strictSame(node.objectsIn('fast'), [])
  t.strictSame(await moved(node, 'main', 'fast'), { state: 'absent' })
})

t.test('an answer that is lost: what was decided counts', async (t) => {
  const node = nodeOf(t)
  await node.upload('main')
  node.registers.afterExecute = (name) => {
    if (name === 'image.finish-store-move') throw new ClusterError('OUTCOME_UNKNOWN', 'nobody knows')
  }
  t.match(await moved(node, 'main', 'fast'), { state: 'failed' })
  t.strictSame(await moved(node, 'main', 'fast'), { state: 'present' })
  t.strictSame([storesOf(node), await node.read()], [['fast'], 'hello'])
})

t.test('a claim whose node is gone is ended, and the move begins anew', async (t) => {
  const node = nodeOf(t)
  await node.upload('main')
  const object = { store: 'fast', url: 'memory://fast/left' }
  const claim = { ...someUpload, onFailure: 'end-store-move' as const, objects: [object] }
  await node.registers.images.apply(ID, 'image.begin-store-move', { from: null, to: 'fast', upload: claim })
  t.strictSame(await moved(node, 'main', 'fast'), { state: 'busy' })
  await node.registers.images.apply(ID, 'image.end-store-move', { uploadId: claim.uploadId })
  t.match(node.image(), { status: 'active', upload: null, discarded: [object] })
  t.strictSame(await moved(node, 'main', 'fast'), { state: 'moved' })
})

t.test('a reader goes after its image, in mid-stream and with the digest', async (t) => {
  const signal = new AbortController().signal
  for (const [from, to] of PAIRS) {
    const node = nodeOf(t)
    await node.upload(from)
    const image = await node.opener.open(node.image()!)
    t.strictSame(await moved(node, from, to), { state: 'moved' })
    // As the reapers do.
    if (from === 'main') node.kept.clear()
    else node[from].objects.clear()
    const pieces: Uint8Array[] = []
    for await (const lease of image!.read(0, HELLO.length - 1, signal)) {
      pieces.push(Buffer.from(lease.bytes))
      lease.release()
    }
    t.equal(Buffer.concat(pieces).toString(), 'hello', `${from} to ${to}`)
    const part: Uint8Array[] = []
    for await (const { bytes } of image!.read(1, 3, signal)) part.push(Buffer.from(bytes))
    t.equal(Buffer.concat(part).toString(), 'ell')
  }
})

t.test('a reader that is half through when what it reads goes away', async (t) => {
  const node = nodeOf(t)
  await node.upload('fast')
  const image = await node.opener.open(node.image()!)
  const reading = image!.read(0, HELLO.length - 1, new AbortController().signal)[Symbol.asyncIterator]()
  const first = await reading.next()
  const pieces = [Buffer.from((first.value as { bytes: Uint8Array }).bytes)]
  t.strictSame(await moved(node, 'fast', 'big'), { state: 'moved' })
  node.fast.fail()
  for (let next = await reading.next(); !next.done; next = await reading.next())
    pieces.push(Buffer.from(next.value.bytes))
  t.equal(Buffer.concat(pieces).toString(), 'hello')
  await settled()
})

t.test('what has not moved and is not delivered is an error, as before', async (t) => {
  const node = nodeOf(t)
  await node.upload('fast')
  node.fast.objects.clear()
  await t.rejects(node.read(), { code: 'UNAVAILABLE' })
})
