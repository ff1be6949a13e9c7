import t from 'tap'
import { TrustedHeaders } from '../../../api/auth/trusted-headers.ts'
import { ImageError } from '../../../node/errors.ts'
import { admin, testApi } from '../../helpers/api-server.ts'

const ID = '11111111-2222-3333-4444-555555555555'
const V20 = 'application/openstack-images-v2.0-json-patch'
const V21 = 'application/openstack-images-v2.1-json-patch'

interface Image {
  id: string
  [name: string]: unknown
}

interface Page {
  images: Image[]
  first: string
  next?: string
  schema: string
}

t.test('create', async (t) => {
  const { app } = testApi(t)
  const post = (payload: unknown, headers = {}) =>
    app.inject({
      method: 'POST',
      url: '/v2/images',
      headers: { host: 'image.example', ...headers },
      payload: JSON.stringify(payload),
    })

  const answer = await post({ id: ID, name: 'x', os_distro: 'debian', kernel_id: null, tags: ['b', 'a'] })
  t.equal(answer.statusCode, 201)
  t.equal(answer.headers['content-type'], 'application/json')
  t.equal(answer.headers.location, `http://image.example/v2/images/${ID}`)
  const { created_at: createdAt, updated_at: updatedAt, ...rest } = answer.json<Image>()
  t.match(createdAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
  t.match(updatedAt, /Z$/)
  t.same(rest, {
    id: ID,
    name: 'x',
    os_distro: 'debian',
    kernel_id: null,
    status: 'queued',
    visibility: 'shared',
    protected: false,
    os_hidden: false,
    owner: null,
    checksum: null,
    os_hash_algo: null,
    os_hash_value: null,
    size: null,
    virtual_size: null,
    container_format: null,
    disk_format: null,
    min_disk: 0,
    min_ram: 0,
    tags: ['a', 'b'],
    self: `/v2/images/${ID}`,
    file: `/v2/images/${ID}/file`,
    schema: '/v2/schemas/image',
  })

  t.equal((await post({ id: ID })).statusCode, 409)
  for (const type of ['text/plain', 'application/octet-stream', 'nonsense', 'a/b;;=']) {
    t.equal((await post({ name: 'x' }, { 'content-type': type })).statusCode, 201, `JSON as ${type}`)
  }
  t.equal((await post([])).statusCode, 400)
  t.equal((await post({ size: 1 })).statusCode, 403)
  t.equal((await app.inject({ method: 'POST', url: '/v2/images' })).statusCode, 400, 'no body')
  for (const payload of ['{', '', 'null', Buffer.from([0x22, 0xff, 0x22])]) {
    t.equal((await app.inject({ method: 'POST', url: '/v2/images', payload })).statusCode, 400)
  }
  const large = await post({ name: 'x', big: 'y'.repeat(1024 * 1024) })
  t.equal(large.statusCode, 413)
})

t.test('absolute links take the public endpoint', async (t) => {
  const { app } = testApi(t, { options: { publicEndpoint: 'https://cloud.example/image' } })
  const answer = await app.inject({ method: 'POST', url: '/v2/images', payload: { id: ID } })
  t.equal(answer.headers.location, `https://cloud.example/image/v2/images/${ID}`)
})

t.test('show', async (t) => {
  const { app, images } = testApi(t)
  await images.create(admin, {
    id: ID,
    properties: { name: 'shadow', os_glance_stage_host: 'h', os_glance_x: '' },
  })
  const answer = await app.inject(`/v2/images/${ID.toUpperCase()}`)
  t.equal(answer.statusCode, 200)
  const image = answer.json<Image>()
  t.equal(image['name'], null, 'a property never hides a base field')
  t.equal(image['os_glance_x'], '')
  t.notOk('os_glance_stage_host' in image)
  t.notOk('x-serac-consistency' in answer.headers)

  images.stale = true
  t.equal((await app.inject(`/v2/images/${ID}`)).headers['x-serac-consistency'], 'stale')

  images.failure = new ImageError('UNAVAILABLE', 'no majority')
  t.equal((await app.inject(`/v2/images/${ID}`)).statusCode, 503)
  for (const id of ['x', 'x'.repeat(5000), `${ID}0`, '%2e%2e', encodeURIComponent('ü/ü')]) {
    t.equal((await app.inject(`/v2/images/${id}`)).statusCode, 404, 'what is no UUID is not asked for')
  }
})

t.test('patch', async (t) => {
  const { app, images } = testApi(t)
  await images.create(admin, { id: ID, properties: { a: '1' } })
  const patch = (type: string, body: unknown) =>
    app.inject({
      method: 'PATCH',
      url: `/v2/images/${ID}`,
      headers: { 'content-type': type },
      payload: JSON.stringify(body),
    })

  const changed = await patch(V21, [
    { op: 'add', path: '/a', value: '2' },
    { op: 'replace', path: '/name', value: 'n' },
  ])
  t.match([changed.statusCode, changed.json()], [200, { a: '2', name: 'n' }])
  t.equal((await patch(V20, [{ add: '/a', value: '3' }])).statusCode, 409)
  t.equal((await patch(`${V20}; charset=utf-8`, [{ replace: '/a', value: '3' }])).statusCode, 200)
  t.equal((await patch(V21, [])).statusCode, 200)
  t.equal((await patch(V21, {})).statusCode, 400)
  t.equal((await patch(V21, [{ op: 'remove', path: '/name' }])).statusCode, 403)
  for (const type of ['application/json', 'application/json-patch+json', '']) {
    const refused = await patch(type, [])
    t.equal(refused.statusCode, 415, type)
    t.equal(refused.headers['accept-patch'], `${V20}, ${V21}`)
  }
})

t.test('delete', async (t) => {
  const { app, images } = testApi(t)
  await images.create(admin, { id: ID, protected: true })
  const remove = () => app.inject({ method: 'DELETE', url: `/v2/images/${ID}` })
  t.equal((await remove()).statusCode, 403)
  await images.patch(admin, ID, [{ kind: 'set', field: 'protected', value: false }])
  t.match(await remove(), { statusCode: 204, body: '' })
  t.equal((await remove()).statusCode, 404)
})

t.test('list: pages follow their links to the end, and keep every parameter', async (t) => {
  const { app, images } = testApi(t)
  for (let i = 0; i < 5; i++) await images.create(admin, { name: `image ${i}`, tags: ['a', 'b'] })
  await images.create(admin, { name: 'other', tags: ['a'] })
  const seen: unknown[] = []
  let url: string | undefined = '/v2/images?tag=a&tag=b&limit=2&sort=name:asc'
  let pages = 0
  for (; url !== undefined; pages++) {
    const page: Page = (await app.inject(url)).json()
    t.equal(page.first, '/v2/images?tag=a&tag=b&limit=2&sort=name%3Aasc')
    t.equal(page.schema, '/v2/schemas/images')
    if (page.next) t.match(page.next, /tag=a&tag=b&limit=2&sort=name%3Aasc&marker=[0-9a-f-]{36}$/)
    seen.push(...page.images.map((image) => image['name']))
    url = page.next
  }
  t.same(seen, ['image 0', 'image 1', 'image 2', 'image 3', 'image 4'])
  t.equal(pages, 3)
})

t.test('list: edges', async (t) => {
  const { app, images } = testApi(t, { options: { limitDefault: 2, limitMax: 3 } })
  for (let i = 0; i < 4; i++) await images.create(admin, { name: 'x' })
  const page = async (query: string) => (await app.inject(`/v2/images${query}`)).json<Page>()
  t.match(await page(''), { images: { length: 2 }, first: '/v2/images', next: /^\/v2\/images\?marker=/ })
  t.equal((await page('?limit=100')).images.length, 3)
  t.same((await page('?limit=0')).next, undefined)
  t.equal((await app.inject(`/v2/images?marker=${ID}`)).statusCode, 400, 'unknown marker')
  t.equal((await app.inject('/v2/images?limit=x')).statusCode, 400)
  t.equal((await app.inject('/v2/images?name=%ff')).statusCode, 400, 'no UTF-8')
  t.equal((await app.inject('/v2/images?name=%C3%A4%')).statusCode, 200)
  images.stale = true
  t.equal((await app.inject('/v2/images')).headers['x-serac-consistency'], 'stale')
})

t.test('the service learns who asks', async (t) => {
  const { app } = testApi(t, { components: { authenticator: new TrustedHeaders() } })
  const as = (project: string, roles = 'member') => ({
    'x-identity-status': 'Confirmed',
    'x-user-id': 'u',
    'x-project-id': project,
    'x-roles': roles,
  })
  const created = await app.inject({
    method: 'POST',
    url: '/v2/images',
    headers: as('p1'),
    payload: { id: ID },
  })
  t.match(created.json(), { owner: 'p1' })
  const url = `/v2/images/${ID}`
  t.equal((await app.inject({ url, headers: as('p1') })).statusCode, 200)
  t.equal((await app.inject({ url, headers: as('p2') })).statusCode, 404)
  t.equal((await app.inject({ url, headers: as('p2', 'Admin') })).statusCode, 200)
  t.equal((await app.inject({ url })).statusCode, 401)
})
