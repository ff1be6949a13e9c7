import type { InjectOptions } from 'fastify'
import t, { type Test } from 'tap'
import { testApi } from '../../helpers/api-server.ts'
import { until } from '../../helpers/until.ts'
import { SIZE_MAX, v1Api } from '../../helpers/v1-api.ts'

const MD5_ABC = '900150983cd24fb0d6963f7d28e17f72'
const RAW = { 'x-image-meta-disk_format': 'raw', 'x-image-meta-container-format': 'ovf' }
const OCTETS = { 'content-type': 'application/octet-stream' }
const ADMIN = { 'x-role-list': 'admin,member,reader' }
const URL = 'http://mirror.example/a?b=%2F'

function start(t: Test) {
  const api = v1Api(t)
  const send = async (
    method: string,
    url: string,
    headers: Record<string, string> = {},
    payload?: string | object,
  ) => api.app.inject({ method, url, headers, ...(payload !== undefined && { payload }) } as InjectOptions)
  const create = async (headers: Record<string, string> = {}, payload?: string) => {
    const reply = await send('POST', '/v1/images', { ...RAW, ...OCTETS, ...headers }, payload)
    if (reply.statusCode !== 201) throw new Error(reply.body)
    return reply.json<{ image: Record<string, unknown> & { id: string } }>().image
  }
  const names = async (query: string, headers: Record<string, string> = {}) => {
    const reply = await send('GET', `/v1/images/detail?${query}`, headers)
    return reply.json<{ images: { name: string }[] }>().images.map(({ name }) => name)
  }
  return { ...api, send, create, names }
}

t.test('an image is made with its bytes, and shown in headers', async (t) => {
  const { send } = start(t)
  const headers = {
    ...RAW,
    ...OCTETS,
    'x-image-meta-name': 'gr%C3%BCn%20%25',
    'X-Image-Meta-Min-Disk': '3',
    'x-image-meta-min_ram': '5',
    'x-image-meta-is_public': 'None',
    'x-image-meta-protected': 'yes',
    'x-image-meta-property-OS-Distro': 'a b=c%20',
    'x-image-meta-size': '3',
    'x-image-meta-checksum': MD5_ABC.toUpperCase(),
  }
  const made = await send('POST', '/v1/images', headers, 'abc')
  t.match(made, { statusCode: 201, headers: { etag: MD5_ABC } })
  const { image } = made.json<{ image: Record<string, unknown> }>()
  t.match(image, { name: 'grün %', status: 'active', size: 3, min_disk: 3, min_ram: 5, protected: true })
  // What the client cannot have quoted is taken as it stands.
  t.match(image, { is_public: false, owner: 'p1', deleted: false, properties: { os_distro: 'a b=c%20' } })
  t.match(image['created_at'], /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000000$/)
  const path = `/v1/images/${String(image['id'])}`
  t.ok(String(made.headers.location).endsWith(path))
  const head = await send('HEAD', path)
  t.match(head, { statusCode: 200, body: '' })
  t.match(head.headers, {
    'x-image-meta-protected': 'True',
    'x-image-meta-is_public': 'False',
    'x-image-meta-property-os_distro': 'a b=c%20',
    'x-image-meta-checksum': MD5_ABC,
    'x-image-meta-name': Buffer.from('grün %').toString('latin1'),
  })
  t.notOk('x-image-meta-deleted_at' in head.headers)
  const seen = (await send('GET', path.replace('v1', 'v2'))).json<object>()
  t.match(seen, { name: 'grün %', visibility: 'shared', os_distro: 'a b=c%20', checksum: MD5_ABC })
  t.equal((await send('DELETE', path)).statusCode, 403)
})

