/** Images that are still in the Glance which the cluster takes over from; a stand-in plays it. */
import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import type { OldGlance } from '../../../node/images/old-glance.ts'
import type { KnownRecord } from '../../../node/images/image-registers.ts'
import type { ImageRecord } from '../../../node/images/image-record.ts'
import type { Authenticator } from '../../../api/api-components.ts'
import { callerWith } from '../../../api/auth/caller.ts'
import { NoAuth } from '../../../api/auth/noauth.ts'
import { testApi } from '../../helpers/api-server.ts'
import { askingOldGlance, BYTES, oldGlanceOf, servedBy, shownImage, TOKEN } from '../../helpers/old-glance.ts'

/** The timers of the product keep no process alive. */
const alive = setInterval(() => {}, 1000)
t.teardown(() => clearInterval(alive))

function apiOf(
  t: Test,
  url: string,
  known: Map<string, KnownRecord> = new Map(),
  authenticator: Authenticator = new NoAuth(),
) {
  const oldGlance = askingOldGlance(url, known)
  const { app, log } = testApi(t, { components: { oldGlance, authenticator } })
  const ask = (method: 'GET' | 'PUT' | 'PATCH' | 'DELETE' | 'POST', path: string, headers: object = {}) =>
    app.inject({ method, url: `/v2/images/${path}`, headers: { 'x-auth-token': TOKEN, ...headers } })
  return { app, ask, oldGlance, log }
}

t.test('an unknown image is shown and downloaded from there, with the token of the caller', async (t) => {
  const image = shownImage()
  const { url, asked } = await oldGlanceOf(t, servedBy(image))
  const { ask, oldGlance } = apiOf(t, url)
  const shown = await ask('GET', image.id)
  t.match(shown, {
    statusCode: 200,
    headers: { 'x-serac-source': 'old-glance', 'content-type': 'application/json' },
  })
  t.strictSame(shown.json(), image)
  const whole = await ask('GET', `${image.id}/file`)
  t.match(whole, {
    statusCode: 200,
    headers: { 'content-md5': image.checksum, 'content-length': `${BYTES.length}` },
  })
  t.ok(whole.rawPayload.equals(BYTES))
  const part = await ask('GET', `${image.id}/file`, { range: 'bytes=6-9' })
  t.match(part, { statusCode: 206, body: 'that', headers: { 'content-range': `bytes 6-9/${BYTES.length}` } })
  t.ok(asked.every((line) => line.endsWith(TOKEN)))
  t.match(oldGlance.counts, { shown: 3, opened: 2, absent: 0, failed: 0 })
})

t.test('who may not see it there does not see it here; what is nowhere is a 404', async (t) => {
  const image = shownImage()
  const { url } = await oldGlanceOf(t, servedBy(image))
  const { ask, oldGlance } = apiOf(t, url)
  t.equal((await ask('GET', image.id, { 'x-auth-token': 'of somebody else' })).statusCode, 404)
  t.equal((await ask('GET', `${randomUUID()}/file`)).statusCode, 404)
  t.equal((await ask('GET', 'no-uuid')).statusCode, 404)
  t.equal((await ask('DELETE', randomUUID())).statusCode, 404)
  t.equal((await ask('GET', `${image.id}/members`)).statusCode, 404)
  t.match(oldGlance.counts, { shown: 1, absent: 3 })
})

t.test('every change is a 409 that says what to do', async (t) => {
  const image = shownImage()
  const { url, asked } = await oldGlanceOf(t, servedBy(image))
  const { ask } = apiOf(t, url)
  const why = /is still in the Glance .* \(serac import-glance\)/
  t.match(await ask('DELETE', image.id), { statusCode: 409, body: why })
  t.match(await ask('PUT', `${image.id}/tags/x`), { statusCode: 409, body: why })
  t.match(await ask('POST', `${image.id}/actions/deactivate`), { statusCode: 409, body: why })
  const octets = { 'content-type': 'application/octet-stream', 'content-length': '0' }
  t.match(await ask('PUT', `${image.id}/file`, octets), { statusCode: 409, body: why })
  t.ok(
    asked.every((line) => line.startsWith('GET ')),
    'nothing is ever written there',
  )
})

t.test(
  'what is known here is not asked for there, also when it was deleted; what is being moved is',
  async (t) => {
    const [deleted, arriving] = [shownImage(), shownImage()]
    const { url, asked } = await oldGlanceOf(t, { ...servedBy(deleted), ...servedBy(arriving) })
    const record = { status: 'queued', arriving: { status: 'active' } } as unknown as ImageRecord
    const gone = { status: 'deleted' } as ImageRecord
    const known = new Map<string, KnownRecord>([
      [deleted.id, { live: false, record: gone }],
      [arriving.id, { live: true, record }],
    ])
    const { ask, log } = apiOf(t, url, known)
    t.equal((await ask('GET', deleted.id)).statusCode, 404)
    t.equal((await ask('DELETE', deleted.id)).statusCode, 404)
    t.strictSame(asked, [])
    t.strictSame((await ask('GET', arriving.id)).json(), arriving)
    t.ok((await ask('GET', `${arriving.id}/file`)).rawPayload.equals(BYTES))
    t.strictSame(
      log.filter(({ level }) => level === 'error'),
      [],
      'nothing is answered twice',
    )
  },
)

