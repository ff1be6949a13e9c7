/** Bad input of any kind gets a documented 4xx: never a 5xx, never a crash, never a hang. */
import { Readable } from 'node:stream'
import fc from 'fast-check'
import type { InjectOptions } from 'fastify'
import t from 'tap'
import { admin, listen, testApi } from '../helpers/api-server.ts'
import type { TestApi } from '../helpers/api-server.ts'
import { exchangeAndEnd } from '../helpers/raw-http.ts'

const ID = '11111111-2222-3333-4444-555555555555'
const SUBRESOURCES = ['members', 'tags', 'actions'] as const

const EXPECTED = new Set([200, 201, 204, 206, 300, 400, 403, 404, 405, 409, 413, 414, 415, 416, 431])

async function apiWithImage(t: Parameters<typeof testApi>[0]): Promise<TestApi> {
  const api = testApi(t)
  await api.images.create(admin, { id: ID, diskFormat: 'raw', properties: { a: 'b' } })
  const data = Buffer.from('the bytes of an image')
  await api.images.upload(admin, ID, Readable.from([data]), null)
  return api
}

/** What a header may carry: anything that the parser lets through. */
const headerText = fc
  .string({ unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)) })
  .map((text) => text.replaceAll('\u007f', ''))
const method = fc.constantFrom(
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'PROPFIND',
)
const segment = fc.oneof(
  fc.constantFrom('v2', 'v2.7', 'images', ID, 'file', 'schemas', 'image', 'versions', '', ...SUBRESOURCES),
  fc.string(),
)
const path = fc.oneof(
  fc.constantFrom('/v2/images', `/v2/images/${ID}`, `/v2/images/${ID}/file`, `/v2/images/${ID}/members`),
  fc
    .tuple(fc.constantFrom(...SUBRESOURCES), fc.oneof(fc.constantFrom('a', 'reactivate'), fc.string()))
    .map(([resource, name]) => `/v2/images/${ID}/${resource}/${encodeURIComponent(name)}`),
  fc.array(segment.map(encodeURIComponent), { maxLength: 5 }).map((segments) => `/${segments.join('/')}`),
)
const parameter = fc.tuple(
  fc.oneof(
    fc.constantFrom('limit', 'marker', 'sort', 'sort_key', 'name', 'created_at', 'size_min', 'tag'),
    fc.string(),
  ),
  fc.string(),
)
const query = fc
  .array(parameter, { maxLength: 4 })
  .map((parameters) => new URLSearchParams(parameters).toString())
const headers = fc.dictionary(
  fc.constantFrom(
    'accept',
    'content-type',
    'content-range',
    'range',
    'x-openstack-request-id',
    'x-openstack-image-size',
    'x-image-meta-store',
    'x-identity-status',
    'x-roles',
    'accept-version',
    'host',
  ),
  fc.oneof(headerText, fc.constantFrom('bytes=0-5', 'bytes 0-5/*', 'application/json', '*/*', '-1')),
)
const patchTypes = ['2.0', '2.1'].map((version) => `application/openstack-images-v${version}-json-patch`)
const contentType = fc.constantFrom('application/octet-stream', 'application/json', ...patchTypes)
const operation = fc.record({
  op: fc.constantFrom('add', 'replace', 'remove', 'test'),
  path: fc.oneof(fc.constantFrom('/name', '/a', '/tags', '/id'), fc.string()),
  value: fc.jsonValue(),
})
const memberBody = fc.record({ member: fc.jsonValue(), status: fc.jsonValue() }, { requiredKeys: [] })
const body = fc.oneof(
  fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  fc
    .oneof(fc.jsonValue(), fc.array(operation), memberBody)
    .map((value) => Buffer.from(JSON.stringify(value))),
)

t.test('requests of every kind', { timeout: 110_000 }, async (t) => {
  const { app, log } = await apiWithImage(t)
  const request: fc.Arbitrary<InjectOptions> = fc
    .record({ method, path, query, headers, contentType, body: fc.option(body) })
    .map(({ method: verb, path: where, query: what, headers: more, contentType: type, body: payload }) => ({
      // oxlint-disable-next-line no-unsafe-type-assertion -- the types know fewer methods than HTTP
      method: verb as 'GET',
      url: what === '' ? where : `${where}?${what}`,
      headers: { 'content-type': type, ...more },
      ...(payload === null ? {} : { payload }),
    }))
  await fc.assert(
    fc.asyncProperty(request, async (options) => {
      const answer = await app.inject(options)
      if (!EXPECTED.has(answer.statusCode)) throw new Error(`${answer.statusCode}: ${answer.body}`)
      if (!String(answer.headers['x-openstack-request-id']).startsWith('req-'))
        throw new Error('no request id')
    }),
    { numRuns: 3000 },
  )
  t.same(
    log.filter(({ level }) => level === 'error'),
    [],
  )
})

t.test('raw bytes on the socket', { timeout: 110_000 }, async (t) => {
  const { app, log } = await apiWithImage(t)
  const port = await listen(app)
  const valid = Buffer.from(
    `GET /v2/images/${ID} HTTP/1.1\r\nHost: x\r\nRange: bytes=0-1\r\nConnection: close\r\n\r\n`,
  )
  const mutated = fc
    .array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
    .map((changes) => {
      const bytes = Buffer.from(valid)
      for (const [at, value] of changes) bytes[at] = value
      return bytes
    })
  // Two empty lines end any head, so that nothing is left waiting for more.
  const end = Buffer.from('\r\n\r\n\r\n')
  const noise = fc.uint8Array({ minLength: 1, maxLength: 200 }).map((bytes) => Buffer.concat([bytes, end]))
  await fc.assert(
    fc.asyncProperty(fc.oneof(mutated, noise), async (bytes) => {
      const answer = await exchangeAndEnd(port, bytes)
      const statuses = [...answer.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status))
      if (statuses.some((status) => status >= 500 && status !== 505)) throw new Error(answer)
    }),
    { numRuns: 500 },
  )
  t.equal((await fetch(`http://127.0.0.1:${port}/healthcheck`)).status, 200)
  t.same(
    log.filter(({ level }) => level === 'error'),
    [],
  )
})