t.test('headers that say nothing right are refused', async (t) => {
  const { send } = start(t)
  const cases: Record<string, string>[] = [
    { 'x-image-meta-nothing': 'x' },
    { 'x-image-meta-min_disk': 'x' },
    { 'x-image-meta-min_disk': '-1' },
    { 'x-image-meta-size': '' },
    { 'x-image-meta-size': String(SIZE_MAX + 1) },
    { 'x-image-meta-checksum': 'x' },
    { 'x-image-meta-id': 'x' },
    { 'x-image-meta-store': 'swift' },
    { 'x-image-meta-disk_format': 'floppy' },
    { 'x-image-meta-disk_format': 'ami', 'x-image-meta-container_format': 'bare' },
    { 'x-image-meta-location': 'file:///etc/passwd' },
    { 'x-image-meta-location': '' },
    { 'x-glance-api-copy-from': 'http://nowhere.example/' },
    { 'x-glance-api-copy-from': URL, 'x-image-meta-location': URL },
    { 'x-image-meta-name': 'x'.repeat(256) },
    { 'x-image-meta-name': '\xff' },
    { 'x-image-meta-property-kernel_id': 'x' },
  ]
  for (const headers of cases) {
    const reply = await send('POST', '/v1/images', { ...RAW, ...headers })
    t.equal(reply.statusCode, 400, JSON.stringify(headers))
  }
  t.equal((await send('POST', '/v1/images', { 'x-image-meta-property-os_glance_x': 'x' })).statusCode, 403)
  t.equal((await send('POST', '/v1/images', { 'x-image-meta-is_public': 'true' })).statusCode, 403)
  t.equal((await send('POST', '/v1/images', { ...OCTETS }, 'abc')).statusCode, 400, 'no formats')
  t.strictSame((await send('GET', '/v2/images')).json<{ images: [] }>().images, [])
})

t.test('ids, owners, formats of Amazon, and images of no bytes', async (t) => {
  const { send, create } = start(t)
  const id = '11111111-2222-4333-8444-555555555555'
  t.match(await create({ 'x-image-meta-id': id, 'x-image-meta-owner': 'p9' }), { id, owner: 'p1' })
  t.match(await create({ ...ADMIN, 'x-image-meta-owner': 'p9' }), { owner: 'p9' })
  t.equal((await send('POST', '/v1/images', { 'x-image-meta-id': id })).statusCode, 409)
  const amazon = (await send('POST', '/v1/images', { 'x-image-meta-disk_format': 'ami' })).json<{
    image: {}
  }>()
  t.match(amazon.image, { disk_format: 'ami', container_format: 'ami', status: 'queued', size: 0 })
  const empty = await create({ 'x-image-meta-size': '0' })
  t.match(empty, { status: 'active', size: 0 })
  t.match(await send('GET', `/v1/images/${empty.id}`), { statusCode: 200, body: '' })
})

t.test('the bytes of an image', async (t) => {
  const { send, create } = start(t)
  const { id } = await create({}, 'abc')
  const reply = await send('GET', `/v1/images/${id}`, { range: 'bytes=1-1' })
  t.match(reply, { statusCode: 200, body: 'abc' })
  t.match(reply.headers, { 'content-length': '3', 'content-type': 'application/octet-stream', etag: MD5_ABC })
  t.match(reply.headers, { 'x-image-meta-id': id, 'x-image-meta-status': 'active' })
  const queued = await create()
  t.equal((await send('GET', `/v1/images/${queued.id}`)).statusCode, 404)
  await send('POST', `/v2/images/${id}/actions/deactivate`)
  for (const headers of [{}, ADMIN]) t.equal((await send('GET', `/v1/images/${id}`, headers)).statusCode, 403)
})

