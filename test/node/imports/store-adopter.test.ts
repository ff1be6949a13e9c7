/** Images whose bytes are in a store already: what is there is compared, named by the record, and never touched. */
import { createHash } from 'node:crypto'
import t, { type Test } from 'tap'
import { BackendError } from '../../../node/backends/backend.ts'
import { movedFrom, type MovedImage } from '../../../node/images/moved-image.ts'
import { settled } from '../../helpers/manual-clock.ts'
import { activeImage, decide, grantOf, live, LATER, owner, written } from '../images/image-fixture.ts'
import { HELLO, MD5, nodeOf, SHA512 } from './stores-fixture.ts'

/** Not that of the fixture's image: nobody knows of it. */
const OLD = '11111111-0c5b-4b53-9a0f-6f1f0a8f2d10'
const TIMES = { createdAt: '2019-01-01T00:00:00Z', updatedAt: '2020-01-01T00:00:00Z' }
const STORES = ['fast', 'big']
const plain = { overwrite: false }

function coming(fields: Partial<MovedImage> = {}): MovedImage {
  const digests = { size: HELLO.length, checksum: MD5, hashAlgo: 'sha512', hashValue: SHA512 }
  return { ...movedFrom(activeImage())!, ...digests, ...TIMES, id: OLD, hasBytes: true, ...fields }
}

/** A node whose store `big` was that of a Glance. */
function adopting(t: Test, bytes: Buffer | null = HELLO) {
  const node = nodeOf(t)
  if (bytes) node.big.objects.set(OLD, bytes)
  const record = () => node.registers.record(OLD)
  /** Asked until it has an end, as the command does. */
  const adopt = async (image = coming(), options = plain, stores = STORES) => {
    for (let tries = 0; tries < 20; tries++) {
      const found = await node.adopter.adopt({ image, stores }, options)
      if (found.state !== 'verifying') return found
    }
    throw new Error('it never ends')
  }
  return { ...node, adopt, record }
}

async function readBy({ opener, record }: ReturnType<typeof adopting>): Promise<string> {
  const image = (await opener.open(record()!))!
  const pieces: Uint8Array[] = []
  for await (const { bytes } of image.read(0, image.sizeBytes - 1, new AbortController().signal))
    pieces.push(bytes)
  return Buffer.concat(pieces).toString()
}

t.test('an image is here by one decision, as it was there; its bytes stay where they lie', async (t) => {
  for (const status of ['active', 'deactivated'] as const) {
    const node = adopting(t)
    const image = coming({ status, tags: ['b', 'a'] })
    t.equal(await node.adopter.look({ image, stores: STORES }), null, 'it could be')
    t.strictSame(await node.adopt(image), { state: 'complete', isChanged: true })
    t.strictSame(node.registers.calls, ['image.arrive'])
    t.match(node.record(), { ...TIMES, status, upload: null, data: null, size: 5, checksum: MD5 })
    const url = `memory://big/${OLD}`
    t.strictSame(node.record()?.locations, [{ url, store: 'big', metadata: { store: 'big' } }])
    t.strictSame([node.objectsIn('big'), node.objectsIn('fast')], [['hello'], []])
    t.equal(await readBy(node), 'hello')
    t.strictSame(await node.adopt(image), { state: 'complete' }, 'and again')
    t.strictSame(await node.adopter.look({ image, stores: STORES }), { state: 'complete' })
  }
})

t.test('what nobody had computed is filled in, and other algorithms count', async (t) => {
  const unknown = adopting(t)
  await unknown.adopt(coming({ checksum: null, hashAlgo: null, hashValue: null }))
  t.match(unknown.record(), { checksum: MD5, hashAlgo: 'sha512', hashValue: SHA512 })
  const sha256 = { hashAlgo: 'sha256', hashValue: createHash('sha256').update(HELLO).digest('hex') }
  const other = adopting(t)
  t.match(await other.adopt(coming(sha256)), { state: 'complete' })
  t.match(other.record(), sha256)
})

t.test('nothing, fewer, more and other bytes are told, and nothing is made of them', async (t) => {
  const cases: [Buffer | null, Partial<MovedImage>, { code: string; message: RegExp }][] = [
    [null, {}, { code: 'NOT_FOUND', message: /no such object/ }],
    [Buffer.from('hell'), {}, { code: 'NOT_FOUND', message: /big has it with another size than 5/ }],
    [Buffer.from('hello!'), {}, { code: 'NOT_FOUND', message: /another size/ }],
    [Buffer.from('jello'), {}, { code: 'INVALID', message: /have the MD5/ }],
    [Buffer.from('jello'), { checksum: null }, { code: 'INVALID', message: /another sha512/ }],
    [HELLO, { size: null }, { code: 'INVALID', message: /how many bytes/ }],
  ]
  for (const [bytes, fields, error] of cases) {
    const node = adopting(t, bytes)
    await t.rejects(node.adopt(coming(fields)), error)
    t.equal(node.record(), null)
    t.strictSame(node.objectsIn('big'), bytes ? [String(bytes)] : [], 'it lies as it lay')
  }
  const node = adopting(t, null)
  await t.rejects(node.adopter.look({ image: coming(), stores: STORES }), { code: 'NOT_FOUND' })
})

