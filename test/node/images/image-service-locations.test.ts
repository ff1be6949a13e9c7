import t from 'tap'
import { ClusterError } from '../../../cluster/errors.ts'
import type { KeptImage } from '../../../node/data/open-image.ts'
import { objectName } from '../../../node/backends/backends.ts'
import { ImageError } from '../../../node/errors.ts'
import { ownUrl } from '../../../node/images/location-rules.ts'
import { activeImage, admin, data, ID, imageOf, owner } from './image-fixture.ts'
import { serviceOf, URL } from './image-service-fixture.ts'

t.test('a location: looked at, decided in the register, read from where it is', async (t) => {
  const { service, registers, opened, measured } = serviceOf()
  registers.put(imageOf())
  const add = (url: string) => [{ kind: 'add-location' as const, at: null, location: { url, metadata: {} } }]
  await t.rejects(service.patch(owner, ID, add('http://away.example/')), { code: 'INVALID' })
  t.match(await service.patch(owner, ID, add(URL)), { status: 'active', size: 7 })
  t.match((await service.openData(owner, ID)).value, { sizeBytes: 5 })
  t.strictSame(opened, [URL])
  await t.rejects(service.patch(owner, ID, [{ kind: 'remove-location', at: 0 }]), { code: 'FORBIDDEN' })
  registers.beforeExecute = (name) => {
    registers.beforeExecute = () => {}
    // The location that was there when it was looked at is gone when the change is made.
    if (name === 'image.patch-locations') registers.put(activeImage({ size: 7 }))
  }
  const replace = [{ kind: 'replace-locations' as const, locations: [{ url: URL, metadata: { a: 1 } }] }]
  await t.rejects(service.patch(owner, ID, replace), { code: 'INVALID' })
  t.match(registers.calls.at(-1), 'image.patch-locations')
  t.equal(measured.filter((url) => url === URL).length, 1)
  registers.put(activeImage())
  t.match(await service.openData(owner, ID), { value: { sizeBytes: 5 } })
  t.equal(opened.at(-1), data.root, 'what the cluster keeps comes first')
})

t.test('an object that something stands on is not taken from under it', async (t) => {
  const { service, memory, registers } = serviceOf()
  const fast = memory.each.get('fast')!
  const name = objectName(ID, 'ab'.repeat(16))
  const object = { url: fast.urlOf(name), metadata: { store: 'fast' }, store: 'fast' }
  const own = { url: ownUrl(ID), metadata: {} }
  registers.put(activeImage({ locations: [own, object] }))
  const removal = (...places: (number | null)[]) =>
    places.map((at) => ({ kind: 'remove-location' as const, at }))
  fast.inUse.add(name)
  for (const at of [1, null])
    await t.rejects(service.patch(admin, ID, removal(at)), {
      code: 'CONFLICT',
      message: /in use: the store fast/,
    })
  t.match(registers.record(ID), { locations: [own, object] })
  await t.rejects(service.patch(admin, ID, removal(1, 0)), { code: 'FORBIDDEN' }, 'what is refused anyhow')
  await t.rejects(service.patch(admin, ID, removal(7)), { code: 'INVALID' })
  t.match(await service.patch(admin, ID, removal(0)), { locations: [object] }, 'the other one may go')
  registers.put(activeImage({ locations: [own, object] }))
  fast.fail()
  t.match(await service.patch(admin, ID, removal(1)), { locations: [own], discarded: [{ store: 'fast' }] })
  fast.failure = null
  fast.inUse.clear()
  registers.put(activeImage({ locations: [own, object] }))
  t.match(await service.patch(admin, ID, removal(1)), { locations: [own], discarded: [{ store: 'fast' }] })
})

t.test('an image that the nodes have lost comes from its location', async (t) => {
  const { service, registers, opened, own, elsewhere } = serviceOf()
  const twice = activeImage({
    locations: [
      { url: URL, metadata: {} },
      { url: ownUrl(ID), metadata: {} },
    ],
  })
  registers.put(twice)
  const lost = new ClusterError('CHUNK_UNAVAILABLE', 'no holder')
  const bytes = (text: string, failure: Error | null = null) =>
    async function* (start: number) {
      if (text !== '') yield { bytes: Buffer.from(text).subarray(start), release() {} }
      if (failure) throw failure
    }
  const read = async () => {
    const { value } = await service.openData(owner, ID)
    let text = ''
    for await (const lease of value!.read(0, 4, new AbortController().signal))
      text += Buffer.from(lease.bytes).toString()
    return text
  }
  const from = (text: string, failure: Error | null = null): KeptImage => ({
    sizeBytes: 5,
    read: bytes(text, failure),
    // Here the text must be as it was; what the manifest says of it is another test's.
    async *readFrom(other, start, end, signal) {
      for await (const lease of other.read(start, end, signal)) {
        if (!'there'.endsWith(Buffer.from(lease.bytes).toString()))
          throw new ImageError('UNAVAILABLE', 'other')
        yield lease
      }
    },
  })
  elsewhere.image = from('there')
  own.image = from('their')
  t.equal(await read(), 'their', 'whatever the order of the locations')
  own.image = from('', lost)
  t.equal(await read(), 'there', 'its chunks are lost')
  own.failure = lost
  t.equal(await read(), 'there', 'its manifest is lost')
  own.failure = new Error('a bug')
  await t.rejects(read(), { message: 'a bug' })
  own.failure = null
  own.image = from('th', lost)
  t.equal(await read(), 'there', 'a chunk in the middle is lost')
  own.image = from('th', new Error('a bug'))
  await t.rejects(read(), { message: 'a bug' })
  own.image = from('th', lost)
  elsewhere.image = from('thore')
  await t.rejects(read(), { code: 'UNAVAILABLE' }, 'other bytes are none')
  elsewhere.image = from('there')
  own.image = from('', lost)
  const off = serviceOf({ locations: { isHttpOn: false } })
  off.registers.put(twice)
  off.own.failure = lost
  await t.rejects(off.service.openData(owner, ID), { code: 'CHUNK_UNAVAILABLE' })
  t.ok(opened.includes(data.root))
})
