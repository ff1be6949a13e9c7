/** auth_strategy = keystone, against a Keystone in this process that speaks HTTP. */
import { createServer } from 'node:net'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { KeystoneAuth, type KeystoneAuthOptions } from '../../../api/auth/keystone.ts'
import { KeystoneSession } from '../../../api/auth/keystone-session.ts'
import { KeystoneTransport } from '../../../api/auth/keystone-transport.ts'
import { type Clock, systemClock } from '../../../cluster/runtime.ts'
import { type LogEntry, recordingLog, testApi } from '../../helpers/api-server.ts'
import { deferred } from '../../helpers/deferred.ts'
import { FakeKeystone, SERVICE_USER } from '../../helpers/fake-keystone.ts'

const CACHE_MS = 300_000
const DEFAULTS: KeystoneAuthOptions = {
  authenticateUri: 'https://keystone.example/v3',
  cacheMs: CACHE_MS,
  serviceTokenRoles: ['service'],
  serviceTokenRolesRequired: false,
  allowAnonymous: false,
}
const MEMBER = { userId: 'u1', projectId: 'p1', roles: ['Member', 'reader'] }
const SECRETS = ['user-token', 'service-token', 'own-', SERVICE_USER.password]

/** What every test here has logged. */
const allEntries: LogEntry[][] = []

interface Setting {
  options?: Partial<KeystoneAuthOptions>
  url?: string
  region?: string
  password?: string
  attemptMs?: number
}

/** The real system clock, with time that a test lets pass on top. */
class JumpingClock implements Clock {
  jumpMs = 0
  wallMs = () => Date.now() + this.jumpMs
  monotonicMs = () => performance.now() + this.jumpMs
  after = (delayMs: number, action: () => void) => systemClock.after(delayMs, action)
}

function keystoneAuth(t: Test, keystone: FakeKeystone, setting: Setting = {}) {
  const clock = new JumpingClock()
  const entries: LogEntry[] = []
  allEntries.push(entries)
  const log = recordingLog(entries)
  const transport = new KeystoneTransport(
    { clock, log },
    { ca: null, cert: null, key: null, insecure: false, attemptMs: setting.attemptMs ?? 5000, retries: 1 },
  )
  const domain = { id: 'default' }
  const session = new KeystoneSession(
    { http: transport, clock, log, task: 'check tokens' },
    {
      authUrl: setting.url ?? keystone.url,
      user: { name: SERVICE_USER.name, domain, password: setting.password ?? SERVICE_USER.password },
      scope: { project: { name: 'service', domain } },
      interface: 'internal',
      region: setting.region ?? null,
    },
  )
  const authenticator = new KeystoneAuth({ clock, log, session }, { ...DEFAULTS, ...setting.options })
  t.teardown(() => transport.close())
  const ask = (token?: string, more: Record<string, string> = {}) =>
    authenticator.authenticate({ ...(token !== undefined && { 'x-auth-token': token }), ...more }, 'req-1')
  return { authenticator, clock, entries, ask }
}

t.test('a token says who asks, and identity headers of the client say nothing', async (t) => {
  const keystone = await FakeKeystone.start(t)
  keystone.tokens.set('user-token', MEMBER)
  keystone.tokens.set('user-token-admin', { userId: 'u2', system: true, roles: ['admin'] })
  keystone.tokens.set('user-token-domain', { userId: 'u3', domainId: 'd1', roles: ['reader'] })
  keystone.tokens.set('user-token-unscoped', { userId: 'u4', roles: [] })
  const { ask } = keystoneAuth(t, keystone)
  const forged = {
    'x-identity-status': 'Confirmed',
    'x-roles': 'admin',
    'x-project-id': 'other',
    'x-user-id': 'other',
    'x-service-roles': 'service',
    'openstack-system-scope': 'all',
  }
  t.strictSame(await ask('user-token', forged), {
    userId: 'u1',
    userDomainId: 'default',
    projectId: 'p1',
    projectDomainId: 'default',
    domainId: null,
    systemScope: null,
    roles: ['member', 'reader'],
    isAdminProject: true,
    isAdmin: false,
    serviceRoles: [],
    requestId: 'req-1',
  })
  t.match(await ask('user-token-admin'), { projectId: null, systemScope: 'all', isAdmin: true })
  t.match(await ask('user-token-domain'), { projectId: null, domainId: 'd1', roles: ['reader'] })
  t.match(await ask('user-token-unscoped'), { projectId: null, roles: [], isAdmin: false })
  t.match(await ask(undefined, { 'x-storage-token': ' user-token ' }), { userId: 'u1' })
  await t.rejects(ask(undefined, forged), { code: 'TOKEN_REFUSED' })
  t.equal(keystone.authentications, 1)
  t.ok(keystone.validations.every(({ path }) => path === '/v3/auth/tokens?nocatalog'))
})

