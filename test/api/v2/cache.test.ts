import { randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { silentLog } from '../../../cluster/runtime.ts'
import { CacheService } from '../../../node/images/cache-service.ts'
import { cacheableOf } from '../../../node/images/caching-opener.ts'
import { CacheAdmin } from '../../../node/status/cache-admin.ts'
import { EventLog } from '../../../node/status/event-log.ts'
import { StatusQuestions } from '../../../node/status/status-questions.ts'
import { testApi } from '../../helpers/api-server.ts'
import { defaultPolicy } from '../../helpers/default-policy.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'
import { MemoryNetwork } from '../../helpers/memory-network.ts'
import { TrustedHeaders } from '../../../api/auth/trusted-headers.ts'
import { cacheHome, fill, newId } from '../../node/cache/cache-fixture.ts'
import { activeImage } from '../../node/images/image-fixture.ts'
import { MemoryRegisters } from '../../node/images/memory-registers.ts'

const ADMIN = {
  'x-identity-status': 'Confirmed',
  'x-user-id': 'u',
  'x-project-id': 'admin',
  'x-roles': 'admin,member,reader',
}
const MEMBER = {
  'x-identity-status': 'Confirmed',
  'x-user-id': 'u',
  'x-project-id': 'p',
  'x-roles': 'member,reader',
}
const BYTES = randomBytes(100)

async function apiOf(t: Test, { hasCache = true } = {}) {
  const registers = new MemoryRegisters()
  const cache = hasCache ? await (await cacheHome(t)).open() : null
  const keeper = {
    nudges: 0,
    cleans: 0,
    nudge: () => void keeper.nudges++,
    requestClean: () => void keeper.cleans++,
  }
  const network = new MemoryNetwork()
  const adminAt = (self: string, own: typeof cache) =>
    new CacheAdmin({
      self,
      apiUrl: `http://${self}`,
      cache: own,
      keeper,
      isActive: async (id) => registers.record(id)?.status === 'active',
      members: () => ['a', 'b', 'c'],
      questions: new StatusQuestions({ self, rpc: network.join(self) }),
      events: new EventLog(new ManualClock(), silentLog),
    })
  const admin = adminAt('a', cache)
  adminAt('b', null)
  const service = new CacheService({
    cache,
    keeper,
    policy: defaultPolicy,
    registers: registers.images,
    urlsWith: (id) => admin.urlsWith(id),
  })
  const { app } = testApi(t, {
    components: { cache: service, authenticator: new TrustedHeaders() },
    options: { hasCache },
  })
  const ask = async (call: string, headers: Record<string, string> = ADMIN) => {
    const [method, url = ''] = call.split(' ')
    const answer = await app.inject({ method: method as 'GET', url, headers })
    const isJson = String(answer.headers['content-type']).startsWith('application/json')
    return { status: answer.statusCode, body: isJson ? answer.json<unknown>() : answer.body }
  }
  const image = activeImage({ id: newId(), size: BYTES.length, visibility: 'public' })
  const hidden = activeImage({ id: newId(), visibility: 'private', owner: 'somebody' })
  const queued = activeImage({ id: newId(), status: 'queued', data: null, size: null, visibility: 'public' })
  for (const record of [image, hidden, queued]) registers.put(record)
  const cacheIt = () => fill(cache!, cacheableOf(image)!, BYTES)
  return { ask, cache, cacheIt, keeper, image, hidden, queued, registers, admin, network }
}

t.test('the states of the cache, queueing, and taking out', async (t) => {
  const { ask, cacheIt, keeper, image, queued, cache } = await apiOf(t)
  const none = { cached_images: [], queued_images: [] }
  t.strictSame(await ask('GET /v2/cache'), { status: 200, body: none })
  t.match(await ask(`PUT /v2/cache/${image.id}`), { status: 202, body: '' })
  t.equal(keeper.nudges, 1)
  t.strictSame((await ask('GET /v2/cache')).body, { cached_images: [], queued_images: [image.id] })
  await cacheIt()
  const nowS = Date.now() / 1000
  const [row] = ((await ask('GET /v2/cache')).body as { cached_images: Record<string, number>[] })
    .cached_images
  t.match(row, { image_id: image.id, hits: 0, size: 100 })
  for (const name of ['last_accessed', 'last_modified']) t.ok(Math.abs(row![name]! - nowS) < 60, name)
  t.match(await ask(`PUT /v2/cache/${image.id}`), { status: 202 }, 'it is here')
  t.strictSame(cache?.queue.all, [])
  t.match(await ask(`PUT /v2/cache/${queued.id}`), { status: 400 })
  for (const id of [newId(), 'x']) {
    t.match(await ask(`PUT /v2/cache/${id}`), { status: 404 })
    t.match(await ask(`DELETE /v2/cache/${id}`), { status: 404 })
  }
  t.match(await ask(`DELETE /v2/cache/${queued.id}`), { status: 204 }, 'an image that is not there')
  t.match(await ask(`DELETE /v2/cache/${image.id}`), { status: 204, body: '' })
  t.strictSame((await ask('GET /v2/cache')).body, none)
  t.match(await ask('POST /v2/cache'), { status: 405 })
})

t.test('an image that is gone can still be taken out', async (t) => {
  const { ask, cacheIt, image, registers, cache } = await apiOf(t)
  await cacheIt()
  registers.put(image, { live: false })
  t.match(await ask(`PUT /v2/cache/${image.id}`), { status: 404 })
  t.match(await ask(`DELETE /v2/cache/${image.id}`), { status: 204 })
  t.equal(cache?.figures.images, 0)
  t.match(await ask(`DELETE /v2/cache/${image.id}`), { status: 404 })
})

t.test('the header says what is cleared', async (t) => {
  const { ask, cacheIt, cache, image } = await apiOf(t)
  const clear = (target: string) =>
    ask('DELETE /v2/cache', { ...ADMIN, 'x-image-cache-clear-target': target })
  const sizes = () => [cache?.figures.images, cache?.figures.queued]
  const prepare = async () => {
    await cacheIt()
    await cache?.queue.add(image.id)
  }
  for (const [target, left] of [
    ['cache', [0, 1]],
    ['QUEUE', [1, 0]],
    ['', [0, 0]],
  ] as const) {
    await prepare()
    t.match(await clear(target), { status: 204, body: '' })
    t.strictSame(sizes(), left, target)
    await cache?.clear()
  }
  await prepare()
  for (const target of ['both', 'constructor']) t.match(await clear(target), { status: 400 })
  t.strictSame(sizes(), [1, 1])
  t.match(await ask('DELETE /v2/cache'), { status: 204 })
  t.strictSame(sizes(), [0, 0])
})

t.test('prune, clean, nodes, and the calls that were there before', async (t) => {
  const { ask, cacheIt, cache, image, keeper, network } = await apiOf(t)
  t.strictSame(await ask('POST /v2/cache/prune'), {
    status: 200,
    body: { total_files_pruned: 0, total_bytes_pruned: 0 },
  })
  t.match(await ask('POST /v2/cache/clean'), { status: 200 })
  t.equal(keeper.cleans, 1)
  t.strictSame(await ask(`GET /v2/cache/nodes/${image.id}`), { status: 200, body: [] })
  await cacheIt()
  network.down.add('c')
  t.strictSame(await ask(`GET /v2/cache/nodes/${image.id}`), { status: 200, body: ['http://a'] })
  t.match(await ask(`GET /v2/cache/nodes/${newId()}`), { status: 404 })
  t.match(await ask('GET /v2/cached_images'), {
    status: 200,
    body: { cached_images: [{ image_id: image.id }] },
  })
  t.match(await ask(`DELETE /v2/cached_images/${image.id}`), { status: 200 })
  t.equal(cache?.figures.images, 0)
  const any = newId()
  t.match(await ask(`PUT /v2/queued_images/${any}`), { status: 200 })
  t.strictSame((await ask('GET /v2/queued_images')).body, { queued_images: [any] })
  t.match(await ask(`DELETE /v2/queued_images/${any}`), { status: 200 })
  t.strictSame((await ask('DELETE /v2/queued_images')).body, { num_deleted: 0 })
  await cacheIt()
  t.strictSame((await ask('DELETE /v2/cached_images')).body, { num_deleted: 1 })
})

const CALLS = [
  'GET /v2/cache',
  'DELETE /v2/cache',
  'PUT /v2/cache/ID',
  'DELETE /v2/cache/ID',
  'POST /v2/cache/clean',
  'POST /v2/cache/prune',
  'GET /v2/cache/nodes/ID',
  'GET /v2/cached_images',
  'DELETE /v2/cached_images',
  'DELETE /v2/cached_images/ID',
  'GET /v2/queued_images',
  'DELETE /v2/queued_images',
  'DELETE /v2/queued_images/ID',
  'PUT /v2/queued_images/ID',
]

t.test('only administrators may, and what they may not see is not there', async (t) => {
  const { ask, image, hidden } = await apiOf(t)
  for (const call of CALLS) t.match(await ask(call.replace('ID', image.id), MEMBER), { status: 403 }, call)
  for (const method of ['PUT', 'DELETE'])
    t.match(await ask(`${method} /v2/cache/${hidden.id}`, MEMBER), { status: 404 }, method)
})

t.test('a node without a cache says so, to those who might use it', async (t) => {
  const { ask, image } = await apiOf(t, { hasCache: false })
  for (const call of CALLS) {
    t.match(await ask(call.replace('ID', image.id)), { status: 404 }, call)
    t.match(await ask(call.replace('ID', image.id), MEMBER), { status: 403 }, call)
  }
})

t.test('the versions of the cache are listed where there is one', async (t) => {
  for (const hasCache of [true, false]) {
    const { ask } = await apiOf(t, { hasCache })
    const { versions } = (await ask('GET /versions')).body as { versions: { id: string; status: string }[] }
    for (const id of ['v2.14', 'v2.16', 'v2.18'])
      t.equal(
        versions.some((version) => version.id === id),
        hasCache,
        id,
      )
    t.equal(versions.find(({ status }) => status === 'CURRENT')?.id, hasCache ? 'v2.18' : 'v2.17')
  }
})

t.test('operators see and change the caches of all nodes', async (t) => {
  const { admin, cacheIt, image, queued, network, cache, keeper } = await apiOf(t)
  await cacheIt()
  t.match(await admin.describe(), {
    nodes: [
      { node: 'a', api: 'http://a', cache: { figures: { images: 1 }, images: [{ imageId: image.id }] } },
      { node: 'b', api: 'http://b', cache: { figures: null, images: [], queued: [] } },
      { node: 'c', api: null, cache: null },
    ],
  })
  const change = { action: 'delete', imageId: image.id, part: null } as const
  t.strictSame(await admin.change(change, null), { nodes: [{ node: 'a', changed: 1, error: null }] })
  const wish = { ...change, action: 'queue' } as const
  t.match(await admin.change(wish, 'a'), { nodes: [{ changed: 1 }] })
  t.match(await admin.change(wish, 'a'), { nodes: [{ changed: 0 }] })
  t.strictSame(cache?.queue.all, [image.id])
  t.equal(keeper.nudges, 2)
  await t.rejects(admin.change({ ...wish, imageId: queued.id }, null), { code: 'NOT_FOUND' })
  await t.rejects(admin.change(wish, 'z'), { code: 'NOT_FOUND' })
  await t.rejects(admin.change(wish, 'b'), { code: 'CONFLICT' })
  await t.rejects(admin.change({ ...wish, imageId: null }, null), { code: 'INVALID' })
  await t.rejects(admin.change({ ...wish, part: 'queue' }, null), { code: 'INVALID' })
  network.down.add('c')
  t.match(await admin.change(wish, 'c'), { nodes: [{ node: 'c', error: /./ }] })
  const all = { action: 'clear', imageId: null, part: null } as const
  t.match(await admin.change(all, null), { nodes: [{ node: 'a', changed: 1 }] })
  t.match(await admin.change({ ...all, action: 'prune' }, null), { nodes: [{ changed: 0 }] })
  t.match(await admin.change({ ...all, action: 'clean' }, null), { nodes: [{ error: null }] })
  t.equal(keeper.cleans, 1)
})
