import t from 'tap'
import { ClusterError } from '../../../cluster/errors.ts'
import type { ImportRequest } from '../../../node/imports/import-requests.ts'
import { OutboundError } from '../../../node/outbound/outbound-http.ts'
import { deferred } from '../../helpers/deferred.ts'
import { settled } from '../../helpers/manual-clock.ts'
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
import { HELLO, URL, copy, direct, download, located, nodeOf, piecesOf } from './import-fixture.ts'

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
