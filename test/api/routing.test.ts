import t from 'tap'
import { URL_LENGTH_MAX } from '../../api/server.ts'
import { ClusterError } from '../../cluster/errors.ts'
import { admin, listen, testApi } from '../helpers/api-server.ts'
import { deferred } from '../helpers/deferred.ts'
import { head, readAll, sendTo } from '../helpers/raw-http.ts'
import { until } from '../helpers/until.ts'

const ID = '11111111-2222-3333-4444-555555555555'
const REQUEST_ID = /^req-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

t.test('405 with Allow on known paths', async (t) => {
  const { app } = testApi(t)
  const cases: [string, string, string[]][] = [
    ['/v2/images', 'GET, POST', ['HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'QUERY']],
    [`/v2/images/${ID}`, 'GET, PATCH, DELETE', ['HEAD', 'PUT', 'POST', 'OPTIONS', 'MKCOL']],
    [`/v2/images/${ID}/file`, 'GET, PUT', ['HEAD', 'POST', 'PATCH', 'DELETE', 'OPTIONS', 'LOCK']],
    ['/v2/schemas/image', 'GET', ['HEAD', 'POST', 'PUT', 'DELETE']],
  ]
  for (const [url, allow, methods] of cases) {
    for (const method of methods) {
      // oxlint-disable-next-line no-unsafe-type-assertion -- the types know fewer methods than HTTP
      const answer = await app.inject({ method: method as 'GET', url })
      t.match(answer, { statusCode: 405, headers: { allow } }, `${method} ${url}`)
    }
  }
})

t.test('404 for unknown paths and trailing slashes', async (t) => {
  const { app } = testApi(t)
  for (const url of [
    '/v2/',
    '/v2/image',
    '/v2/images/',
    `/v2/images/${ID}/`,
    `/v2/images/${ID}/file/`,
    '/v2//images',
  ]) {
    for (const method of ['GET', 'POST', 'DELETE', 'HEAD'] as const) {
      t.equal((await app.inject({ method, url })).statusCode, 404, `${method} ${url}`)
    }
  }
})

t.test('a URL that cannot be decoded is 400, an over-long one 414', async (t) => {
  const { app } = testApi(t)
  t.equal((await app.inject('/v2/images/%zz')).statusCode, 400)
  const url = `/v2/images?name=${'x'.repeat(URL_LENGTH_MAX)}`
  t.match(await app.inject(url), { statusCode: 414, headers: { 'x-openstack-request-id': REQUEST_ID } })
})

t.test('a body where none belongs is 400, an empty one of any type is fine', async (t) => {
  const { app, images } = testApi(t)
  const { id } = await images.create(admin, { protected: false })
  const bodyless: ['GET' | 'DELETE', string][] = [
    ['GET', `/v2/images/${id}`],
    ['GET', `/v2/images/${id}/file`],
    ['GET', '/v2/schemas/image'],
    ['DELETE', `/v2/images/${id}`],
  ]
  for (const [method, url] of bodyless) {
    const withBody = await app.inject({
      method,
      url,
      payload: '{}',
      headers: { 'content-type': 'application/json' },
    })
    t.equal(withBody.statusCode, 400, `${method} ${url}`)
    const chunked = await app.inject({ method, url, headers: { 'transfer-encoding': 'chunked' } })
    t.equal(chunked.statusCode, 400, `${method} ${url} chunked`)
  }
  for (const [method, url] of bodyless) {
    const headers = { 'content-type': 'application/octet-stream' }
    const answer = await app.inject({ method, url, headers })
    t.ok([200, 204].includes(answer.statusCode), `${method} ${url} as glanceclient sends it`)
  }
})

t.test('request ids', async (t) => {
  const { app, log } = testApi(t)
  const theirs = 'req-aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee'
  const get = (id?: string) =>
    app.inject({ url: '/v2/images', headers: id ? { 'x-openstack-request-id': id } : {} })
  const first = await get(theirs)
  t.match(first.headers['x-openstack-request-id'], REQUEST_ID)
  t.not(first.headers['x-openstack-request-id'], theirs)
  t.not((await get()).headers['x-openstack-request-id'], first.headers['x-openstack-request-id'])
  t.match(log[0], {
    fields: { globalRequestId: theirs, path: '/v2/images', status: 200 },
    message: 'request',
  })
  t.equal((await get('x'.repeat(64))).statusCode, 200)
  t.match(await get('x'.repeat(65)), { statusCode: 431, headers: { 'x-openstack-request-id': REQUEST_ID } })
})

t.test('each request is told of by its route, not by its path', async (t) => {
  const served: object[] = []
  const { app } = testApi(t, { components: { meter: { noteRequest: (request) => served.push(request) } } })
  await app.inject('/v2/images/7f1c7a3e-0c5b-4b53-9a0f-6f1f0a8f2d10?x=1')
  await app.inject({ method: 'DELETE', url: '/nothing/here' })
  t.match(served, [
    { method: 'GET', route: '/v2/images/:imageId', status: 404, elapsedMs: Number },
    { method: 'DELETE', route: null, status: 300 },
  ])
})

t.test('unexpected errors are logged with the request id and not told', async (t) => {
  const { app, images, log } = testApi(t)
  images.failure = new Error('the secret of /var/lib')
  const answer = await app.inject(`/v2/images/${ID}`)
  t.equal(answer.statusCode, 500)
  t.notMatch(answer.body, /secret/)
  const entry = log.find(({ level }) => level === 'error')
  t.match(entry?.fields, { requestId: answer.headers['x-openstack-request-id'], err: images.failure })
})

t.test('503 has Retry-After and a body', async (t) => {
  const { app, images } = testApi(t)
  images.failure = new ClusterError('NO_QUORUM', 'x')
  const answer = await app.inject({ url: '/v2/images', headers: { accept: '*/*' } })
  t.match(answer, { statusCode: 503, headers: { 'retry-after': /^\d+$/, 'content-type': /^text\/html/ } })
  t.match(answer.body, '<h1>503 Service Unavailable</h1>')
})

t.test('while closing, a request on an open connection gets 503', async (t) => {
  const { app, images } = testApi(t)
  const port = await listen(app)
  const record = await images.create(admin, {})
  const held = deferred()
  const entered = deferred()
  images.show = async () => {
    entered.resolve()
    await held.promise
    return { value: record, stale: false }
  }
  // Two requests on one connection: the first is being served when the closing begins, the second comes after.
  const socket = sendTo(port, head(`GET /v2/images/${record.id}`))
  await entered.promise
  const closed = app.close()
  await until(() => !app.server.listening)
  const answers = readAll(socket)
  socket.write(head('GET /healthcheck'))
  held.resolve()
  const [first = '', second = ''] = (await answers).split(/(?=HTTP\/1\.1 503)/)
  t.match(first, /^HTTP\/1\.1 200/, 'what had begun is served')
  t.match(second, /^HTTP\/1\.1 503 .*\r\nretry-after: \d/is)
  t.match(second, /connection: close/i)
  await closed
})
