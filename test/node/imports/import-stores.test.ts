/** Uploads, imports and copies to back ends: one node, with a cluster and back ends in memory. */
import t, { type Test } from 'tap'
import { createHash } from 'node:crypto'
import { createIdentity } from '../../../cluster/network/identity.ts'
import { silentLog, systemRandom } from '../../../cluster/runtime.ts'
import type { OpenImage } from '../../../node/data/open-image.ts'
import { OutsideBytes } from '../../../node/data/outside-bytes.ts'
import type { StoredImage } from '../../../node/data/upload-session.ts'
import { ImageOpener } from '../../../node/images/image-opener.ts'
import { ImageUploader } from '../../../node/images/image-uploader.ts'
import { ProjectQuotas } from '../../../node/images/project-quotas.ts'
import { StoreList } from '../../../node/images/store-list.ts'
import type { ImportRequest } from '../../../node/imports/import-requests.ts'
import { ImportPlugins } from '../../../node/imports/import-plugins.ts'
import { ImportRunner } from '../../../node/imports/import-runner.ts'
import { ImportService } from '../../../node/imports/import-service.ts'
import { ImportSource } from '../../../node/imports/import-source.ts'
import { StoreCopier } from '../../../node/imports/store-copier.ts'
import { TaskKeeper } from '../../../node/tasks/task-keeper.ts'
import { defaultPolicy } from '../../helpers/default-policy.ts'
import { ManualClock, settled } from '../../helpers/manual-clock.ts'
import { memoryBackends } from '../../helpers/memory-backends.ts'
import { admin, grantOf, ID, imageOf, owner } from '../images/image-fixture.ts'
import { MemoryRegisters } from '../images/memory-registers.ts'

const HELLO = Buffer.from('hello')
const [MD5, SHA512] = ['md5', 'sha512'].map((name) => createHash(name).update(HELLO).digest('hex')) as [
  string,
  string,
]
const FORMATS = { requireImageFormatMatch: true, vmdkAllowedTypes: [], gptSafetyChecksNonfatal: [] }
const direct: ImportRequest = {
  ...{ method: 'glance-direct', uri: null, remote: null, stores: null },
  ...{ allStores: false, allMustSucceed: true, body: {} },
}

async function* piecesOf(bytes: Buffer) {
  for (let at = 0; at < bytes.length; at += 2) yield bytes.subarray(at, at + 2)
}

