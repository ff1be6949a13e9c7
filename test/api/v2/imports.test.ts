import t from 'tap'
import { parseImportRequest } from '../../../api/v2/import-body.ts'
import { TrustedHeaders } from '../../../api/auth/trusted-headers.ts'
import { StoreList } from '../../../node/images/store-list.ts'
import type { TaskRecord } from '../../../node/tasks/task-record.ts'
import { testApi } from '../../helpers/api-server.ts'
import { activeImage, imageOf } from '../../node/images/image-fixture.ts'

const INVALID = { code: 'INVALID' }
const OCTETS = { 'content-type': 'application/octet-stream' }
const MEMBER = { 'x-identity-status': 'Confirmed', 'x-project-id': 'p1', 'x-roles': 'member,reader' }
const method = { name: 'glance-direct' }

const task: TaskRecord = {
  id: '11111111-2222-4333-8444-555555555555',
  type: 'api_image_import',
  status: 'success',
  owner: 'p1',
  userId: 'u1',
  imageId: '22222222-2222-4333-8444-555555555555',
  requestId: 'req-1',
  input: { image_id: 'x' },
  result: { image_id: 'x' },
  message: 'Copied 0 MiB',
  createdAt: '2026-01-01T12:00:00.123Z',
  updatedAt: '2026-01-01T12:00:01.000Z',
  expiresAt: '2026-01-03T12:00:01.000Z',
  worker: { node: 'a', startNonce: '0' },
  bytes: '00',
}

t.test('the body of an import', async (t) => {
  t.strictSame(parseImportRequest({ method }, undefined), {
    method: 'glance-direct',
    uri: null,
    remote: null,
    stores: null,
    allStores: false,
    allMustSucceed: true,
    body: {},
  })
  const uri = 'http://mirror.example/'
  const named = { method: { name: 'web-download', uri, more: 1 }, stores: ['a', 'b', 'a'], junk: 'x' }
  t.match(parseImportRequest(named, undefined), {
    uri,
    stores: ['a', 'b'],
    body: { stores: ['a', 'b', 'a'] },
  })
  t.match(parseImportRequest({ method, all_stores: true, all_stores_must_succeed: false }, undefined), {
    allStores: true,
    allMustSucceed: false,
  })
  t.strictSame(parseImportRequest({ method }, 'a').stores, ['a'])
})

t.test('bodies that are none', async (t) => {
  const bodies = [
    null,
    [],
    'x',
    {},
    { method: 'x' },
    { method: null },
    { method: {} },
    { method: { name: 1 } },
    { method: { ...method, uri: 5 } },
    { method: { ...method, uri: 'x'.repeat(2049) } },
    { method, all_stores: 'x' },
    { method, all_stores_must_succeed: 1 },
    { method, stores: 'a' },
    { method, stores: [1] },
    { method, stores: Array.from({ length: 65 }, String) },
    { method, stores: ['a'], all_stores: true },
  ]
  for (const body of bodies)
    t.throws(() => parseImportRequest(body, undefined), INVALID, JSON.stringify({ body }).slice(0, 60))
  t.throws(() => parseImportRequest({ method, stores: ['a'] }, 'a'), INVALID)
  t.throws(() => parseImportRequest({ method, all_stores: true }, 'a'), INVALID)
})

t.test('stage and import reach the service; what is offered is told with a new image', async (t) => {
  const { app, imports } = testApi(t)
  const created = await app.inject({ method: 'POST', url: '/v2/images', payload: { name: 'x' } })
  t.match(created.headers, {
    'openstack-image-import-methods': 'glance-direct,web-download',
    'openstack-image-store-ids': 'cluster,http',
  })
  const { id } = created.json<{ id: string }>()
  const stage = (headers: Record<string, string>) =>
    app.inject({ method: 'PUT', url: `/v2/images/${id}/stage`, headers, payload: 'hello' })
  t.equal((await stage({ 'content-type': 'text/plain' })).statusCode, 415)
  t.equal((await stage({ ...OCTETS, 'x-openstack-image-size': '6' })).statusCode, 400)
  t.equal((await stage(OCTETS)).statusCode, 204)
  t.match(imports.staged, [{ id, bytes: Buffer.from('hello'), declaredSizeBytes: 5 }])
  const answer = await app.inject({
    method: 'POST',
    url: `/v2/images/${id}/import`,
    headers: { 'x-image-meta-store': 'cluster' },
    payload: { method },
  })
  t.match(answer, { statusCode: 202, body: '' })
  t.match(imports.requests, [{ id, request: { method: 'glance-direct', stores: ['cluster'] } }])
  t.match((await app.inject('/v2/info/import')).json(), {
    'import-methods': { type: 'array', value: ['glance-direct', 'web-download'] },
  })
  imports.methods = []
  const without = await app.inject({ method: 'POST', url: '/v2/images', payload: {} })
  t.notOk('openstack-image-import-methods' in without.headers)
})