t.test('a 401 is that of the middleware', async (t) => {
  const keystone = await FakeKeystone.start(t)
  const { authenticator } = keystoneAuth(t, keystone)
  const { app } = testApi(t, { components: { authenticator } })
  for (const headers of [
    {},
    { 'x-auth-token': 'garbage' },
    { 'x-auth-token': 'a b\u00fc' },
    { 'x-auth-token': '' },
  ]) {
    const answer = await app.inject({ url: '/v2/images', headers: { ...headers, accept: 'text/html' } })
    t.match(answer, {
      statusCode: 401,
      headers: {
        'www-authenticate': 'Keystone uri="https://keystone.example/v3"',
        'content-type': 'application/json',
      },
    })
    t.strictSame(answer.json(), {
      error: {
        code: 401,
        title: 'Unauthorized',
        message: 'The request you have made requires authentication.',
      },
    })
  }
  t.strictSame(
    keystone.validations.map(({ subject }) => subject),
    ['garbage'],
    'what is no token is not asked about',
  )
  t.equal((await app.inject('/versions')).statusCode, 200)
})

t.test(
  'a thousand requests with one token are one question; a revoked token is good no longer than the cache',
  async (t) => {
    const keystone = await FakeKeystone.start(t)
    keystone.tokens.set('user-token', MEMBER)
    const { ask, clock } = keystoneAuth(t, keystone)
    await Promise.all(Array.from({ length: 500 }, () => ask('user-token')))
    for (let i = 0; i < 500; i++) await ask('user-token')
    t.equal(keystone.validations.length, 1)
    t.equal(keystone.authentications, 1)

    keystone.tokens.delete('user-token')
    clock.jumpMs = CACHE_MS - 10_000
    await ask('user-token')
    clock.jumpMs = CACHE_MS
    await t.rejects(ask('user-token'), { code: 'TOKEN_REFUSED' })
    t.equal(keystone.validations.length, 2)
  },
)

t.test('without a cache each request is a question', async (t) => {
  const keystone = await FakeKeystone.start(t)
  keystone.tokens.set('user-token', MEMBER)
  const { ask } = keystoneAuth(t, keystone, { options: { cacheMs: 0 } })
  await Promise.all([ask('user-token'), ask('user-token')])
  t.equal(keystone.validations.length, 2)
  keystone.tokens.delete('user-token')
  await t.rejects(ask('user-token'), { code: 'TOKEN_REFUSED' })
})

t.test('a token that expires in the cache is not good any more', async (t) => {
  const keystone = await FakeKeystone.start(t)
  keystone.tokens.set('user-token', { ...MEMBER, expiresAtMs: Date.now() + 60_000 })
  const { ask, clock } = keystoneAuth(t, keystone)
  await ask('user-token')
  clock.jumpMs = 60_000
  await t.rejects(ask('user-token'), { code: 'TOKEN_REFUSED' })
  t.equal(keystone.validations.length, 1)
})

