import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { ClusterError } from '../../../cluster/errors.ts'
import { createIdentity } from '../../../cluster/network/identity.ts'
import { silentLog, systemRandom } from '../../../cluster/runtime.ts'
import { IMPORT_METHODS, type ImportMethod } from '../../../node/config/import-options.ts'
import type { KeptImage } from '../../../node/data/open-image.ts'
import type { StoredImage } from '../../../node/data/upload-session.ts'
import { ImageError } from '../../../node/errors.ts'
import { DISK_FORMATS, type ImageRecord } from '../../../node/images/image-record.ts'
import { ImageGuard } from '../../../node/images/image-guard.ts'
import type { Caller, ImageDraft } from '../../../node/images/image-requests.ts'
import { ImageUploader } from '../../../node/images/image-uploader.ts'
import { ProjectQuotas } from '../../../node/images/project-quotas.ts'
import { StoreList } from '../../../node/images/store-list.ts'
import type { ImportRequest } from '../../../node/imports/import-requests.ts'
import { ImportPlugins, type ImportPluginsOptions } from '../../../node/imports/import-plugins.ts'
import { ImportRunner } from '../../../node/imports/import-runner.ts'
import { ImportService } from '../../../node/imports/import-service.ts'
import { ImportSource } from '../../../node/imports/import-source.ts'
import { LegacyImporter } from '../../../node/imports/legacy-import.ts'
import { RemoteGlance } from '../../../node/imports/remote-glance.ts'
import { ScratchSpace } from '../../../node/imports/scratch-space.ts'
import { StoreCopier } from '../../../node/imports/store-copier.ts'
import { OutboundError, type OutboundRequest } from '../../../node/outbound/outbound-http.ts'
import { TaskKeeper, TASKS_PER_USER_MAX } from '../../../node/tasks/task-keeper.ts'
import type { TaskRecord } from '../../../node/tasks/task-record.ts'
import { defaultPolicy } from '../../helpers/default-policy.ts'
import { deferred } from '../../helpers/deferred.ts'
import { noBackends } from '../../helpers/memory-backends.ts'
import { ManualClock, settled } from '../../helpers/manual-clock.ts'
import {
  activeImage,
  admin,
  data,
  grantOf,
  ID,
  imageOf,
  owner,
  reader,
  ROOT,
  stranger,
} from '../images/image-fixture.ts'
import { MemoryRegisters } from '../images/memory-registers.ts'

const URL = 'http://mirror.example/image?signature=secret'
const HELLO = Buffer.from('hello')
const FORMATS = { requireImageFormatMatch: true, vmdkAllowedTypes: [], gptSafetyChecksNonfatal: [] }

const direct: ImportRequest = {
  method: 'glance-direct',
  uri: null,
  remote: null,
  stores: null,
  allStores: false,
  allMustSucceed: true,
  body: {},
}
const download: ImportRequest = { ...direct, method: 'web-download', uri: URL }
const copy: ImportRequest = { ...direct, method: 'copy-image' }

async function* piecesOf(...pieces: Buffer[]) {
  yield* pieces
}

interface NodeOptions {
  quotaBytes?: number
  methods?: readonly ImportMethod[]
  plugins?: Partial<ImportPluginsOptions>
}

const offered: readonly ImportMethod[] = IMPORT_METHODS

