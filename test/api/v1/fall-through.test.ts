/** Images that are still in the old Glance, asked for by API v1; that Glance has v2 alone, as all since 2018. */
import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { askingOldGlance, BYTES, oldGlanceOf, servedBy, shownImage, TOKEN } from '../../helpers/old-glance.ts'
import { v1Api } from '../../helpers/v1-api.ts'

/** The timers of the product keep no process alive. */
const alive = setInterval(() => {}, 1000)
t.teardown(() => clearInterval(alive))

const SOURCE = { 'x-serac-source': 'old-glance' }

function apiOf(t: Test, url: string) {
  const { app } = v1Api(t, { oldGlance: askingOldGlance(url) })
  return (method: 'GET' | 'HEAD' | 'PUT' | 'DELETE', path: string, headers: object = {}) =>
    app.inject({ method, url: `/v1/images${path}`, headers: { 'x-auth-token': TOKEN, ...headers } })
}

const FIELDS = {
  visibility: 'public',
  owner: 'p1',
  protected: false,
  min_disk: 3,
  min_ram: 0,
  disk_format: 'raw',
  container_format: 'bare',
  virtual_size: null,
  created_at: '2019-01-02T03:04:05Z',
  updated_at: '2020-01-02T03:04:05Z',
  tags: ['not for v1'],
  self: '/v2/images/x',
  os_hidden: false,
  name: 'ön',
}

t.test('an unknown image is shown and downloaded from there', async (t) => {
  const image = shownImage(FIELDS)
  const { url } = await oldGlanceOf(t, servedBy(image))
  const ask = apiOf(t, url)
  const headers = {
    ...SOURCE,
    'x-image-meta-id': image.id,
    'x-image-meta-status': 'active',
    'x-image-meta-size': `${BYTES.length}`,
    'x-image-meta-is_public': 'True',
    'x-image-meta-min_disk': '3',
    'x-image-meta-created_at': '2019-01-02T03:04:05.000000',
    'x-image-meta-name': Buffer.from('ön').toString('latin1'),
    'x-image-meta-checksum': image.checksum,
    'x-image-meta-property-k': 'v',
    'x-image-meta-property-self': undefined,
    'x-image-meta-property-tags': undefined,
    etag: image.checksum,
  }
  t.match(await ask('HEAD', `/${image.id}`), { statusCode: 200, headers, body: '' })
  const whole = await ask('GET', `/${image.id}`)
  t.match(whole, { statusCode: 200, headers: { ...headers, 'content-length': `${BYTES.length}` } })
  t.ok(whole.rawPayload.equals(BYTES))
  t.match((await ask('GET', '')).json(), { images: [] }, 'lists show what was moved alone')
})

t.test('members, changes, and what has no data', async (t) => {
  const [image, queued] = [shownImage(FIELDS), shownImage({ ...FIELDS, status: 'queued', size: null })]
  const off = shownImage({ ...FIELDS, status: 'deactivated' })
  const { url, asked } = await oldGlanceOf(t, {
    ...{ ...servedBy(image), ...servedBy(queued), ...servedBy(off) },
    [`/v2/images/${image.id}/members`]: (_request, response) =>
      response.end(JSON.stringify({ members: [{ member_id: 'p2', status: 'accepted' }] })),
  })
  const ask = apiOf(t, url)
  t.strictSame((await ask('GET', `/${image.id}/members`)).json(), {
    members: [{ member_id: 'p2', can_share: false }],
  })
  const why = /is still in the Glance .* \(serac import-glance\)/
  t.match(await ask('DELETE', `/${image.id}`), { statusCode: 409, body: why })
  t.match(await ask('PUT', `/${image.id}`, { 'x-image-meta-name': 'n' }), { statusCode: 409, body: why })
  t.match(await ask('PUT', `/${image.id}/members/p3`), { statusCode: 409, body: why })
  t.match(await ask('HEAD', `/${queued.id}`), {
    statusCode: 200,
    headers: { 'x-image-meta-status': 'queued', 'x-image-meta-size': '0' },
  })
  t.match(await ask('GET', `/${queued.id}`), { statusCode: 404, headers: { 'x-serac-source': undefined } })
  t.equal((await ask('GET', `/${off.id}`)).statusCode, 403)
  t.equal((await ask('HEAD', `/${randomUUID()}`)).statusCode, 404)
  t.equal((await ask('HEAD', `/${image.id}`, { 'x-auth-token': 'of somebody else' })).statusCode, 404)
  t.ok(asked.every((line) => line.startsWith('GET ')))
})