t.test('stores: told to all, in detail to few, and named by uploads and images', async (t) => {
  const { app, images, imports } = testApi(t, { components: { authenticator: new TrustedHeaders() } })
  const as = { ...MEMBER, accept: 'application/json' }
  const stores = [
    { id: 'cluster', default: 'true' },
    { id: 'http', 'read-only': 'true' },
  ]
  t.strictSame((await app.inject({ url: '/v2/info/stores', headers: as })).json(), { stores })
  t.equal((await app.inject({ url: '/v2/info/stores/detail', headers: as })).statusCode, 403)
  const detail = await app.inject({ url: '/v2/info/stores/detail', headers: { ...as, 'x-roles': 'service' } })
  t.match(detail.json(), { stores: [{ type: 'cluster', properties: {} }, { type: 'http' }] })
  const record = activeImage({ owner: 'p1' })
  images.images.set(record.id, { record, data: Buffer.from('hello') })
  const url = `/v2/images/${record.id}`
  t.equal((await app.inject({ url, headers: as })).json<{ stores: string }>().stores, 'cluster')
  for (const store of ['nowhere', 'http']) {
    const headers = { ...as, ...OCTETS, 'x-image-meta-store': store }
    const refused = await app.inject({ method: 'PUT', url: `${url}/file`, headers, payload: 'x' })
    t.equal(refused.statusCode, 400, store)
  }
  const removed = await app.inject({ method: 'DELETE', url: `/v2/stores/http/${record.id}`, headers: as })
  t.equal(removed.statusCode, 204)
  t.match(imports.removals, [{ id: record.id, store: 'http' }])
})

t.test('back ends: told with what is to be known of them, named by uploads and downloads', async (t) => {
  const backend = {
    id: 'fast',
    type: 'file' as const,
    weight: 7,
    description: 'near',
    properties: { data_dir: '/i' },
  }
  const stores = new StoreList({
    clusterId: 'cluster',
    isHttpOn: false,
    backends: [backend],
    defaultId: 'fast',
  })
  const { app, images } = testApi(t, { components: { stores } })
  const told = [{ id: 'cluster' }, { id: 'fast', description: 'near', default: 'true' }]
  t.strictSame((await app.inject('/v2/info/stores')).json(), { stores: told })
  t.strictSame((await app.inject('/v2/info/stores/detail')).json(), {
    stores: [
      { ...told[0], type: 'cluster', weight: 0, properties: {} },
      { ...told[1], type: 'file', weight: 7, properties: { data_dir: '/i' } },
    ],
  })
  const record = imageOf({ diskFormat: 'raw' })
  images.images.set(record.id, { record, data: null })
  const url = `/v2/images/${record.id}/file`
  const headers = { ...OCTETS, 'x-image-meta-store': 'fast' }
  t.equal((await app.inject({ method: 'PUT', url, headers, payload: 'hello' })).statusCode, 204)
  t.strictSame(images.namedStores, ['fast'])
  t.equal((await app.inject(`${url}?prefer=fast,cluster&prefer=fast`)).body, 'hello')
  t.equal((await app.inject(url)).body, 'hello')
  t.strictSame(images.preferences, [['fast', 'cluster'], []])
  t.equal((await app.inject(`${url}?prefer=fast,nowhere`)).statusCode, 400)
})

t.test('tasks: those of an image as Glance keeps them, all of them for administrators', async (t) => {
  const { app, images, registers } = testApi(t, { components: { authenticator: new TrustedHeaders() } })
  registers.putTask(task)
  images.images.set(task.imageId, {
    record: activeImage({ id: task.imageId, owner: 'p1' }),
    data: null,
  })
  const as = { ...MEMBER, accept: 'application/json' }
  const admin = { ...as, 'x-roles': 'admin' }
  t.strictSame((await app.inject({ url: `/v2/images/${task.imageId}/tasks`, headers: as })).json(), {
    tasks: [
      {
        id: task.id,
        type: 'api_image_import',
        status: 'success',
        owner: 'p1',
        expires_at: '2026-01-03T12:00:01.000000',
        created_at: '2026-01-01T12:00:00.123000',
        updated_at: '2026-01-01T12:00:01.000000',
        deleted_at: null,
        deleted: false,
        image_id: task.imageId,
        request_id: 'req-1',
        user_id: 'u1',
        input: { image_id: 'x' },
        result: { image_id: 'x' },
        message: 'Copied 0 MiB',
      },
    ],
  })
  for (const url of ['/v2/tasks', `/v2/tasks/${task.id}`])
    t.equal((await app.inject({ url, headers: as })).statusCode, 403)
  const stub = {
    id: task.id,
    type: 'api_image_import',
    status: 'success',
    owner: 'p1',
    created_at: '2026-01-01T12:00:00Z',
    updated_at: '2026-01-01T12:00:01Z',
    expires_at: '2026-01-03T12:00:01Z',
    self: `/v2/tasks/${task.id}`,
    schema: '/v2/schemas/task',
  }
  t.strictSame((await app.inject({ url: '/v2/tasks?limit=1&status=success', headers: admin })).json(), {
    tasks: [stub],
    first: '/v2/tasks?limit=1&status=success',
    next: `/v2/tasks?limit=1&status=success&marker=${task.id}`,
    schema: '/v2/schemas/tasks',
  })
  t.match((await app.inject({ url: `/v2/tasks/${task.id}`, headers: admin })).json(), {
    ...stub,
    input: { image_id: 'x' },
    image_id: task.imageId,
    request_id: 'req-1',
    user_id: 'u1',
  })
  for (const query of ['type=x', 'status=x', 'sort_key=x', 'sort_dir=x', 'limit=x', 'limit=-1', 'marker=x'])
    t.equal((await app.inject({ url: `/v2/tasks?${query}`, headers: admin })).statusCode, 400, query)
  t.equal((await app.inject({ url: '/v2/tasks/x', headers: admin })).statusCode, 404)
  const gone = await app.inject({ method: 'DELETE', url: `/v2/tasks/${task.id}`, headers: admin })
  t.match(gone, { statusCode: 405, headers: { allow: 'GET' } })
})