/** One node, with a writer that keeps bytes in memory and a server that says what a test wants. */
function nodeOf(t: Test, { quotaBytes = 0, methods = offered, plugins: options }: NodeOptions = {}) {
  const registers = new MemoryRegisters()
  const identity = createIdentity(systemRandom)
  const clock = new ManualClock()
  const base = { identity, clock, random: systemRandom, log: silentLog }
  const state = {
    answer: async (_request: OutboundRequest) => ({
      status: 200,
      body: piecesOf(HELLO) as AsyncIterable<Uint8Array>,
    }),
    written: [] as Buffer[],
    closed: 0,
  }
  const writer = {
    write: async (
      { sizeBytesMax }: { sizeBytesMax: number },
      body: AsyncIterable<Uint8Array>,
    ): Promise<StoredImage> => {
      const pieces: Uint8Array[] = []
      for await (const piece of body) pieces.push(piece)
      const bytes = Buffer.concat(pieces)
      if (bytes.length > sizeBytesMax) throw new ImageError('TOO_LARGE', 'the image is too large')
      state.written.push(bytes)
      const held = { holders: [identity.id], pinnedAt: [identity.id] }
      return {
        root: ROOT,
        sizeBytes: bytes.length,
        chunkSizeBytes: 1024,
        md5: 'm5',
        multihash: 's5',
        ...held,
      }
    },
    unpin: () => Promise.resolve(),
  }
  const none = noBackends()
  const uploader = new ImageUploader(
    { ...base, registers: registers.images, writer, holder: { noteHeld: () => Promise.resolve() }, ...none },
    { sizeBytesMax: 1000, copies: { copies: 3, rules: [] }, formats: FORMATS, defaultStore: 'main' },
  )
  const keeper = new TaskKeeper(
    { ...base, registers: registers.taskRegisters, index: registers.tasks },
    { keepMs: 3_600_000 },
  )
  const outbound = {
    check: (url: string) => {
      if (!url.startsWith('http')) throw new OutboundError('OUTBOUND_REFUSED', 'This is no URL.')
    },
    send: async (request: OutboundRequest) => ({
      headers: {},
      lengthBytes: null,
      close: async () => void state.closed++,
      ...(await state.answer(request)),
    }),
  }
  const staged = () => state.written.at(-1) ?? HELLO
  const opener = {
    open: async (image: ImageRecord) =>
      image.staged ? keptImage(staged()) : { sizeBytes: 5, read: () => leases(HELLO) },
  }
  const remote = new RemoteGlance(
    { outbound },
    {
      extraProperties: ['hw_', 'os_'],
      diskFormats: DISK_FORMATS,
      containerFormats: ['bare'],
      sizeBytesMax: 1000,
    },
  )
  const source = new ImportSource({ outbound, opener, remote }, { sizeBytesMax: 1000 })
  const directory = t.testdir()
  const scratch = new ScratchSpace(
    { probe: async () => ({ freeBytes: 1024 ** 3, totalBytes: 1024 ** 3 }) },
    { directory: join(directory, 'scratch'), bytesMax: 10_000, freeBytesMin: 0 },
  )
  const converter = { convert: (body: AsyncIterable<Uint8Array>) => suffixed(body) }
  const plugins = new ImportPlugins(
    { scratch, converter },
    { plugins: [], outputFormat: 'raw', inject: {}, ignoreUserRoles: ['admin'], ...options },
  )
  const copier = new StoreCopier({ ...none, log: silentLog, opener })
  const runner = new ImportRunner(
    { ...base, registers: registers.images, uploader, tasks: keeper, source, plugins, copier },
    { sizeBytesMax: 1000 },
  )
  const quotas = new ProjectQuotas(
    { registers: registers.images, index: registers.index, limits: null },
    { storageQuotaBytes: quotaBytes },
  )
  const guard = new ImageGuard({ policy: defaultPolicy, read: (id) => registers.images.read(id) })
  const images = {
    create: async (_caller: Caller, draft: ImageDraft) => {
      if (draft.name === 'refused') throw new ImageError('FORBIDDEN', 'You may not.')
      const { name = null, diskFormat = null, containerFormat = null, id = '' } = draft
      const record = imageOf({ id, name, diskFormat, containerFormat })
      registers.put(record)
      return record
    },
    remove: async (_caller: Caller, id: string) => {
      registers.put(imageOf({ id, status: 'deleted' }), { live: false })
    },
  }
  const legacy = new LegacyImporter({
    random: systemRandom,
    images,
    guard,
    projectQuotas: quotas,
    stores: new StoreList({ clusterId: 'main', isHttpOn: true }),
    runner,
    tasks: keeper,
  })
  const service = new ImportService(
    {
      clock,
      policy: defaultPolicy,
      registers: registers.images,
      uploader,
      projectQuotas: quotas,
      outbound,
      stores: new StoreList({ clusterId: 'main', isHttpOn: true }),
      runner,
      tasks: keeper,
      legacy,
    },
    { methods },
  )
  t.teardown(() => Promise.all([uploader.stop(), runner.stop()]))
  const image = () => registers.record(ID)
  const tasks = (): TaskRecord[] => registers.tasks.ofImage(ID)
  const stage = (bytes: Buffer, by = owner) => service.stage(by, ID, piecesOf(bytes), bytes.length)
  return { registers, service, runner, uploader, state, clock, image, tasks, stage }
}

