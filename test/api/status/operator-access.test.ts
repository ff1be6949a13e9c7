import t from 'tap'
import { buildOperatorServer } from '../../../api/status/status-routes.ts'
import type { AccessRules } from '../../../api/status/operator-access.ts'
import { accessFor, operatorComponents } from '../../helpers/operator-components.ts'

const TOKEN = 'a-token-of-some-length'
const STATUS = '/v1/cluster/status'
const type = 'text/html; charset=utf-8'
const page = new Map([['/', { body: Buffer.from('<!doctype html>'), type, etag: '"1"' }]])

function operator(rules: Partial<AccessRules>) {
  const set: string[] = []
  const app = buildOperatorServer(
    operatorComponents({
      page,
      access: accessFor(rules),
      clusterStatus: async () => ({ verdict: 'HEALTHY' }) as never,
      loops: {
        describe: () => ({ node: 'a', loops: [] }),
        change: (name: string) => set.push(name) as never,
      } as never,
    }),
    { disableFile: '/nonexistent/disable', clientPauseMs: 1000 },
  )
  t.teardown(() => app.close())
  const get = (headers: Record<string, string>, url = STATUS) => app.inject({ url, headers })
  const post = (headers: Record<string, string>) =>
    app.inject({ method: 'POST', url: '/v1/cluster/loops/updater', headers, body: { paused: true } })
  return { get, post, set }
}

t.test('on loopback whoever connects is an operator, but no page of another site', async (t) => {
  const { get, post, set } = operator({ isOpen: true })
  t.equal((await get({ host: '127.0.0.1:9295' })).statusCode, 200)
  t.equal((await post({ host: '127.0.0.1:9295' })).statusCode, 200, 'programs send no origin')
  const own = { host: 'localhost:9295', origin: 'http://localhost:9295', 'sec-fetch-site': 'same-origin' }
  t.equal((await post(own)).statusCode, 200)
  t.equal(set.length, 2)
  const foreign: Record<string, string>[] = [
    { host: 'localhost:9295', origin: 'http://evil.example' },
    { host: 'localhost:9295', origin: 'http://localhost:8000' },
    { host: 'localhost:9295', origin: 'null' },
    { host: 'localhost:9295', 'sec-fetch-site': 'cross-site' },
    { host: 'localhost:9295', 'sec-fetch-site': 'same-site' },
    { host: 'evil.example' },
  ]
  for (const headers of foreign) t.equal((await post(headers)).statusCode, 403, JSON.stringify(headers))
  t.equal(set.length, 2, 'nothing more was set')
  t.equal((await get({ host: 'evil.example:9295' })).statusCode, 403, 'nor read, by a name that leads here')
  for (const host of ['[::1]:9295', '10.0.0.1', 'LOCALHOST'])
    t.equal((await get({ host })).statusCode, 200, host)
})

t.test('elsewhere the token is asked for, or an administrator of Keystone', async (t) => {
  const { get, post, set } = operator({ isOpen: false, token: TOKEN, takesKeystone: true })
  t.match(await get({}), { statusCode: 401, headers: { 'www-authenticate': /Bearer/ } })
  t.equal((await get({ authorization: `Bearer ${TOKEN}x` })).statusCode, 401)
  t.equal((await get({ authorization: `Basic ${TOKEN}` })).statusCode, 401)
  t.equal((await get({ authorization: `Bearer ${TOKEN}`, host: 'serac.example' })).statusCode, 200)
  t.equal((await get({ 'x-auth-token': 'admin' })).statusCode, 200)
  t.equal((await get({ 'x-auth-token': 'member' })).statusCode, 403)
  t.equal((await get({ 'x-auth-token': 'nobody' })).statusCode, 401)
  t.equal((await post({})).statusCode, 401)
  t.equal((await post({ authorization: `Bearer ${TOKEN}`, origin: 'http://evil.example' })).statusCode, 403)
  t.strictSame(set, [])
  t.equal((await get({}, '/')).statusCode, 200, 'the page itself is no secret')
  t.equal((await get({}, '/healthcheck')).statusCode, 200)
  t.equal((await get({}, '/v1/nothing')).statusCode, 401)
})

t.test('without Keystone its tokens say nothing', async (t) => {
  const { get } = operator({ isOpen: false, token: TOKEN })
  t.equal((await get({ 'x-auth-token': 'admin' })).statusCode, 401)
})

t.test('the page comes with a strict policy, and not again when it is known', async (t) => {
  const { get } = operator({ isOpen: true })
  const { headers, body } = await get({ host: 'localhost' }, '/')
  t.equal(body, '<!doctype html>')
  const policy = String(headers['content-security-policy'])
  t.match(policy, "default-src 'none'")
  t.notMatch(policy, /unsafe|https?:|\*/)
  t.match(headers, { 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY' })
  t.equal((await get({ host: 'localhost', 'if-none-match': '"1"' }, '/')).statusCode, 304)
  t.equal((await get({ host: 'localhost' }, '/page/../package.json')).statusCode, 404)
})
