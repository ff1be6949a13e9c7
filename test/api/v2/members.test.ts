/** Members, tags and actions over HTTP, with the statuses that Glance 25.1 was seen to give. */
import { Readable } from 'node:stream'
import t from 'tap'
import { callerWith } from '../../../api/auth/caller.ts'
import { TrustedHeaders } from '../../../api/auth/trusted-headers.ts'
import { testApi } from '../../helpers/api-server.ts'

const ID = '11111111-2222-3333-4444-555555555555'
const NO_ID = '11111111-2222-3333-4444-000000000000'
const IMAGE = `/v2/images/${ID}`
const MEMBERS = `${IMAGE}/members`
const own = callerWith('req-test', { projectId: 'own', roles: ['member'] })

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

async function apiWithImage(t: Parameters<typeof testApi>[0]) {
  const api = testApi(t, { components: { authenticator: new TrustedHeaders() } })
  await api.images.create(own, { id: ID, diskFormat: 'raw', containerFormat: 'bare' })
  const call = (method: Method, url: string, project = 'own', body?: unknown) =>
    api.app.inject({
      method,
      url,
      headers: {
        'x-identity-status': 'Confirmed',
        'x-project-id': project,
        'x-roles': project === 'adm' ? 'admin' : 'member',
      },
      ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
    })
  const status = async (...args: Parameters<typeof call>) => (await call(...args)).statusCode
  return { ...api, call, status }
}

t.test('an image is shared, seen, accepted and taken back', async (t) => {
  const { call, status } = await apiWithImage(t)
  t.same((await call('GET', MEMBERS)).json(), { members: [], schema: '/v2/schemas/members' })
  t.equal(await status('GET', IMAGE, 'm1'), 404)

  const added = await call('POST', MEMBERS, 'own', { member: 'm1', more: 1 })
  t.equal(added.statusCode, 200, 'not 201')
  const { created_at: created, updated_at: updated, ...rest } = added.json<Record<string, string>>()
  t.same(rest, { member_id: 'm1', image_id: ID, status: 'pending', schema: '/v2/schemas/member' })
  t.match([created, updated], [/Z$/, /Z$/])
  t.equal(await status('GET', IMAGE, 'm1'), 200)
  t.equal(await status('POST', MEMBERS, 'own', { member: 'm2' }), 200)
  t.equal(await status('POST', MEMBERS, 'own', { member: 'm2' }), 409)
  t.equal(await status('POST', MEMBERS, 'own', { member: 'm3' }), 413)

  t.match((await call('GET', MEMBERS, 'own')).json(), { members: { length: 2 } })
  t.match((await call('GET', MEMBERS, 'm1')).json(), { members: { length: 1, 0: { member_id: 'm1' } } })
  t.equal(await status('GET', `${MEMBERS}/m2`, 'm1'), 404)
  t.equal(await status('GET', `${MEMBERS}/m2`, 'own'), 200)

  const accept = { status: 'accepted' }
  t.match((await call('PUT', `${MEMBERS}/m1`, 'm1', accept)).json(), { member_id: 'm1', status: 'accepted' })
  t.equal(await status('PUT', `${MEMBERS}/m1`, 'own', accept), 403)
  t.equal(await status('PUT', `${MEMBERS}/m2`, 'm1', accept), 404)
  t.equal(await status('PUT', `${MEMBERS}/m2`, 'adm', accept), 200)
  t.equal(await status('DELETE', `${MEMBERS}/m1`, 'm1'), 403)
  t.equal(await status('DELETE', `${MEMBERS}/m1`), 204)
  t.equal(await status('DELETE', `${MEMBERS}/m1`), 404)
  t.equal(await status('GET', IMAGE, 'm1'), 404)
})

t.test('member requests of a wrong form', async (t) => {
  const { call, status } = await apiWithImage(t)
  await call('POST', MEMBERS, 'own', { member: 'm1' })
  for (const body of [
    {},
    [],
    'm1',
    { member: '' },
    { member: null },
    { member: 1 },
    { member: 'm'.repeat(256) },
  ])
    t.equal(await status('POST', MEMBERS, 'own', body), 400, JSON.stringify(body))
  for (const body of [{}, [], { status: 'maybe' }, { status: 1 }, { status: null }])
    t.equal(await status('PUT', `${MEMBERS}/m1`, 'm1', body), 400, JSON.stringify(body))
  t.equal(await status('PUT', `${MEMBERS}/m1`, 'own', { status: 'maybe' }), 403)
  t.equal(await status('POST', MEMBERS), 400, 'no body')
  t.equal(await status('GET', MEMBERS, 'own', {}), 400, 'a body')
  t.equal(await status('DELETE', `${MEMBERS}/m1`, 'own', {}), 400)
  for (const method of ['GET', 'DELETE'] as const) t.equal(await status(method, `${MEMBERS}/`), 404)
  t.equal(await status('GET', `/v2/images/${NO_ID}/members`), 404)
  t.match(await call('PUT', MEMBERS), { statusCode: 405, headers: { allow: 'GET, POST' } })
  t.match(await call('POST', `${MEMBERS}/m1`), { statusCode: 405, headers: { allow: 'GET, PUT, DELETE' } })
})

t.test('tags', async (t) => {
  const { call, status } = await apiWithImage(t)
  const tag = (name: string) => `${IMAGE}/tags/${encodeURIComponent(name)}`
  for (const name of ['a', 'a', 'ü x', 'a/b'])
    t.match(await call('PUT', tag(name)), { statusCode: 204, body: '' })
  t.same((await call('GET', IMAGE)).json<{ tags: string[] }>().tags, ['a', 'a/b', 'ü x'])
  t.equal(await status('PUT', tag('d')), 413)
  t.equal(await status('DELETE', tag('a')), 204)
  t.equal(await status('DELETE', tag('a')), 404)
  t.equal(await status('PUT', tag('x'.repeat(255))), 204)
  t.equal(await status('PUT', tag('x'.repeat(256))), 400)
  t.equal(await status('DELETE', tag('x'.repeat(256))), 404)
  t.equal(await status('PUT', `${IMAGE}/tags/%ff`), 400, 'no UTF-8')
  t.equal(await status('PUT', tag('a'), 'own', {}), 400, 'a body')
  t.equal(await status('PUT', tag('a'), 'other'), 404)
  t.equal(await status('PUT', tag('')), 404)
  t.equal(await status('GET', `${IMAGE}/tags`), 404)
  t.match(await call('GET', tag('a')), { statusCode: 405, headers: { allow: 'PUT, DELETE' } })
})

t.test('deactivate and reactivate', async (t) => {
  const { images, call, status } = await apiWithImage(t)
  const act = (action: string, ...more: [string?, unknown?]) =>
    status('POST', `${IMAGE}/actions/${action}`, ...more)
  t.equal(await act('deactivate'), 403, 'queued')
  await images.upload(own, ID, Readable.from([Buffer.from('bytes')]), null)
  t.equal(await act('reactivate'), 204)
  t.equal(await act('deactivate', 'own', {}), 400, 'a body')
  t.equal(await act('deactivate', 'other'), 404)
  for (const _ of ['once', 'twice']) t.equal(await act('deactivate'), 204)
  t.match((await call('GET', IMAGE)).json(), { status: 'deactivated', size: 5 })
  for (const _ of ['once', 'twice']) t.equal(await act('reactivate'), 204)
  t.match((await call('GET', IMAGE)).json(), { status: 'active' })
  t.equal(await act('explode'), 404)
  t.match(await call('GET', `${IMAGE}/actions/deactivate`), { statusCode: 405, headers: { allow: 'POST' } })
})