/** Real streams take turns that no fake clock knows. */
async function eventually(isTrue: () => boolean) {
  for (let turns = 0; turns < 1000 && !isTrue(); turns++) await new Promise(setImmediate)
}

/** Reads that have not ended. */
const lent = { count: 0 }

/** As if it had been converted. */
async function* suffixed(body: AsyncIterable<Uint8Array>) {
  yield* body
  yield Buffer.from('!')
}

function keptImage(bytes: Buffer): KeptImage {
  const read = () => leases(bytes)
  return { sizeBytes: bytes.length, read, readFrom: read }
}

async function* leases(bytes: Buffer) {
  lent.count++
  try {
    yield { bytes, release() {} }
  } finally {
    lent.count--
  }
}

const located = (fields: Partial<ImageRecord> = {}) =>
  activeImage({ data: null, locations: [{ url: URL, metadata: {} }], ...fields })

t.test('what was staged is imported without another look at the bytes', async (t) => {
  const { registers, service, state, image, tasks, stage } = nodeOf(t)
  registers.put(imageOf({ diskFormat: 'raw' }))
  await stage(HELLO)
  t.match(image(), { status: 'uploading', size: 5, virtualSize: null, data: null })
  await service.import(owner, ID, direct)
  await settled()
  t.match(image(), { status: 'active', size: 5, virtualSize: 5, checksum: 'm5', data: { root: ROOT } })
  t.equal(state.written.length, 1)
  t.match(tasks(), [
    {
      type: 'api_image_import',
      status: 'success',
      owner: owner.projectId,
      requestId: owner.requestId,
      input: { image_id: ID, import_req: { method: { name: 'glance-direct' } }, backend: ['main'] },
      result: { image_id: ID },
      message: 'Copied 0 MiB',
    },
  ])
})

t.test(
  'bytes that are not what the image says are staged, and fail their import with the reason',
  async (t) => {
    const { registers, service, image, tasks, stage } = nodeOf(t)
    registers.put(imageOf({ diskFormat: 'qcow2' }))
    await stage(HELLO)
    t.equal(image()?.status, 'uploading')
    await service.import(owner, ID, direct)
    await settled()
    t.match(image(), { status: 'queued', size: null, properties: { os_glance_failed_import: 'main' } })
    t.match(tasks(), [{ status: 'failure', result: null, message: /qcow2/ }])
  },
)

t.test('a stage that fails gives the image back', async (t) => {
  const { registers, image, stage } = nodeOf(t)
  registers.put(imageOf())
  await t.rejects(stage(Buffer.alloc(1001)), { code: 'TOO_LARGE' })
  t.match(image(), { status: 'queued', upload: null })
  await t.rejects(stage(HELLO, reader), { code: 'FORBIDDEN' })
  await t.rejects(stage(HELLO, stranger), { code: 'NOT_FOUND' })
  const closed = nodeOf(t, { methods: ['web-download'] })
  await t.rejects(closed.stage(HELLO), { code: 'NOT_FOUND' })
  await t.rejects(closed.service.import(owner, ID, direct), { code: 'INVALID' })
})

t.test('a download is a task under way when the caller is answered', async (t) => {
  const { registers, service, runner, state, image, tasks } = nodeOf(t)
  registers.put(imageOf({ diskFormat: 'raw' }))
  const answered = deferred()
  state.answer = async () => {
    await answered.promise
    return { status: 200, body: piecesOf(HELLO) }
  }
  await service.import(owner, ID, download)
  const claim = image()?.upload?.uploadId ?? ''
  t.ok(runner.isRunning(claim))
  t.match(image(), { status: 'importing', properties: { os_glance_importing_to_stores: 'main' } })
  await settled()
  t.match(tasks(), [{ status: 'processing', bytes: claim }])
  t.notMatch(JSON.stringify(tasks()), 'secret')
  await t.rejects(service.import(owner, ID, download), { code: 'CONFLICT' })
  t.equal(tasks().length, 1, 'what was refused is no task')
  answered.resolve()
  await settled()
  t.match(image(), { status: 'active', size: 5, data: { uploadId: claim } })
  t.match(tasks(), [{ status: 'success' }])
  t.equal(state.closed, 1)
  t.notOk(runner.isRunning(claim))
})

