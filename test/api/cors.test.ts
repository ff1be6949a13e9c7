import t from 'tap'
import { testApi, testOptions } from '../helpers/api-server.ts'

const ORIGIN = 'https://horizon.example'

function corsApi(t: Parameters<typeof testApi>[0], allowedOrigin: string[]) {
  return testApi(t, { options: { cors: { ...testOptions.cors, allowedOrigin } } }).app
}

/** What the answer says to a browser. */
function corsHeaders({ headers }: { headers: Record<string, unknown> }): Record<string, unknown> {
  const names = Object.keys(headers).filter((name) => name === 'vary' || name.startsWith('access-control-'))
  return Object.fromEntries(names.map((name) => [name, headers[name]]))
}

const ALLOWED = {
  vary: 'Origin',
  'access-control-allow-origin': ORIGIN,
  'access-control-allow-credentials': 'true',
}

t.test('without an allowed origin nothing is said, and OPTIONS is no method', async (t) => {
  const app = corsApi(t, [])
  const headers = { origin: ORIGIN, 'access-control-request-method': 'GET' }
  t.strictSame(corsHeaders(await app.inject({ url: '/v2/images', headers })), {})
  t.equal((await app.inject({ method: 'OPTIONS', url: '/v2/images', headers })).statusCode, 405)
})

t.test('a page of an allowed origin may read answers, errors too', async (t) => {
  const app = corsApi(t, [ORIGIN, 'https://other.example'])
  const readable = { ...ALLOWED, 'access-control-expose-headers': 'X-OpenStack-Request-ID' }
  for (const [url, status] of [
    ['/v2/images', 200],
    ['/v2/images/nothing', 404],
    ['/', 300],
  ] as const) {
    const answer = await app.inject({ url, headers: { origin: ORIGIN } })
    t.equal(answer.statusCode, status)
    t.strictSame(corsHeaders(answer), readable)
  }
  for (const origin of ['https://horizon.example.evil', 'http://horizon.example', 'null', ''])
    t.strictSame(corsHeaders(await app.inject({ url: '/v2/images', headers: { origin } })), {}, origin)
  t.strictSame(corsHeaders(await app.inject('/v2/images')), {})
})

t.test('a browser that asks first is told before anybody looks for a token', async (t) => {
  const app = corsApi(t, [ORIGIN])
  const ask = (headers: Record<string, string>) =>
    app.inject({ method: 'OPTIONS', url: '/v2/images', headers: { origin: ORIGIN, ...headers } })
  const allowed = await ask({
    'access-control-request-method': 'PUT',
    'access-control-request-headers': 'x-auth-token, Content-Type',
  })
  t.match(allowed, { statusCode: 200, body: '' })
  t.strictSame(corsHeaders(allowed), {
    ...ALLOWED,
    'access-control-max-age': '3600',
    'access-control-allow-methods': 'PUT',
    'access-control-allow-headers': 'x-auth-token,Content-Type',
  })
  for (const headers of [
    {},
    { 'access-control-request-method': 'DELETE' },
    { 'access-control-request-method': 'GET', 'access-control-request-headers': 'x-auth-token, x-roles' },
    { 'access-control-request-method': 'GET', origin: 'https://evil.example' },
  ]) {
    const refused = await ask(headers)
    t.match(refused, { statusCode: 200, body: '' })
    t.strictSame(corsHeaders(refused), {})
  }
})

t.test('any origin', async (t) => {
  const answer = await corsApi(t, ['*']).inject({ url: '/v2/images', headers: { origin: ORIGIN } })
  t.match(corsHeaders(answer), { 'access-control-allow-origin': '*', vary: 'Origin' })
})