t.test('an expired user token is good with the token of a service, and only of a service', async (t) => {
  const keystone = await FakeKeystone.start(t)
  keystone.tokens.set('user-token', { ...MEMBER, expiresAtMs: Date.now() - 1000 })
  keystone.tokens.set('service-token', { userId: 'nova', projectId: 'service', roles: ['Service'] })
  keystone.tokens.set('service-token-of-nobody', MEMBER)
  const { ask } = keystoneAuth(t, keystone)
  await t.rejects(ask('user-token'), { code: 'TOKEN_REFUSED' })
  t.match(await ask('user-token', { 'x-service-token': 'service-token' }), {
    userId: 'u1',
    roles: ['member', 'reader'],
    serviceRoles: ['service'],
  })
  t.match(keystone.validations.at(-1), { path: '/v3/auth/tokens?nocatalog&allow_expired=1' })
  await t.rejects(ask('user-token'), { code: 'TOKEN_REFUSED' }, 'what is in the cache is not good alone')
  await t.rejects(ask('user-token', { 'x-service-token': 'service-token-of-nobody' }), {
    code: 'TOKEN_REFUSED',
  })
  await t.rejects(ask('user-token', { 'x-service-token': 'garbage' }), { code: 'TOKEN_REFUSED' })
})

t.test('a service token without its role counts only where it need not have one', async (t) => {
  const keystone = await FakeKeystone.start(t)
  keystone.tokens.set('user-token', MEMBER)
  keystone.tokens.set('service-token', { userId: 'x', projectId: 'y', roles: ['reader'] })
  const lax = keystoneAuth(t, keystone)
  t.match(await lax.ask('user-token', { 'x-service-token': 'service-token' }), { serviceRoles: ['reader'] })
  const strict = keystoneAuth(t, keystone, { options: { serviceTokenRolesRequired: true } })
  await t.rejects(strict.ask('user-token', { 'x-service-token': 'service-token' }), { code: 'TOKEN_REFUSED' })
})

t.test('anonymous access is that of nobody', async (t) => {
  const keystone = await FakeKeystone.start(t)
  const { ask } = keystoneAuth(t, keystone, { options: { allowAnonymous: true } })
  for (const token of [undefined, 'garbage'])
    t.match(await ask(token), { userId: null, projectId: null, roles: [], isAdmin: false })
  t.match(await ask('garbage', { 'x-service-token': 'garbage', 'x-roles': 'admin' }), {
    roles: [],
    serviceRoles: [],
  })
})

t.test('the own token is renewed before it expires, and when Keystone has forgotten it', async (t) => {
  const keystone = await FakeKeystone.start(t)
  keystone.tokens.set('user-token', MEMBER)
  const { ask, clock } = keystoneAuth(t, keystone, { options: { cacheMs: 0 } })
  await ask('user-token')
  clock.jumpMs = 0.89 * 3_600_000
  await ask('user-token')
  t.equal(keystone.authentications, 1)
  clock.jumpMs = 0.91 * 3_600_000
  await ask('user-token')
  t.equal(keystone.authentications, 2)
  keystone.own.clear()
  await Promise.all([ask('user-token'), ask('user-token'), ask('user-token')])
  t.equal(keystone.authentications, 3, 'once for all')
})

t.test('Keystone that does not answer is 503, and one request at a time tries again', async (t) => {
  const keystone = await FakeKeystone.start(t)
  keystone.tokens.set('user-token', MEMBER)
  keystone.tokens.set('user-token-cached', MEMBER)
  const { authenticator, ask, clock } = keystoneAuth(t, keystone, { attemptMs: 100 })
  const { app } = testApi(t, { components: { authenticator } })
  await ask('user-token-cached')
  const gate = deferred()
  keystone.gate = gate.promise
  const answer = await app.inject({ url: '/v2/images', headers: { 'x-auth-token': 'user-token' } })
  t.match(answer, { statusCode: 503, body: /Keystone.*does not answer/, headers: { 'retry-after': /\d/ } })
  t.match(await ask('user-token-cached'), { userId: 'u1' }, 'who is known is served')
  await t.rejects(ask(), { code: 'TOKEN_REFUSED' }, 'no token, no question')

  const askedBefore = keystone.asked.length
  await t.rejects(ask('user-token'), { code: 'UNAVAILABLE' })
  t.equal(keystone.asked.length, askedBefore, 'nobody asks for a while')
  clock.jumpMs = 1000
  const results = await Promise.allSettled([ask('user-token'), ask('user-token-2'), ask('user-token-3')])
  t.ok(results.every(({ status }) => status === 'rejected'))
  t.strictSame(
    [...new Set(keystone.asked.slice(askedBefore).map(({ subject }) => subject))],
    ['user-token'],
    'one of them has asked',
  )
  gate.resolve()
  clock.jumpMs = 2000
  t.match(await ask('user-token'), { userId: 'u1' }, 'and all is well again')
})