t.test('how a download fails, its task says', async (t) => {
  const refused = new OutboundError('OUTBOUND_REFUSED', 'Nothing is fetched from the address 127.0.0.1.')
  const cases: [string, () => ReturnType<ReturnType<typeof nodeOf>['state']['answer']>, RegExp][] = [
    ['refused', () => Promise.reject(refused), /address 127/],
    ['not there', async () => ({ status: 404, body: piecesOf() }), /status 404/],
    ['too large', async () => ({ status: 200, body: piecesOf(Buffer.alloc(1001)) }), /too large/],
    ['anything else', () => Promise.reject(new TypeError('inside')), /unexpected error/],
  ]
  for (const [name, answer, message] of cases) {
    const { registers, service, state, image, tasks } = nodeOf(t)
    registers.put(imageOf({ diskFormat: 'raw' }))
    state.answer = answer
    await service.import(owner, ID, download)
    await settled()
    await settled()
    t.match(
      image(),
      { status: 'queued', upload: null, properties: { os_glance_failed_import: 'main' } },
      name,
    )
    t.match(tasks(), [{ status: 'failure', message }], name)
    t.notMatch(JSON.stringify(tasks()), /secret|inside/)
    state.answer = async () => ({ status: 200, body: piecesOf(HELLO) })
    await service.import(owner, ID, download)
    await settled()
    t.equal(image()?.status, 'active', 'and it may be tried again')
  }
})

t.test('long downloads tell how far they are', async (t) => {
  const { registers, service, state, clock, tasks } = nodeOf(t)
  registers.put(imageOf({ diskFormat: 'raw' }))
  const more = deferred()
  state.answer = async () => ({
    status: 200,
    body: (async function* () {
      yield HELLO
      await more.promise
      yield HELLO
    })(),
  })
  await service.import(owner, ID, download)
  await settled()
  t.equal(tasks()[0]?.message, '')
  await clock.advance(6000)
  more.resolve()
  await settled()
  t.ok(registers.calls.includes('task.note'))
})

t.test('what may not be asked for is no task', async (t) => {
  const { registers, service, tasks } = nodeOf(t, { quotaBytes: 3 })
  registers.put(imageOf({ diskFormat: 'raw' }))
  const refusals: [ImportRequest, string, typeof owner?][] = [
    [{ ...download, method: 'somehow' }, 'INVALID'],
    [{ ...download, uri: null }, 'INVALID'],
    [{ ...download, uri: 'file:///etc/passwd' }, 'INVALID'],
    [{ ...download, stores: ['nowhere'] }, 'CONFLICT'],
    [{ ...download, stores: ['http'] }, 'CONFLICT'],
    [direct, 'CONFLICT'],
    [copy, 'FORBIDDEN'],
    [download, 'FORBIDDEN', reader],
    [download, 'NOT_FOUND', stranger],
  ]
  for (const [request, code, by = owner] of refusals)
    await t.rejects(service.import(by, ID, request), { code }, `${request.method} ${code}`)
  registers.put(located())
  await t.rejects(service.import(admin, ID, copy), { code: 'TOO_LARGE' })
  t.strictSame(tasks(), [])
  t.notOk(registers.calls.includes('task.create'))
})

t.test('an import that loses the race for its image leaves no task behind', async (t) => {
  const { registers, service, tasks } = nodeOf(t)
  registers.put(imageOf({ diskFormat: 'raw' }))
  registers.beforeExecute = (name) => {
    if (name === 'image.begin-import') registers.put(activeImage())
  }
  await t.rejects(service.import(owner, ID, download), { code: 'CONFLICT' })
  await settled()
  t.strictSame(tasks(), [])
})

t.test('what lies elsewhere is copied into the cluster, once', async (t) => {
  const { registers, service, state, image, tasks } = nodeOf(t)
  registers.put(located())
  await service.import(admin, ID, copy)
  await settled()
  t.strictSame(state.written, [HELLO])
  t.match(image(), { status: 'active', data: { root: ROOT }, checksum: 'c5' })
  t.match(tasks(), [{ status: 'success' }])
  await t.rejects(service.import(admin, ID, copy), {
    code: 'INVALID',
    message: "Image is already present at store 'main'",
  })
  await service.import(admin, ID, { ...copy, allStores: true })
  t.equal(tasks().length, 1, 'there was nothing to copy')
})