function nodeOf(t: Test, { defaultStore = 'main' } = {}) {
  const registers = new MemoryRegisters()
  const identity = createIdentity(systemRandom)
  const clock = new ManualClock()
  const base = { identity, clock, random: systemRandom, log: silentLog, registers: registers.images }
  const { each, backends, backendWriter } = memoryBackends('fast', 'big')
  const kept = new Map<string, Buffer>()
  const released: string[] = []
  const writer = {
    write: async ({ upload }: { upload: string }, body: AsyncIterable<Uint8Array>): Promise<StoredImage> => {
      const pieces: Uint8Array[] = []
      for await (const piece of body) pieces.push(piece)
      const root = Buffer.from(upload).toString('hex').slice(0, 64)
      kept.set(root, Buffer.concat(pieces))
      const held = { holders: [identity.id], pinnedAt: [identity.id] }
      return {
        root,
        sizeBytes: kept.get(root)!.length,
        chunkSizeBytes: 1024,
        md5: MD5,
        multihash: SHA512,
        ...held,
      }
    },
    unpin: async (upload: string) => void released.push(upload),
  }
  const imageIn = (bytes: Buffer): OpenImage => ({
    sizeBytes: bytes.length,
    read: async function* (start, end) {
      yield { bytes: bytes.subarray(start, end + 1), release: () => {} }
    },
  })
  const backendOptions = ['fast', 'big'].map((id, at) => ({
    ...{ id, type: 'file' as const, weight: at, description: null, properties: {} },
  }))
  const stores = new StoreList({
    clusterId: 'main',
    isHttpOn: false,
    backends: backendOptions,
    defaultId: defaultStore,
  })
  const outbound = { check() {}, send: () => Promise.reject(new Error('nobody asks for that')) }
  const outside = new OutsideBytes(
    { outbound, backends, clock, log: silentLog },
    { sizeBytesMax: 1000, retries: 0 },
  )
  const reader = {
    open: async ({ root }: { root: string }) => {
      const image = imageIn(kept.get(root)!)
      return {
        ...image,
        readFrom: (other: OpenImage, ...range: Parameters<OpenImage['read']>) => other.read(...range),
      }
    },
  }
  const current = async (id: string) => registers.record(id) ?? null
  const opener = new ImageOpener({ log: silentLog, reader, outside, stores, holdsWhole: () => true, current })
  const uploader = new ImageUploader(
    { ...base, writer, holder: { noteHeld: async () => {} }, backends, backendWriter },
    { sizeBytesMax: 1000, copies: { copies: 3, rules: [] }, formats: FORMATS, defaultStore },
  )
  const tasks = new TaskKeeper(
    { ...base, registers: registers.taskRegisters, index: registers.tasks },
    { keepMs: 3_600_000 },
  )
  const never = () => Promise.reject(new Error('nobody asks for that'))
  const remote = { describe: never, read: () => piecesOf(HELLO) }
  const source = new ImportSource({ outbound, opener, remote }, { sizeBytesMax: 1000 })
  const plugins = new ImportPlugins(
    { scratch: { folder: never }, converter: { convert: () => piecesOf(HELLO) } },
    { plugins: [], outputFormat: 'raw', inject: {}, ignoreUserRoles: [] },
  )
  const copier = new StoreCopier({ log: silentLog, opener, backends, backendWriter })
  const runner = new ImportRunner(
    { ...base, uploader, tasks, source, plugins, copier },
    { sizeBytesMax: 1000 },
  )
  const projectQuotas = new ProjectQuotas(
    { registers: registers.images, index: registers.index, limits: null },
    { storageQuotaBytes: 0 },
  )
  const legacy = { create: never }
  const service = new ImportService(
    { ...base, policy: defaultPolicy, uploader, projectQuotas, outbound, stores, runner, tasks, legacy },
    { methods: ['glance-direct', 'copy-image'] },
  )
  t.teardown(() => Promise.all([uploader.stop(), runner.stop()]))
  registers.put(imageOf({ diskFormat: 'raw' }))
  const read = async (preferred: string[] = []) => {
    const image = await opener.open(registers.record(ID)!, { preferred })
    const pieces: Uint8Array[] = []
    for await (const { bytes } of image!.read(0, image!.sizeBytes - 1, new AbortController().signal))
      pieces.push(bytes)
    return Buffer.concat(pieces).toString()
  }
  const upload = (store?: string) =>
    uploader.upload({
      ...{ id: ID, grant: grantOf(owner), body: piecesOf(HELLO), declaredSizeBytes: 5, roomBytes: null },
      ...(store !== undefined && { terms: { store } }),
    })
  const stage = () => service.stage(owner, ID, piecesOf(HELLO), 5)
  const imported = async (request: Partial<ImportRequest>, by = owner) => {
    await service.import(by, ID, { ...direct, ...request })
    for (let turns = 0; turns < 20; turns++) await settled()
  }
  const objectsIn = (store: string) => [...each.get(store)!.objects.values()].map(String)
  const [fast, big] = [each.get('fast')!, each.get('big')!]
  const image = () => registers.record(ID)
  const task = () => registers.tasks.ofImage(ID).at(-1)
  return {
    registers,
    service,
    upload,
    stage,
    imported,
    image,
    task,
    read,
    objectsIn,
    fast,
    big,
    kept,
    released,
  }
}

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
  const { upload, imported, image, service, objectsIn, read, fast } = nodeOf(t)
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