t.test('a store that does not answer is no image that is missing', async (t) => {
  const node = adopting(t)
  node.big.fail()
  await t.rejects(node.adopt(), { code: 'UNAVAILABLE', message: /big does not answer/ })
  node.big.failure = null
  t.match(await node.adopt(), { state: 'complete' })
  const link = adopting(t)
  link.big.failure = new BackendError('BACKEND_REFUSED', 'The store big cannot be used: ELOOP.')
  await t.rejects(link.adopt(), { code: 'NOT_FOUND', message: /ELOOP/ })
})

t.test('stores that are none of a Glance are named', async (t) => {
  const node = adopting(t)
  for (const stores of [['nowhere'], ['big', 'main'], ['']])
    await t.rejects(node.adopt(coming(), plain, stores), { code: 'INVALID', message: /no store .* of type/ })
})

t.test('an image without bytes arrives as ever, and one of no bytes is one', async (t) => {
  const node = adopting(t, null)
  const queued = coming({ status: 'queued', hasBytes: false, size: null, checksum: null, hashValue: null })
  t.match(await node.adopt({ ...queued, hashAlgo: null }), { state: 'complete', isChanged: true })
  t.match(node.record(), { status: 'queued' })
  const empty = adopting(t, Buffer.alloc(0))
  const none = { size: 0, checksum: null, hashAlgo: null, hashValue: null }
  t.match(await empty.adopt(coming(none)), { state: 'complete' })
  t.equal(await readBy(empty), '')
})

t.test('an image that waits for its bytes from a run before has them now', async (t) => {
  const node = adopting(t)
  const image = coming({ locations: [{ url: 'http://h/x', metadata: {} }] })
  node.registers.put(written(decide('image.arrive', null, { image, overwrite: false, now: LATER })))
  t.match(node.record(), { status: 'queued', arriving: { size: 5 } })
  t.strictSame(await node.adopt(image), { state: 'complete', isChanged: true })
  t.notOk('arriving' in node.record()!)
  t.match(node.record(), { status: 'active', locations: [{ store: 'big' }, { url: 'http://h/x' }] })
  t.equal(node.record()?.locations?.length, 2)
})

t.test('what is said of it may be taken anew, and the bytes stay those of the store', async (t) => {
  const node = adopting(t)
  await node.adopt()
  const renamed = coming({ name: 'other', locations: [{ url: 'http://h/x', metadata: {} }] })
  t.match(await node.adopt(renamed), { state: 'differs', differences: ['name', 'locations'] })
  t.strictSame(await node.adopt(renamed, { overwrite: true }), { state: 'complete', isChanged: true })
  t.match(node.record(), {
    name: 'other',
    status: 'active',
    locations: [{ store: 'big' }, { url: 'http://h/x' }],
  })
  t.equal(node.record()?.discarded, undefined, 'nothing is to be deleted in the store')
  t.strictSame(node.registers.calls, ['image.arrive', 'image.arrive'], 'nor read again')
  t.equal(await readBy(node), 'hello')
})

t.test(
  'from then on it is as others are: it moves to the cluster, and its end is that of the object',
  async (t) => {
    const node = adopting(t)
    await node.adopt()
    const move = { imageId: OLD, from: 'big', to: 'main', keepSource: false }
    let found = await node.mover.move(move)
    while (found.state === 'copying') found = await node.mover.move(move)
    t.match(found, { state: 'moved' })
    const discarded = [{ store: 'big', url: `memory://big/${OLD}` }]
    t.match(node.record(), { data: { root: /./ }, discarded })
    const other = adopting(t)
    await other.adopt()
    const deleted = decide('image.delete', live(other.record()!), { grant: grantOf(owner), now: LATER })
    t.match(deleted, { next: { live: false, record: { discarded } } })
  },
)

t.test('two who ask at once read it once; a node that stops has adopted nothing', async (t) => {
  const node = adopting(t)
  const both = await Promise.all([node.adopt(), node.adopt()])
  t.match(both, [{ state: 'complete' }, { state: 'complete' }])
  t.strictSame(node.registers.calls, ['image.arrive'])
  const stopping = adopting(t)
  let letGo = () => {}
  stopping.gate.require = () => new Promise<void>((resolve) => (letGo = resolve))
  const asked = t.rejects(stopping.adopt(), { code: 'UNAVAILABLE' })
  for (let turns = 0; turns < 5; turns++) await settled()
  const stopped = stopping.adopter.stop()
  letGo()
  await Promise.all([asked, stopped])
  t.equal(stopping.record(), null)
})