t.test('PUT changes what is named, and by default takes away the other properties', async (t) => {
  const { send, create } = start(t)
  const { id } = await create({ 'x-image-meta-property-a': '1', 'x-image-meta-property-b': '2' }, 'abc')
  const put = async (headers: Record<string, string>, payload?: string) =>
    send('PUT', `/v1/images/${id}`, { ...headers, ...(payload && OCTETS) }, payload)
  const kept = await put({ 'x-image-meta-property-c': '3', 'x-glance-registry-purge-props': 'false' })
  t.match(kept, { statusCode: 200, headers: { etag: MD5_ABC } })
  t.strictSame(kept.json<{ image: { properties: {} } }>().image.properties, { a: '1', b: '2', c: '3' })
  const purged = (await put({ 'x-image-meta-property-b': '4', 'x-image-meta-name': 'n' })).json<{
    image: {}
  }>()
  t.match(purged.image, { name: 'n', properties: { b: '4' } })
  t.strictSame(Object.keys((purged.image as { properties: {} }).properties), ['b'])
  const odd = (
    await put({ 'x-image-meta-property-constructor': 'x', 'x-image-meta-property-b': '4' })
  ).json<object>()
  t.match(odd, { image: { properties: { constructor: 'x', b: '4' } } })
  // As it is shown it may be sent back; anything else of it is for nobody to say.
  const same = { ...RAW, 'x-image-meta-size': '3', 'x-image-meta-checksum': MD5_ABC }
  t.equal((await put({ ...same, 'x-image-meta-id': id, 'x-image-meta-status': 'active' })).statusCode, 200)
  for (const [name, value] of Object.entries({ size: '4', checksum: '0'.repeat(32), status: 'queued' }))
    t.equal((await put({ [`x-image-meta-${name}`]: value })).statusCode, 403, name)
  t.equal((await put({ 'x-image-meta-disk_format': 'qcow2' })).statusCode, 403)
  t.equal((await put({ 'x-image-meta-is_public': 'True' })).statusCode, 403)
  t.equal((await put({}, 'abc')).statusCode, 409)
  t.equal((await put({ 'x-image-meta-location': URL })).statusCode, 400)
  t.equal((await put({ 'x-project': 'p2', 'x-image-meta-name': 'x' })).statusCode, 404)
  const many = Object.fromEntries(['d', 'e', 'f', 'g'].map((key) => [`x-image-meta-property-${key}`, 'x']))
  t.equal((await put(many)).statusCode, 413)
})

t.test('a queued image gets its bytes later, which must be what was announced', async (t) => {
  const { send, create } = start(t)
  const announced = {
    'x-image-meta-size': '3',
    'x-image-meta-checksum': MD5_ABC,
    'x-image-meta-property-a': '1',
  }
  const good = await create(announced)
  t.match(good, { status: 'queued', size: 3, checksum: MD5_ABC })
  const filled = await send('PUT', `/v1/images/${good.id}`, OCTETS, 'abc')
  t.match(filled.json(), { image: { status: 'active', properties: { a: '1' } } })
  for (const payload of ['abcd', 'abd']) {
    const wrong = await create(announced)
    t.equal((await send('PUT', `/v1/images/${wrong.id}`, OCTETS, payload)).statusCode, 400)
    t.match((await send('HEAD', `/v1/images/${wrong.id}`)).headers, { 'x-image-meta-status': 'killed' })
  }
  const typed = await create()
  t.equal(
    (await send('PUT', `/v1/images/${typed.id}`, { 'content-type': 'text/plain' }, 'abc')).statusCode,
    400,
  )
  t.match((await send('HEAD', `/v1/images/${typed.id}`)).headers, { 'x-image-meta-status': 'killed' })
})

t.test('an upload that fails kills its image, and one that is deleted is a 412', async (t) => {
  const { send, bytes, registers, names } = start(t)
  bytes.beforeEnd = async () => {
    throw new Error('the disk is gone')
  }
  const headers = { ...RAW, ...OCTETS, 'x-image-meta-name': 'x' }
  t.equal((await send('POST', '/v1/images', headers, 'abc')).statusCode, 500)
  const [killed] = [...registers.index.rows()]
  t.match(killed, { status: 'killed', upload: null, size: null })
  t.match(await send('GET', `/v2/images/${killed!.id}`), { statusCode: 200 })
  t.strictSame(await names(''), [])
  t.equal((await send('DELETE', `/v2/images/${killed!.id}`)).statusCode, 204)
  bytes.beforeEnd = async () => {
    const [saving] = [...registers.index.rows()]
    await send('DELETE', `/v1/images/${saving!.id}`)
  }
  t.equal((await send('POST', '/v1/images', headers, 'abc')).statusCode, 412)
})