t.test('nobody listens, wrong credentials, confused answers: never access', async (t) => {
  const keystone = await FakeKeystone.start(t)
  keystone.tokens.set('user-token', MEMBER)
  const nobody = createServer().listen(0, '127.0.0.1')
  await once(nobody, 'listening')
  const { port } = nobody.address() as { port: number }
  nobody.close()
  const deaf = keystoneAuth(t, keystone, { url: `http://127.0.0.1:${port}` })
  await t.rejects(deaf.ask('user-token'), { code: 'UNAVAILABLE', message: /does not answer/ })
  t.match(deaf.entries.at(-1), { fields: { error: /ECONNREFUSED/ } })

  const wrong = keystoneAuth(t, keystone, { password: 'wrong' })
  await t.rejects(wrong.ask('user-token'), {
    code: 'UNAVAILABLE',
    message: /does not let this node in \(401\)/,
  })
  wrong.clock.jumpMs = 9000
  await t.rejects(wrong.ask('user-token'), { code: 'UNAVAILABLE' })
  t.equal(keystone.authentications, 1, 'a wrong password is not tried often')

  const { ask } = keystoneAuth(t, keystone)
  const bodies = [
    '',
    'no JSON',
    '[]',
    '{}',
    '{"token":{}}',
    '{"token":{"user":{"id":"u"}}}',
    '{"token":null}',
  ]
  bodies.push('{"token":{"user":{"id":"u"},"expires_at":"2099-01-01T00:00:00Z","roles":"admin"}}')
  bodies.push(`{"token":{"user":{"id":"${'u'.repeat(256)}"},"expires_at":"2099-01-01T00:00:00Z"}}`)
  for (const body of bodies) {
    keystone.answer = (response) => response.writeHead(200).end(body)
    await t.rejects(ask('user-token'), { code: 'UNAVAILABLE', message: /no clear answer/ }, body)
  }
  for (const status of [204, 301, 400, 403, 409, 500, 502, 503]) {
    keystone.answer = (response) => response.writeHead(status, { location: keystone.url }).end('{}')
    await t.rejects(ask('user-token'), { code: 'UNAVAILABLE' }, String(status))
  }
  keystone.answer = (response) => response.writeHead(200).end(Buffer.alloc(5 * 1024 * 1024))
  await t.rejects(ask('user-token'), { code: 'UNAVAILABLE' }, 'more than an answer may be')
})

t.test('tokens are checked where the catalogue says', async (t) => {
  const keystone = await FakeKeystone.start(t)
  const elsewhere = await FakeKeystone.start(t)
  elsewhere.tokens.set('user-token', MEMBER)
  keystone.endpoints = [
    { interface: 'public', region: 'one', url: 'http://public.invalid/v3' },
    { interface: 'internal', region: 'one', url: 'http://wrong.invalid/v3' },
    { interface: 'internal', region_id: 'two', url: `${elsewhere.url}/identity/v2.0/` },
  ]
  const { ask } = keystoneAuth(t, keystone, { region: 'two', url: `${keystone.url}/v3/` })
  elsewhere.own.add('own-1')
  t.match(await ask('user-token'), { userId: 'u1' })
  t.strictSame(
    elsewhere.asked.map(({ path }) => path),
    ['/identity/v3/auth/tokens?nocatalog'],
  )
  t.equal(keystone.validations.length, 0)
})

t.test('no secret is in any log', async (t) => {
  const text = JSON.stringify(allEntries)
  t.ok(text.includes('Keystone cannot check tokens now'))
  t.strictSame(
    SECRETS.filter((secret) => text.includes(secret)),
    [],
  )
})
