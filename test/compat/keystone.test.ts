/** Three nodes with auth_strategy = keystone and a real Keystone: users with passwords, and what becomes of tokens. */
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { parseSetting } from '../../deploy/dev/node-config.ts'
import { waitFor } from '../../deploy/dev/wait-for.ts'
import { fileFacts, ISO } from './bootable-image.ts'
import { clientCluster } from './client-cluster.ts'
import { credentialsOf, RealKeystone, regionOf, type UserName } from './real-keystone.ts'
import { openstackUser, type RoamingClient } from './roaming-client.ts'

const CACHE_SECONDS = 3
const LIMITS_SECONDS = 1
/** Keystone's own answer takes a second on a busy machine; nobody waits for a Keystone that is away longer than this, ms. */
const ANSWER_LIMIT_MS = 20_000
/** After this at the latest, ms, nodes try again a Keystone that did not let them in. */
const RECOVERY_LIMIT_MS = 60_000

const keystone = await RealKeystone.start(t)
const urls = await clientCluster(
  t,
  [
    'DEFAULT.auth_strategy=keystone',
    `keystone_authtoken.auth_url=${keystone.url}`,
    'keystone_authtoken.username=serac',
    'keystone_authtoken.password=seracpw',
    'keystone_authtoken.project_name=service',
    'keystone_authtoken.user_domain_name=Default',
    'keystone_authtoken.project_domain_id=default',
    `keystone_authtoken.token_cache_time=${CACHE_SECONDS}`,
    'keystone_authtoken.http_connect_timeout=3',
    'keystone_authtoken.http_request_max_retries=1',
    'DEFAULT.use_keystone_limits=true',
    'oslo_limit.endpoint_service_type=image',
    `oslo_limit.endpoint_region_name=${regionOf(0)}`,
    `oslo_limit.cache_time=${LIMITS_SECONDS}`,
  ].map(parseSetting),
)
await keystone.registerImageService(urls)
await keystone.registerLimits({
  image_size_total: -1,
  image_stage_total: -1,
  image_count_total: -1,
  image_count_uploading: 5,
})

function userOf(t: Test, name: UserName): Promise<RoamingClient> {
  return openstackUser(
    t,
    urls.map((_, index) => regionOf(index)),
    credentialsOf(keystone, name),
  )
}

/** The status of a request to a node, by a token or without one. */
async function statusOf(
  token: string | null,
  { node = 0, path = '/v2/images', ...rest }: RequestInit & { node?: number; path?: string } = {},
): Promise<number> {
  const headers = new Headers(rest.headers)
  if (token !== null) headers.set('x-auth-token', token)
  const signal = AbortSignal.timeout(ANSWER_LIMIT_MS)
  const response = await fetch(urls[node]! + path, { ...rest, headers, signal })
  await response.arrayBuffer()
  return response.status
}

async function becomes(status: number, token: string, node: number): Promise<boolean> {
  return waitFor(async () => (await statusOf(token, { node })) === status, {
    limitMs: RECOVERY_LIMIT_MS,
    signal: undefined,
  })
}

for (const name of ['admin', 'demo'] as const)
  t.test(`the whole life of an image of ${name}, who logs in with a password`, async (t) => {
    const user = await userOf(t, name)
    const stranger = await userOf(t, 'stranger')
    const form = ['--container-format', 'bare', '--disk-format', 'iso']
    const made = ['image', 'create', '-f', 'json', ...form, '--private', `of-${name}`]
    const { id } = JSON.parse(await user.run(made, createReadStream(ISO))) as { id: string }
    t.match(JSON.parse(await user.run(['image', 'show', '-f', 'json', id])), { id, status: 'active' })
    t.match(JSON.parse(await user.run(['image', 'list', '-f', 'json'])), [{ ID: id }])
    const file = join(t.testdir(), 'saved')
    await user.run(['image', 'save', '--file', file, id])
    t.strictSame(await fileFacts(file), await fileFacts(ISO))
    t.strictSame(JSON.parse(await stranger.run(['image', 'list', '-f', 'json'])), [])
    t.match(await stranger.refusal('image', 'show', id), /No Image found/)
    await user.run(['image', 'delete', id])
    t.strictSame(JSON.parse(await user.run(['image', 'list', '-f', 'json'])), [])
  })