t.test('locations and copies', async (t) => {
  const { send, create, bytes } = start(t)
  bytes.outside.set(URL, Buffer.from('abc'))
  const quoted = encodeURIComponent(URL).replaceAll('%3A', ':').replaceAll('%2F', '/')
  for (const url of [URL, quoted]) {
    const located = await create({ 'x-image-meta-location': url })
    t.match(located, { status: 'active', size: 3, properties: {} })
    t.match(await send('GET', `/v1/images/${located.id}`), { statusCode: 200, body: 'abc' })
  }
  const wrong = { 'x-image-meta-location': URL, 'x-image-meta-size': '4' }
  t.equal((await send('POST', '/v1/images', { ...RAW, ...wrong })).statusCode, 409)
  const later = await create()
  const put = await send('PUT', `/v1/images/${later.id}`, { 'x-image-meta-location': URL })
  t.match(put.json(), { image: { status: 'active', size: 3 } })
  const statusOf = async (id: string) =>
    (await send('HEAD', `/v1/images/${id}`)).headers['x-image-meta-status']
  const copied = await create({ 'x-glance-api-copy-from': URL })
  t.match(copied, { status: 'queued', size: 3 })
  await until(async () => (await statusOf(copied.id)) === 'active')
  t.match(await send('GET', `/v1/images/${copied.id}`), { body: 'abc' })
  const bad = await create({ 'x-glance-api-copy-from': URL, 'x-image-meta-checksum': '0'.repeat(32) })
  await until(async () => (await statusOf(bad.id)) === 'killed')
})

t.test('lists, their filters, and what administrators are shown', async (t) => {
  const { send, create, names } = start(t)
  for (const name of ['a', 'b', 'c'])
    await create({ 'x-image-meta-name': name, 'x-image-meta-property-k': name })
  await create({
    ...ADMIN,
    'x-image-meta-name': 'open',
    'x-image-meta-is_public': 'True',
    'x-image-meta-owner': 'p2',
  })
  await create({ 'x-project': 'p3', 'x-image-meta-name': 'foreign' })
  const sorted = 'sort_key=name&sort_dir=asc'
  t.strictSame(await names(sorted), ['a', 'b', 'c', 'open'])
  t.strictSame(await names(`${sorted}&property-k=b`), ['b'])
  t.strictSame(await names(`${sorted}&name=c&is_public=False&unknown=1`), ['c'])
  t.strictSame(await names(sorted, ADMIN), ['a', 'b', 'c', 'open'])
  t.strictSame(await names(`${sorted}&is_public=None`, ADMIN), ['a', 'b', 'c', 'foreign', 'open'])
  t.strictSame(await names(`${sorted}&is_public=0`, ADMIN), ['a', 'b', 'c', 'foreign'])
  const page = (await send('GET', `/v1/images?${sorted}&limit=2`)).json<{ images: { id: string }[] }>()
  t.strictSame(
    Object.keys(page.images[0]!).sort().join(),
    'checksum,container_format,disk_format,id,name,size',
  )
  t.strictSame(await names(`${sorted}&marker=${page.images[1]!.id}`), ['c', 'open'])
  t.equal((await send('GET', '/v1/')).statusCode, 200)
  for (const query of ['limit=x', 'limit=-1', 'marker=x', 'sort_key=owner', 'sort_dir=up', 'size_min=-1'])
    t.equal((await send('GET', `/v1/images?${query}`)).statusCode, 400, query)
  for (const query of ['is_public=x', 'protected=none', 'changes-since=x', 'min_ram=x'])
    t.equal((await send('GET', `/v1/images?${query}`)).statusCode, 400, query)
})

t.test('what is deleted is listed among the changes, and shown to administrators', async (t) => {
  const { send, create, names } = start(t)
  const { id } = await create({ 'x-image-meta-name': 'gone' }, 'abc')
  await create({ 'x-image-meta-name': 'there' })
  t.match(await send('DELETE', `/v1/images/${id}`), { statusCode: 200, body: '' })
  const since = 'changes-since=2000-01-01T00:00:00&sort_key=name&sort_dir=asc'
  t.strictSame(await names(since), ['gone', 'there'])
  t.strictSame(await names(since, { 'x-project': 'p2' }), [])
  t.strictSame(await names(`${since}&limit=1&marker=${id}`), ['there'])
  t.strictSame(await names('changes-since=2999-01-01T00:00:00'), [])
  t.equal((await send('HEAD', `/v1/images/${id}`)).statusCode, 404)
  t.match((await send('HEAD', `/v1/images/${id}`, ADMIN)).headers, {
    'x-image-meta-status': 'deleted',
    'x-image-meta-deleted': 'True',
    'x-image-meta-deleted_at': /\.000000$/,
  })
  t.equal((await send('PUT', `/v1/images/${id}`, ADMIN)).statusCode, 403)
  t.equal((await send('DELETE', `/v1/images/${id}`, ADMIN)).statusCode, 404)
})

