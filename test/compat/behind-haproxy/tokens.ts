/** What becomes of tokens: directly at each node, by a real Keystone that is stopped, paused and started again. */
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { waitFor } from '../../../deploy/dev/wait-for.ts'
import { CACHE_SECONDS, controllers, LIMITS_SECONDS, statusOf } from './controllers.ts'

/** After this at the latest, ms, nodes try again a Keystone that did not let them in. */
const RECOVERY_LIMIT_MS = 60_000

const { keystone, nodeUrls: urls } = controllers

/** Resolves with its id. */
async function createQueued(token: string): Promise<string> {
  const response = await fetch(`${urls[0]}/v2/images`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-auth-token': token },
    body: JSON.stringify({ name: 'of-a-token', disk_format: 'raw', container_format: 'bare' }),
  })
  return ((await response.json()) as { id: string }).id
}

function upload(token: string, id: string, more: Record<string, string> = {}): Promise<number> {
  const headers = { 'content-type': 'application/octet-stream', ...more }
  return statusOf(token, { path: `/v2/images/${id}/file`, method: 'PUT', headers, body: 'data' })
}

async function becomes(status: number, token: string, node: number): Promise<boolean> {
  return waitFor(async () => (await statusOf(token, { node })) === status, {
    limitMs: RECOVERY_LIMIT_MS,
    signal: undefined,
  })
}

t.test('no token, garbage, a revoked one', async (t) => {
  t.equal(await statusOf(null), 401)
  t.equal(await statusOf('garbage'), 401)
  t.equal(await statusOf(null, { headers: { 'x-identity-status': 'Confirmed', 'x-roles': 'admin' } }), 401)
  const { token } = await keystone.issueToken('demo')
  for (const node of urls.keys()) t.equal(await statusOf(token, { node }), 200)
  await keystone.revoke(token)
  await sleep(CACHE_SECONDS * 1000)
  for (const node of urls.keys()) t.equal(await statusOf(token, { node }), 401)
})

t.test('a token of another project gets a 404 for all of an image, one of no project a 403', async (t) => {
  const owner = await keystone.issueToken('demo')
  const id = await createQueued(owner.token)
  const path = `/v2/images/${id}`
  const { token } = await keystone.issueToken('stranger')
  for (const node of urls.keys()) t.equal(await statusOf(token, { node, path }), 404)
  const body = JSON.stringify([{ op: 'replace', path: '/name', value: 'mine' }])
  const headers = { 'content-type': 'application/openstack-images-v2.1-json-patch' }
  t.equal(await statusOf(token, { path, method: 'PATCH', headers, body }), 404)
  t.equal(await upload(token, id), 404)
  t.equal(await statusOf(token, { path: `${path}/file` }), 404)
  t.equal(await statusOf(token, { path, method: 'DELETE' }), 404)
  t.equal(await statusOf(owner.token, { path, method: 'DELETE' }), 204)

  const unscoped = (await keystone.issueToken('demo', 'unscoped')).token
  t.equal(await statusOf(unscoped), 403)
})

t.test('a thousand requests with one token are a handful of questions', async (t) => {
  const { token } = await keystone.issueToken('demo')
  const before = await keystone.validations()
  const startMs = performance.now()
  for (let i = 0; i < 20; i++)
    await Promise.all(Array.from({ length: 50 }, (_, index) => statusOf(token, { node: index % 3 })))
  const periods = Math.floor((performance.now() - startMs) / (CACHE_SECONDS * 1000)) + 1
  const questions = (await keystone.validations()) - before
  t.ok(questions >= 3 && questions <= 3 * periods, `${questions} questions in ${periods} times of the cache`)
})

t.test('an expired token finishes an upload with the token of a service, and not without', async (t) => {
  // Under a Keystone whose tokens live for 3 s; then it is its usual self, and nobody need hurry.
  const usual = await keystone.issueToken('demo')
  const id = await createQueued(usual.token)
  await keystone.process.kill()
  await keystone.run(3)
  const late = await keystone.issueToken('demo')
  await keystone.process.kill()
  await keystone.run()
  await sleep(Math.max(0, late.expiresAtMs - Date.now() + 1000))
  const service = (await keystone.issueToken('nova')).token
  const ordinary = (await keystone.issueToken('stranger')).token

  t.ok(await becomes(401, late.token, 0))
  t.equal(await upload(late.token, id), 401)
  t.equal(await upload(late.token, id, { 'x-service-token': ordinary }), 401)
  t.equal(await upload(late.token, id, { 'x-service-token': 'garbage' }), 401)
  t.equal(await upload(late.token, id, { 'x-service-token': service }), 204)
  t.equal(await upload(late.token, id), 401)
  t.equal(await statusOf(usual.token, { path: `/v2/images/${id}`, method: 'DELETE' }), 204)
})

t.test('a node that Keystone does not let in lets nobody in, and recovers', async (t) => {
  const { token } = await keystone.issueToken('demo')
  await keystone.setEnabled('serac', false)
  await sleep(CACHE_SECONDS * 1000)
  for (const node of urls.keys()) t.equal(await statusOf(token, { node }), 503)
  await keystone.setEnabled('serac', true)
  for (const node of urls.keys()) t.ok(await becomes(200, token, node))
})

t.test('Keystone hangs, then dies: 503 in time and never access; and back', async (t) => {
  const { token } = await keystone.issueToken('demo')
  const other = await keystone.issueToken('stranger')
  for (const node of urls.keys()) t.equal(await statusOf(token, { node }), 200)
  await keystone.process.pause()
  const statuses = await Promise.all(
    Array.from({ length: 30 }, (_, index) => statusOf(other.token, { node: index % 3 })),
  )
  t.strictSame([...new Set(statuses)], [503])
  t.equal(await statusOf(null), 401)
  await sleep(CACHE_SECONDS * 1000)
  t.equal(await statusOf(token), 503, 'also who was known before')
  await keystone.process.resume()
  for (const node of urls.keys()) t.ok(await becomes(200, token, node))

  await keystone.process.kill()
  await sleep(LIMITS_SECONDS * 1000)
  for (const node of urls.keys()) t.equal(await statusOf(token, { node, method: 'POST', body: '{}' }), 503)
  await sleep(CACHE_SECONDS * 1000)
  for (const node of urls.keys()) t.equal(await statusOf(token, { node }), 503)
  t.equal(await statusOf('garbage'), 503)
  await keystone.run()
  for (const node of urls.keys()) t.ok(await becomes(200, token, node))
  t.ok(await becomes(401, 'garbage', 0))
})