t.test('a reader of the project reads, and no more', async (t) => {
  const reader = await userOf(t, 'reader')
  t.strictSame(JSON.parse(await reader.run(['image', 'list', '-f', 'json'])), [])
  t.match(await reader.refusal('image', 'create', 'of-reader'), /403/)
})

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

t.test('the limits of a project count on every node', async (t) => {
  const { token } = await keystone.issueToken('stranger')
  const send = async (node: number, method: string, path: string, body?: Buffer) => {
    const type = path.endsWith('/file') ? 'application/octet-stream' : 'application/json'
    const headers = { 'x-auth-token': token, 'content-type': type, accept: 'text/plain' }
    const signal = AbortSignal.timeout(ANSWER_LIMIT_MS)
    const answer = await fetch(urls[node]! + path, { method, headers, signal, ...(body && { body }) })
    return { status: answer.status, text: await answer.text() }
  }
  const create = (node: number) =>
    send(node, 'POST', '/v2/images', Buffer.from('{"disk_format":"raw","container_format":"bare"}'))
  const idIn = ({ text }: { text: string }) => (JSON.parse(text) as { id: string }).id
  const usage = async (node: number) =>
    (JSON.parse((await send(node, 'GET', '/v2/info/usage')).text) as { usage: object }).usage

  t.match(await usage(0), {
    image_count_total: { usage: 0, limit: -1 },
    image_count_uploading: { usage: 0, limit: 5 },
  })
  await keystone.limit('stranger', 'image_count_total', 2)
  await keystone.limit('stranger', 'image_size_total', 1)
  await sleep(LIMITS_SECONDS * 1000)
  const ids = [idIn(await create(0)), idIn(await create(1))]
  const third = await create(2)
  t.equal(third.status, 413)
  t.match(
    third.text,
    'is over a limit for [Resource image_count_total is over limit of 2 due to current usage 2 and delta 1]',
  )
  const data = Buffer.alloc(2 * 1024 * 1024)
  t.match(await send(0, 'PUT', `/v2/images/${ids[0]}/file`, data), { status: 204 })
  t.match(await send(1, 'PUT', `/v2/images/${ids[1]}/file`, data), {
    status: 413,
    text: 'Resource image_size_total is over limit of 1 due to current usage 2 and delta 0',
  })
  t.match(await usage(2), {
    image_size_total: { usage: 2, limit: 1 },
    image_stage_total: { usage: 0, limit: -1 },
    image_count_total: { usage: 2, limit: 2 },
    image_count_uploading: { usage: 0, limit: 5 },
  })
  for (const id of ids) t.match(await send(2, 'DELETE', `/v2/images/${id}`), { status: 204 })
  t.match(await create(0), { status: 201 })
})

t.test('an expired token finishes an upload with the token of a service, and not without', async (t) => {
  // Under a Keystone whose tokens live for 3 s; then it is its usual self, and nobody need hurry.
  const usual = await keystone.issueToken('demo')
  const headers = { 'content-type': 'application/json' }
  const create = await fetch(`${urls[0]}/v2/images`, {
    method: 'POST',
    headers: { ...headers, 'x-auth-token': usual.token },
    body: JSON.stringify({ name: 'late', disk_format: 'raw', container_format: 'bare' }),
  })
  const { id } = (await create.json()) as { id: string }
  await keystone.process.kill()
  await keystone.run(3)
  const late = await keystone.issueToken('demo')
  await keystone.process.kill()
  await keystone.run()
  await sleep(Math.max(0, late.expiresAtMs - Date.now() + 1000))
  const service = (await keystone.issueToken('nova')).token
  const ordinary = (await keystone.issueToken('stranger')).token

  const upload = (node: number, more: Record<string, string>) =>
    statusOf(late.token, {
      node,
      path: `/v2/images/${id}/file`,
      method: 'PUT',
      headers: { 'content-type': 'application/octet-stream', ...more },
      body: 'data',
    })
  t.ok(await becomes(401, late.token, 1))
  t.equal(await upload(1, {}), 401)
  t.equal(await upload(1, { 'x-service-token': ordinary }), 401)
  t.equal(await upload(1, { 'x-service-token': 'garbage' }), 401)
  t.equal(await upload(1, { 'x-service-token': service }), 204)
  t.equal(await upload(1, {}), 401)
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