t.test('members, and those whom the owner lets share', async (t) => {
  const { send, create } = start(t)
  const { id } = await create({ 'x-image-meta-name': 'shared' })
  const path = `/v1/images/${id}/members`
  const members = async () => (await send('GET', path)).json<{ members: object[] }>().members
  const of = (project: string) => ({ 'x-project': project })
  t.equal((await send('PUT', `${path}/p2`, {}, { member: { can_share: true } })).statusCode, 204)
  t.equal((await send('PUT', `${path}/p3`, of('p4'))).statusCode, 404)
  t.equal((await send('PUT', `${path}/p3`, { ...of('p2'), 'x-role-list': 'reader' })).statusCode, 404)
  t.equal((await send('PUT', `${path}/p3`, of('p2'))).statusCode, 204)
  t.strictSame(await members(), [
    { member_id: 'p2', can_share: true },
    { member_id: 'p3', can_share: false },
  ])
  t.equal((await send('PUT', `${path}/p4`)).statusCode, 413)
  t.equal((await send('PUT', `${path}/p5`, of('p3'))).statusCode, 404, 'a member that may not share')
  // Listed to a member that has not answered, as in no list of v2.
  const listed = (await send('GET', '/v1/images', of('p3'))).json<{ images: { id: string }[] }>()
  t.strictSame(
    listed.images.map((image) => image.id),
    [id],
  )
  const shared = (project: string, asker: string) => send('GET', `/v1/shared-images/${project}`, of(asker))
  t.strictSame((await shared('p2', 'p2')).json(), { shared_images: [{ image_id: id, can_share: true }] })
  t.strictSame((await shared('p2', 'p9')).json(), { shared_images: [] })
  const wanted = { memberships: [{ member_id: 'p3' }, { member_id: 'p7', can_share: true }] }
  t.equal((await send('PUT', path, {}, wanted)).statusCode, 204)
  t.strictSame(await members(), [
    { member_id: 'p3', can_share: false },
    { member_id: 'p7', can_share: true },
  ])
  for (const body of [{}, { memberships: 1 }, { memberships: [{}] }, { memberships: [{ member_id: 1 }] }])
    t.equal((await send('PUT', path, {}, body)).statusCode, 400)
  t.equal((await send('DELETE', `${path}/p3`)).statusCode, 204)
  t.equal((await send('DELETE', `${path}/p3`)).statusCode, 404)
  t.match(await send('GET', `${path}/p7`), { statusCode: 405, headers: { allow: 'PUT, DELETE' } })
})

t.test('methods, and versions that are listed', async (t) => {
  const { send } = start(t)
  t.match(await send('HEAD', '/v1/images/detail'), { statusCode: 405, headers: { allow: 'GET' } })
  t.match(await send('PATCH', '/v1/images'), { statusCode: 405, headers: { allow: 'GET, POST' } })
  t.equal((await send('GET', '/v1/nothing')).statusCode, 404)
  const versions = (await send('GET', '/versions')).json<{ versions: { id: string; status: string }[] }>()
    .versions
  t.match(versions.slice(-2), [
    { id: 'v1.1', status: 'DEPRECATED', links: [{ href: /\/v1\/$/ }] },
    { id: 'v1.0', status: 'DEPRECATED' },
  ])
  for (const path of ['/v1.0/images', '/v1.1/images']) t.equal((await send('GET', path)).statusCode, 200)
  const off = testApi(t).app
  t.equal((await off.inject('/v1/images')).statusCode, 300)
  t.notMatch((await off.inject('/versions')).body, 'DEPRECATED')
})