t.test('with whom it is shared is told as there; lists show what was moved alone', async (t) => {
  const image = shownImage({ visibility: 'shared' })
  const one = { member_id: 'p/2', image_id: image.id, status: 'accepted', schema: '/v2/schemas/member' }
  const two = { ...one, member_id: 'p3', status: 'pending' }
  const { url, asked } = await oldGlanceOf(t, {
    ...servedBy(image),
    [`/v2/images/${image.id}/members`]: (_request, response) =>
      response.end(JSON.stringify({ members: [one, two], schema: '/v2/schemas/members' })),
  })
  const { app, ask } = apiOf(t, url)
  const members = await ask('GET', `${image.id}/members`)
  t.match(members, { statusCode: 200, headers: { 'x-serac-source': 'old-glance' } })
  t.strictSame(members.json(), { members: [one, two], schema: '/v2/schemas/members' })
  t.strictSame((await ask('GET', `${image.id}/members/p%2F2`)).json(), one)
  t.match(await ask('GET', `${image.id}/members/p4`), {
    statusCode: 404,
    headers: { 'x-serac-source': undefined },
  })
  t.match(await ask('POST', `${image.id}/members`, {}), { statusCode: /4\d\d/ })
  t.match(await ask('DELETE', `${image.id}/members/p3`), { statusCode: 409, body: /is still in the Glance/ })
  const before = asked.length
  t.match((await app.inject({ url: '/v2/images?limit=5' })).json(), { images: [] })
  t.equal(asked.length, before)
})

t.test('where it is down, wrong or slow, the answer is a 503 with the reason', async (t) => {
  const [broken, other, wrong] = [randomUUID(), randomUUID(), shownImage()]
  const { url, server } = await oldGlanceOf(t, {
    [`/v2/images/${broken}`]: (_request, response) => response.writeHead(500).end(),
    [`/v2/images/${other}`]: (_request, response) => response.end(JSON.stringify(shownImage())),
    ...servedBy(wrong, Buffer.from(BYTES).fill(0)),
  })
  const { ask, oldGlance } = apiOf(t, url)
  t.match(await ask('GET', broken), {
    statusCode: 503,
    body: /answers with status 500/,
    headers: { 'retry-after': /./ },
  })
  t.match(await ask('GET', other), { statusCode: 503, body: /not this image/ })
  const bytes = await ask('GET', `${wrong.id}/file`).catch(() => null)
  t.notOk(
    bytes?.statusCode === 200 && bytes.rawPayload.length === BYTES.length,
    'wrong bytes are not given out whole',
  )
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  t.match(await ask('GET', wrong.id), { statusCode: 503, body: /it cannot be reached/ })
  t.match(await ask('DELETE', wrong.id), { statusCode: 503 })
  t.match(oldGlance.counts, { failed: 4 })
})

t.test('an image without bytes, and a deactivated one', async (t) => {
  const [queued, off] = [shownImage({ status: 'queued', size: null }), shownImage({ status: 'deactivated' })]
  const { url } = await oldGlanceOf(t, { ...servedBy(queued), ...servedBy(off) })
  const { ask } = apiOf(t, url)
  t.equal((await ask('GET', `${queued.id}/file`)).statusCode, 204)
  t.match(await ask('GET', `${off.id}/file`), { statusCode: 200 }, 'for an administrator, as there')
  const member = {
    authenticate: async (_headers: object, id: string) => callerWith(id, { roles: ['member'] }),
    catalog: async () => [],
  }
  const asMember = apiOf(t, url, new Map(), member)
  t.match(await asMember.ask('GET', `${off.id}/file`), { statusCode: 403, body: /deactivated/ })
})

t.test('whether it answers at all is asked without a token', async (t) => {
  const { url, asked, server } = await oldGlanceOf(t, {})
  const { oldGlance } = apiOf(t, url)
  const looked = async (one: OldGlance) => {
    one.start()
    for (let tries = 0; tries < 200 && !one.state.lastAnswerAt && !one.state.failure; tries++)
      await new Promise((wake) => setTimeout(wake, 10))
    one.stop()
    return one.state
  }
  t.match(await looked(oldGlance), { url, failure: null, lastAnswerAt: /^20/ }, 'a 404 is an answer')
  t.strictSame(asked, ['GET /versions undefined'])
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  t.match(await looked(apiOf(t, url).oldGlance), { failure: 'it cannot be reached', lastAnswerAt: null })
})