t.test('an image is taken out of one store, never out of the last', async (t) => {
  const { registers, service, image } = nodeOf(t)
  registers.put(activeImage())
  const remove = (store: string, by = admin) => service.removeFromStore(by, ID, store)
  await t.rejects(remove('main', owner), { code: 'FORBIDDEN' })
  await t.rejects(remove('nowhere'), { code: 'CONFLICT' })
  await t.rejects(remove('main'), { code: 'FORBIDDEN', message: /only store/ })
  registers.put(
    activeImage({
      locations: [
        { url: `serac://${ID}`, metadata: {} },
        { url: URL, metadata: {} },
      ],
    }),
  )
  await remove('main')
  t.match(image(), { data: null, locations: [{ url: URL }] })
  await t.rejects(remove('main'), { code: 'FORBIDDEN', message: /only store/ })
})

t.test('when it is not known whether the image has its bytes, the task is left open', async (t) => {
  const { registers, service, image, tasks } = nodeOf(t)
  registers.put(imageOf({ diskFormat: 'raw' }))
  registers.afterExecute = (name) => {
    if (name === 'image.finish-import') throw new ClusterError('OUTCOME_UNKNOWN', 'who knows')
  }
  await service.import(owner, ID, download)
  await settled()
  t.match(image(), { status: 'active', data: { root: data.root } })
  t.match(tasks(), [{ status: 'processing' }])
})

t.test('nothing is fetched any more for an image that was deleted', async (t) => {
  const { registers, service, runner, state, tasks } = nodeOf(t)
  registers.put(imageOf({ diskFormat: 'raw' }))
  const ended = deferred()
  state.answer = (request) =>
    new Promise((_resolve, reject) => {
      request.signal.addEventListener('abort', () => {
        ended.resolve()
        reject(request.signal.reason as Error)
      })
    })
  await service.import(owner, ID, download)
  await settled()
  registers.put(imageOf({ status: 'deleted' }), { live: false })
  runner.noteDeleted(ID)
  await ended.promise
  await settled()
  t.match(tasks(), [{ status: 'failure', message: /deleted/ }])
})

t.test('formats stay what they were while bytes come', async (t) => {
  const { registers, service, state } = nodeOf(t)
  registers.put(imageOf({ diskFormat: 'raw' }))
  const more = deferred()
  state.answer = async () => {
    await more.promise
    return { status: 200, body: piecesOf(HELLO) }
  }
  await service.import(owner, ID, download)
  const change = { kind: 'set', field: 'diskFormat', value: 'qcow2' } as const
  const patched = registers.images.apply(ID, 'image.patch', {
    grant: grantOf(owner),
    changes: [change],
    quotas: { properties: 9, tags: 9 },
    now: '2026-01-01T00:00:00Z',
  })
  await t.rejects(patched, { code: 'FORBIDDEN' })
  more.resolve()
})

t.test('imported images are given properties, but for callers with a role that needs none', async (t) => {
  const plugins = {
    plugins: ['inject_image_metadata'] as const,
    inject: { hw_origin: 'import', os_glance_import_task: 'x' },
    ignoreUserRoles: ['admin'],
  }
  const { registers, service, image, state, stage } = nodeOf(t, { plugins })
  registers.put(imageOf({ diskFormat: 'raw', properties: { own: '1' } }))
  await stage(HELLO)
  await service.import(owner, ID, direct)
  await settled()
  const properties = { own: '1', os_glance_importing_to_stores: '', os_glance_failed_import: '' }
  t.strictSame(image()?.properties, { ...properties, hw_origin: 'import' })
  t.equal(state.written.length, 1, 'the bytes stay where they are')
  registers.put(imageOf({ diskFormat: 'raw' }))
  await service.import(owner, ID, download)
  await settled()
  t.match(image(), { status: 'active', properties: { hw_origin: 'import' } })
  registers.put(imageOf({ diskFormat: 'raw' }))
  await service.import(admin, ID, download)
  await settled()
  t.notOk('hw_origin' in (image()?.properties ?? {}))
})