t.test('an image of another region is looked for in the catalogue of whoever asks', async (t) => {
  const { app, imports } = testApi(t, { components: { authenticator: new TrustedHeaders() } })
  const { id } = (
    await app.inject({ method: 'POST', url: '/v2/images', headers: MEMBER, payload: {} })
  ).json<{
    id: string
  }>()
  imports.methods = ['glance-download']
  const north = { region: 'North', publicURL: 'http://north.example', internalURL: 'http://10.0.0.9' }
  const headers = {
    ...MEMBER,
    'x-auth-token': 'secret',
    'x-service-catalog': JSON.stringify([
      { type: 'identity', endpoints: [north] },
      { type: 'image', endpoints: [{ region: 'south', publicURL: 'http://south.example' }, north] },
    ]),
  }
  const glance = { name: 'glance-download', glance_region: 'north', glance_image_id: task.imageId }
  const send = (more: object) =>
    app.inject({
      method: 'POST',
      url: `/v2/images/${id}/import`,
      headers,
      payload: { method: { ...glance, ...more } },
    })
  t.equal((await send({})).statusCode, 202)
  t.equal((await send({ glance_service_interface: 'internal' })).statusCode, 202)
  t.equal((await send({ glance_region: 'east' })).statusCode, 202)
  t.match(imports.requests, [
    { request: { remote: { endpoint: 'http://north.example', token: 'secret', imageId: task.imageId } } },
    { request: { remote: { endpoint: 'http://10.0.0.9', serviceInterface: 'internal' } } },
    { request: { remote: { endpoint: null } } },
  ])
  for (const wrong of [
    { glance_region: undefined },
    { glance_image_id: undefined },
    { glance_image_id: '../x' },
    { glance_service_interface: 'other' },
  ])
    t.equal((await send(wrong)).statusCode, 400, JSON.stringify(wrong))
})

t.test('administrators may ask for a task that imports', async (t) => {
  const { app, imports } = testApi(t)
  const input = {
    import_from: 'http://mirror.example/x',
    import_from_format: 'qcow2',
    image_properties: { name: 'x', disk_format: 'qcow2', container_format: 'bare', hw: '1' },
  }
  const post = (payload: object) => app.inject({ method: 'POST', url: '/v2/tasks', payload })
  const answer = await post({ type: 'import', input: { ...input, junk: 'y' } })
  t.match(answer, { statusCode: 201, headers: { location: /^http:.*\/v2\/tasks\// } })
  t.match(answer.json(), { type: 'import', status: 'pending', input, schema: '/v2/schemas/task' })
  t.notOk('image_id' in answer.json())
  t.match(imports.tasks, [{ uri: input.import_from, draft: { name: 'x', properties: { hw: '1' } }, input }])
  await post({ type: 'import', input: { ...input, image_properties: {} } })
  await post({ type: 'import', input: { import_from: 'http://x', image_properties: 5 } })
  await post({ type: 'import', input: { ...input, image_properties: { disk_format: 'strange' } } })
  t.match(imports.tasks.slice(1), [
    { draft: { diskFormat: 'qcow2', containerFormat: 'bare' } },
    { draft: null, problem: /import_from_format/ },
    { draft: null, problem: /strange|disk_format/ },
  ])
  const refused = [
    [],
    {},
    { type: 'import' },
    { type: 'export', input },
    { type: 'import', input: 'x' },
    { type: 'import', input: {} },
    { type: 'import', input: { ...input, image_properties: { big: 'x'.repeat(70_000) } } },
  ]
  for (const body of refused) t.equal((await post(body)).statusCode, 400, JSON.stringify(body).slice(0, 60))
  const other = testApi(t, { components: { authenticator: new TrustedHeaders() } })
  const denied = await other.app.inject({
    method: 'POST',
    url: '/v2/tasks',
    headers: MEMBER,
    payload: { type: 'import', input },
  })
  t.equal(denied.statusCode, 403)
})
