/** Uploads, imports and copies to back ends. */
import t from 'tap'
import { ImageError } from '../../../node/errors.ts'
import { admin, ID, imageOf } from '../images/image-fixture.ts'
import { MD5, nodeOf, SHA512 } from './stores-fixture.ts'

t.test('an upload to a back end leaves nothing in the cluster', async (t) => {
  const { upload, image, read, objectsIn, kept } = nodeOf(t)
  await upload('fast')
  t.match(image(), { status: 'active', size: 5, checksum: MD5, hashValue: SHA512, data: null, upload: null })
  t.match(image()?.locations, [{ url: /^memory:\/\/fast\//, metadata: { store: 'fast' }, store: 'fast' }])
  t.strictSame([objectsIn('fast'), kept.size], [['hello'], 0])
  t.equal(await read(), 'hello')
  const byDefault = nodeOf(t, { defaultStore: 'big' })
  await byDefault.upload()
  t.strictSame(byDefault.objectsIn('big'), ['hello'])
})

t.test('a back end that fails in mid-transfer gives the image back, and is cleaned up later', async (t) => {
  const { upload, image, fast, objectsIn } = nodeOf(t)
  fast.fail()
  fast.takesBytes = 3
  await t.rejects(upload('fast'), { code: 'UNAVAILABLE', message: /The store fast does not answer/ })
  t.match(image(), { status: 'queued', upload: null, size: null, discarded: [{ store: 'fast' }] })
  fast.failure = null
  await upload('fast')
  t.equal(image()?.status, 'active')
  t.not(image()?.locations?.[0]?.url, image()?.discarded?.[0]?.url, 'under another name')
  t.strictSame(objectsIn('fast'), ['hello'])
})

t.test('an image that is deleted meanwhile leaves no object', async (t) => {
  const { registers, upload, objectsIn, image } = nodeOf(t)
  registers.beforeExecute = (name) => {
    if (name === 'image.finish-upload') registers.put(imageOf({ status: 'deleted' }), { live: false })
  }
  await t.rejects(upload('fast'), { code: 'GONE' })
  t.strictSame(objectsIn('fast'), [])
  t.equal(image()?.status, 'deleted')
})

t.test('what is staged is imported into several stores, with and without the cluster', async (t) => {
  const { stage, imported, image, task, objectsIn, read } = nodeOf(t)
  await stage()
  await imported({ stores: ['big', 'fast'] })
  t.match(image(), {
    status: 'active',
    size: 5,
    data: null,
    locations: [{ store: 'big' }, { store: 'fast' }],
  })
  t.notOk(image()?.staged)
  t.match(image()?.properties, { os_glance_importing_to_stores: '', os_glance_failed_import: '' })
  t.match(task(), { status: 'success' })
  t.strictSame([objectsIn('big'), objectsIn('fast')], [['hello'], ['hello']])
  t.equal(await read(), 'hello')
  const all = nodeOf(t)
  await all.stage()
  await all.imported({ allStores: true })
  t.match(all.image(), { status: 'active', data: {}, locations: [{ url: `serac://${ID}` }, {}, {}] })
})

t.test('one store that fails ends the import, unless not all must succeed', async (t) => {
  const { stage, imported, image, task, fast, objectsIn, read } = nodeOf(t)
  await stage()
  fast.fail()
  await imported({ stores: ['big', 'fast'] })
  t.match(task(), { status: 'failure', message: /The store fast does not answer/ })
  t.match(image(), { status: 'uploading', discarded: [{ store: 'big' }, { store: 'fast' }] })
  await imported({ stores: ['big', 'fast'], allMustSucceed: false })
  t.match(image(), { status: 'active', properties: { os_glance_failed_import: 'fast' } })
  t.match(image()?.locations, [{ store: 'big' }])
  t.equal(image()?.locations?.length, 1)
  t.equal(await read(), 'hello')
  t.equal(objectsIn('big').length, 2, 'the first one is the reaper’s')
  const nowhere = nodeOf(t)
  await nowhere.stage()
  nowhere.fast.fail()
  await nowhere.imported({ stores: ['fast'], allMustSucceed: false })
  t.match(nowhere.task(), { status: 'failure', message: /None of the stores/ })
  t.equal(nowhere.image()?.status, 'uploading')
})

t.test('an image is copied between all pairs of stores, and taken out of each', async (t) => {
  const { upload, imported, image, service, objectsIn, read, fast, big } = nodeOf(t)
  const copy = (...stores: string[]) => imported({ method: 'copy-image', stores }, admin)
  await upload('fast')
  await copy('main')
  t.match(image(), { data: {}, locations: [{ url: `serac://${ID}` }, { store: 'fast' }] })
  await service.removeFromStore(admin, ID, 'fast')
  t.match(image(), { discarded: [{ store: 'fast' }] })
  await copy('big')
  await service.removeFromStore(admin, ID, 'main')
  t.match(image(), { data: null, locations: [{ store: 'big' }] })
  await copy('fast')
  t.strictSame([objectsIn('big'), objectsIn('fast')], [['hello'], ['hello', 'hello']])
  t.equal(await read(['fast']), 'hello')
  fast.fail()
  fast.takesBytes = 3
  t.equal(await read(['fast']), 'hello', 'in mid-stream from the other one')
  await t.rejects(copy('big'), { code: 'INVALID', message: /already present at store 'big'/ })
  big.inUse.add([...big.objects.keys()][0]!)
  await t.rejects(service.removeFromStore(admin, ID, 'big'), { code: 'CONFLICT', message: /is in use/ })
  big.inUse.clear()
  await service.removeFromStore(admin, ID, 'big')
  await t.rejects(service.removeFromStore(admin, ID, 'fast'), { code: 'FORBIDDEN' })
})

t.test('other bytes than those of the image are neither served nor copied', async (t) => {
  const { upload, imported, image, task, fast, objectsIn, read } = nodeOf(t)
  await upload('fast')
  for (const name of fast.objects.keys()) fast.objects.set(name, Buffer.from('jello'))
  await t.rejects(read(), { code: 'UNAVAILABLE' })
  await imported({ method: 'copy-image', stores: ['big'] }, admin)
  t.match(task(), { status: 'failure' })
  t.strictSame([objectsIn('big'), image()?.locations?.length], [[], 1])
})

t.test('where one store is enough, the image is active with the first that has it', async (t) => {
  const wanted = { allMustSucceed: false, stores: ['main', 'fast', 'big'] }
  for (const isKept of [true, false]) {
    const node = nodeOf(t)
    await node.stage()
    const seen: object[] = []
    node.registers.afterExecute = (name) => {
      if (name === 'image.activate-staged') seen.push({ ...node.image() })
    }
    const stores = isKept ? wanted.stores : ['fast', 'big']
    await node.imported({ ...wanted, stores })
    t.match(seen, [
      {
        ...{ status: 'active', size: 5, checksum: MD5, upload: { uploadId: String } },
        properties: { os_glance_importing_to_stores: isKept ? 'fast,big' : 'big' },
      },
    ])
    t.match(node.image(), { status: 'active', upload: null, properties: { os_glance_failed_import: '' } })
    t.notOk(node.image()?.staged)
    t.equal(node.image()?.locations?.length, stores.length)
    t.notOk(node.image()?.discarded)
    t.match(node.task(), { status: 'success' })
    t.strictSame([node.objectsIn('fast'), node.objectsIn('big')], [['hello'], ['hello']])
  }
})

t.test('what fails behind that is told, and takes nothing back', async (t) => {
  const wanted = { allMustSucceed: false, stores: ['main', 'fast', 'big'] }
  const node = nodeOf(t)
  await node.stage()
  node.fast.fail()
  await node.imported(wanted)
  t.match(node.image(), {
    ...{ status: 'active', upload: null, data: {}, discarded: [{ store: 'fast' }] },
    ...{ locations: [{ url: `serac://${ID}` }, { store: 'big' }] },
    properties: { os_glance_failed_import: 'fast', os_glance_importing_to_stores: '' },
  })
  t.match(node.task(), { status: 'success' })
  const first = nodeOf(t)
  await first.stage()
  first.fast.fail()
  await first.imported({ ...wanted, stores: ['fast', 'big'] })
  t.match(first.image(), { status: 'active', locations: [{ store: 'big' }] })
  t.match(first.image()?.properties, { os_glance_failed_import: 'fast' })
  const deleted = nodeOf(t)
  await deleted.stage()
  deleted.registers.beforeExecute = (name) => {
    if (name === 'image.finish-import') deleted.registers.put(imageOf({ status: 'deleted' }), { live: false })
  }
  await deleted.imported(wanted)
  t.strictSame([deleted.objectsIn('fast'), deleted.objectsIn('big')], [[], []])
})

t.test('a node that is gone in between leaves an active image', async (t) => {
  const node = nodeOf(t)
  await node.stage()
  node.registers.beforeExecute = (name) => {
    if (name === 'image.finish-import') throw new Error('the node is gone')
  }
  await node.imported({ allMustSucceed: false, stores: ['main', 'fast'] })
  const { uploadId = '' } = node.image()?.upload ?? {}
  node.registers.beforeExecute = () => {}
  await node.registers.images.apply(ID, 'image.end-import', { uploadId, now: '2026-02-03T04:05:06Z' })
  t.match(node.image(), {
    ...{ status: 'active', data: {}, upload: null, discarded: [{ store: 'fast' }] },
    properties: { os_glance_failed_import: 'fast' },
  })
  t.equal(await node.read(), 'hello')
})

t.test('so is one that is downloaded', async (t) => {
  const uri = 'http://mirror.example/image'
  const wanted = { method: 'web-download' as const, uri, allMustSucceed: false }
  for (const stores of [
    ['main', 'fast', 'big'],
    ['big', 'fast'],
  ]) {
    const node = nodeOf(t)
    const seen: object[] = []
    node.registers.afterExecute = (name) => {
      if (name === 'image.activate-import') seen.push({ ...node.image() })
    }
    await node.imported({ ...wanted, stores })
    t.match(seen, [
      { status: 'active', properties: { os_glance_importing_to_stores: stores.slice(1).join(',') } },
    ])
    t.match(node.image(), { status: 'active', upload: null, properties: { os_glance_failed_import: '' } })
    t.equal(node.image()?.locations?.length, stores.length)
    t.notOk(node.image()?.discarded)
    t.equal(await node.read(), 'hello')
  }
  const failing = nodeOf(t)
  failing.fast.fail()
  await failing.imported({ ...wanted, stores: ['main', 'fast'] })
  t.match(failing.image(), { status: 'active', properties: { os_glance_failed_import: 'fast' } })
  t.equal(await failing.read(), 'hello')
})

t.test('bytes that come only once go on to the next store when the first one fails', async (t) => {
  const uri = 'http://mirror.example/image'
  const wanted = { method: 'web-download' as const, uri, allMustSucceed: false, stores: ['fast', 'big'] }
  for (const takesBytes of [0, 3]) {
    const node = nodeOf(t)
    const seen: object[] = []
    node.registers.afterExecute = (name) => {
      if (name === 'image.activate-import') seen.push({ ...node.image() })
    }
    node.fast.fail()
    node.fast.takesBytes = takesBytes
    await node.imported({ ...wanted, stores: ['fast', 'big'] })
    t.match(node.image(), {
      ...{ status: 'active', upload: null, size: 5, checksum: MD5, hashValue: SHA512, data: null },
      ...{ locations: [{ store: 'big' }], discarded: [{ store: 'fast' }] },
      properties: { os_glance_failed_import: 'fast', os_glance_importing_to_stores: '' },
    })
    t.equal(node.image()?.locations?.length, 1)
    t.match(node.task(), { status: 'success', message: 'Copied 0 MiB' })
    t.match(seen, [{ upload: null }], 'it was the last store')
    node.fast.failure = null
    t.equal(await node.read(), 'hello')
    t.equal(node.web.asked, 1)
    t.equal(node.released.length, 1, 'what the cluster had of it on the way is nobody’s')
    t.strictSame(node.cluster.held, [])
  }
})

t.test('where they reach none, the import has failed, and may be tried again', async (t) => {
  const uri = 'http://mirror.example/image'
  const wanted = { method: 'web-download' as const, uri, allMustSucceed: false, stores: ['fast', 'big'] }
  const node = nodeOf(t)
  node.fast.fail()
  node.big.fail()
  await node.imported(wanted)
  t.match(node.task(), { status: 'failure', message: /The store big does not answer/ })
  t.match(node.image(), {
    ...{ status: 'queued', upload: null, size: null, data: null },
    properties: { os_glance_failed_import: 'big,fast' },
  })
  t.notOk(node.image()?.locations)
  t.equal(node.released.length, 1)
  node.big.failure = null
  await node.imported(wanted)
  t.match(node.image(), { status: 'active', locations: [{ store: 'big' }] })
})

t.test('a copy goes on to the next store when the first one fails', async (t) => {
  const wanted = { method: 'copy-image' as const, allMustSucceed: false }
  const node = nodeOf(t)
  await node.upload()
  node.fast.fail()
  node.fast.takesBytes = 3
  await node.imported({ ...wanted, stores: ['fast', 'big'] }, admin)
  t.match(node.task(), { status: 'success' })
  t.match(node.image(), {
    ...{ status: 'active', upload: null, discarded: [{ store: 'fast' }] },
    locations: [{ url: `serac://${ID}` }, { store: 'big' }],
    properties: { os_glance_failed_import: 'fast' },
  })
  const full = nodeOf(t)
  await full.upload('fast')
  full.cluster.failure = new ImageError('TOO_LARGE', 'the image store is full')
  await full.imported({ ...wanted, stores: ['big', 'main'] }, admin)
  t.match(full.task(), { status: 'success' })
  t.match(full.image(), {
    ...{ status: 'active', data: null, locations: [{ store: 'fast' }, { store: 'big' }] },
    properties: { os_glance_failed_import: 'main' },
  })
  t.equal(await full.read(['big']), 'hello')
  const nowhere = nodeOf(t)
  await nowhere.upload()
  nowhere.fast.fail()
  nowhere.big.fail()
  await nowhere.imported({ ...wanted, stores: ['fast', 'big'] }, admin)
  t.match(nowhere.task(), { status: 'failure' })
  t.match(nowhere.image(), { status: 'active', properties: { os_glance_failed_import: 'big,fast' } })
  t.equal(nowhere.image()?.locations?.length ?? 0, 0)
})

t.test('while back ends may not be used, nothing is claimed', async (t) => {
  const node = nodeOf(t)
  node.gate.require = () => Promise.reject(new ImageError('UNAVAILABLE', 'These do not: c.'))
  await t.rejects(node.upload('fast'), { code: 'UNAVAILABLE', message: /These do not/ })
  t.match(node.image(), { status: 'queued', upload: null })
  await node.stage()
  await t.rejects(node.imported({ stores: ['fast'] }), { code: 'UNAVAILABLE' })
  t.match(node.image(), { status: 'uploading', upload: null, staged: {} })
  await node.imported({ stores: ['main'] })
  t.equal(node.image()?.status, 'active')
})