t.test('what comes packed is unpacked, staged or not, and what is not is left as it is', async (t) => {
  const { registers, service, state, image, stage, tasks } = nodeOf(t, {
    plugins: { plugins: ['image_decompression'] },
  })
  registers.put(imageOf({ diskFormat: 'raw' }))
  await stage(gzipSync(HELLO))
  await service.import(owner, ID, direct)
  await eventually(() => image()?.status === 'active')
  t.match(state.written, [gzipSync(HELLO), HELLO])
  t.match(image(), { status: 'active', size: 5, virtualSize: 5 })
  t.notOk('staged' in (image() ?? {}))
  t.match(tasks(), [{ status: 'success', bytes: image()?.data?.uploadId }])

  registers.put(imageOf({ diskFormat: 'raw' }))
  await stage(HELLO)
  await service.import(owner, ID, direct)
  await settled()
  t.equal(image()?.status, 'active')
  t.equal(state.written.length, 3, 'no byte was moved')
  t.equal(lent.count, 0, 'and the look at the first ones has ended')

  registers.put(imageOf({ diskFormat: 'raw', containerFormat: 'compressed' }))
  state.answer = async () => ({ status: 200, body: piecesOf(gzipSync(HELLO)) })
  await service.import(owner, ID, download)
  await eventually(() => image()?.status === 'active')
  t.match(state.written.at(-1), gzipSync(HELLO))
})

t.test('what is damaged in its packing fails the import; what cannot be had now waits on', async (t) => {
  const { registers, service, image, stage, tasks } = nodeOf(t, {
    plugins: { plugins: ['image_decompression'] },
  })
  registers.put(imageOf({ diskFormat: 'raw' }))
  await stage(gzipSync(HELLO).subarray(0, 12))
  await service.import(owner, ID, direct)
  await eventually(() => image()?.status !== 'importing')
  t.match(image(), { status: 'queued', size: null })
  t.match(tasks(), [{ status: 'failure', message: /gzip data is damaged/ }])

  const bomb = gzipSync(Buffer.alloc(2000))
  registers.put(imageOf({ diskFormat: 'raw' }))
  await stage(bomb)
  await service.import(owner, ID, direct)
  await eventually(() => image()?.status !== 'importing')
  t.match(image(), { status: 'queued' }, 'it grows beyond what an image may have')

  const away = nodeOf(t, { plugins: { plugins: ['image_decompression'] } })
  away.registers.put(imageOf({ diskFormat: 'raw' }))
  await away.stage(gzipSync(HELLO))
  away.registers.beforeExecute = (name) => {
    if (name === 'image.finish-import') throw new ClusterError('NO_QUORUM', 'nobody')
  }
  await away.service.import(owner, ID, direct)
  await eventually(() => away.image()?.status !== 'importing')
  t.match(away.image(), { status: 'uploading', staged: { sizeBytes: gzipSync(HELLO).length } })
})

t.test('an image that is converted is of the other format afterwards', async (t) => {
  const { registers, service, state, image } = nodeOf(t, {
    plugins: { plugins: ['image_conversion'], outputFormat: 'raw' },
  })
  registers.put(imageOf({ diskFormat: 'qcow2', containerFormat: 'ovf' }))
  await service.import(owner, ID, download)
  await settled()
  t.match(state.written, [Buffer.from('hello!')])
  t.match(image(), { status: 'active', diskFormat: 'raw', containerFormat: 'bare', virtualSize: 6 })
  registers.put(imageOf({ diskFormat: 'raw' }))
  await service.import(owner, ID, download)
  await settled()
  t.match(state.written.at(-1), HELLO, 'one that is of that format already is not')
})

t.test(
  'an image comes from another region, with its formats and the properties that are wanted',
  async (t) => {
    const { registers, service, state, image, tasks } = nodeOf(t)
    const remote = {
      region: 'north',
      serviceInterface: 'public',
      endpoint: 'http://north.example:9292/v2/',
      imageId: '22222222-2222-4222-8222-222222222222',
      token: 'secret',
    }
    const fetched: ImportRequest = { ...direct, method: 'glance-download', remote }
    const description = {
      status: 'active',
      disk_format: 'raw',
      container_format: 'bare',
      size: 5,
      hw_disk_bus: 'scsi',
      os_hidden: 'x',
      other: 'y',
      os_glance_import_task: 'z',
    }
    const urls: string[] = []
    let said: object = description
    state.answer = async ({ url, headers }) => {
      urls.push(`${url} ${headers?.['x-auth-token']}`)
      const bytes = url.endsWith('/file') ? HELLO : Buffer.from(JSON.stringify(said))
      return { status: 200, body: piecesOf(bytes) }
    }
    registers.put(imageOf({ diskFormat: 'qcow2' }))
    await service.import(owner, ID, fetched)
    await settled()
    t.match(image(), {
      status: 'active',
      diskFormat: 'raw',
      size: 5,
      properties: {
        hw_disk_bus: 'scsi',
        os_hidden: undefined,
        other: undefined,
        os_glance_import_task: undefined,
      },
    })
    const base = `http://north.example:9292/v2/images/${remote.imageId}`
    t.strictSame(urls, [`${base} secret`, `${base}/file secret`])
    t.notMatch(JSON.stringify(tasks()), 'secret')
    t.match(tasks(), [{ input: { import_req: { method: { glance_region: 'north' } } } }])

    const failures: [object, RegExp, Partial<typeof remote>?][] = [
      [{ ...description, status: 'queued' }, /should be active/],
      [{ ...description, size: 6 }, /has sent 5 bytes/],
      [{ ...description, size: null }, /does not say how large/],
      [{ ...description, disk_format: 'strange' }, /formats/],
      [[], /something else than an image/],
      [description, /catalogue has no image service/, { endpoint: null } as never],
    ]
    for (const [answer, message, other] of failures) {
      said = answer
      registers.put(imageOf({ diskFormat: 'qcow2' }))
      await service.import(owner, ID, { ...fetched, remote: { ...remote, ...other } })
      await settled()
      t.match(image(), { status: 'queued', diskFormat: 'qcow2' }, String(message))
      t.match(tasks().at(-1), { status: 'failure', message })
    }
    await t.rejects(service.import(owner, ID, { ...fetched, remote: null }), { code: 'INVALID' })
  },
)

t.test('a task makes an image and fills it, or leaves none', async (t) => {
  const { registers, service, state } = nodeOf(t)
  const draft: ImageDraft = { name: 'x', diskFormat: 'raw', containerFormat: 'bare' }
  const order = { uri: URL, draft, problem: '', input: { import_from: URL } }
  const task = await service.importAsTask(owner, order)
  t.match(task, { type: 'import', status: 'pending', owner: owner.projectId })
  t.notMatch(JSON.stringify(task.input), 'secret')
  await settled()
  const { imageId } = task
  t.match(registers.record(imageId), { status: 'active', name: 'x', size: 5 })
  t.match(registers.tasks.get(task.id), { status: 'success', result: { image_id: imageId } })

  await t.rejects(service.importAsTask(owner, { ...order, uri: 'file:///etc/passwd' }), {
    code: 'INVALID',
    message: /legacy import task/,
  })
  const fails = async (other: Partial<typeof order> | { draft: null; problem: string }, message: RegExp) => {
    const failed = await service.importAsTask(owner, { ...order, ...other })
    await settled()
    t.match(registers.tasks.get(failed.id), { status: 'failure', message }, String(message))
    return registers.record(failed.imageId)
  }
  await fails({ draft: null, problem: "Input does not contain 'x' field" }, /does not contain/)
  await fails({ draft: { ...draft, name: 'refused' } }, /may not/)
  await fails({ draft: { name: 'x' } }, /needs to be set/)
  state.answer = async () => ({ status: 404, body: piecesOf() })
  t.match(await fails({}, /status 404/), { status: 'deleted' })
})

t.test('a user has so many tasks and no more; others have theirs', async (t) => {
  const { registers, service } = nodeOf(t)
  registers.put(imageOf({ diskFormat: 'raw' }))
  registers.tasks.countOf = (project) => (project === owner.projectId ? TASKS_PER_USER_MAX : 0)
  await t.rejects(service.import(owner, ID, download), { code: 'TOO_LARGE', message: /48|1 hours/ })
  const draft = { diskFormat: 'raw', containerFormat: 'bare' }
  await t.rejects(service.importAsTask(owner, { uri: URL, draft, problem: '', input: {} }), {
    code: 'TOO_LARGE',
  })
  await service.import(admin, ID, download)
})
