/** Everything that should not be sent to a node, sent to real ones: a refusal each time, and nobody stumbles. */
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { type Call, describe, jsonOf, type ShownImage } from '../helpers/image-client.ts'
import { residentPeakBytes } from '../helpers/memory-of.ts'
import { ProbeCluster } from '../helpers/probe-cluster.ts'
import { exchangeAndEnd, head } from '../helpers/raw-http.ts'
import { Fuzz } from './fuzz/fuzz.ts'
import { nastyV1Request, V1_SETTINGS } from './fuzz/nasty-v1-requests.ts'

const MIB = 1024 ** 2
const JSON_TYPE = { 'content-type': 'application/json' }
const DATA_TYPE = { 'content-type': 'application/octet-stream' }
const PATCH_TYPE = { 'content-type': 'application/openstack-images-v2.1-json-patch' }
const ID = 'aaaaaaaa-0000-4000-8000-000000000000'
/** The byte budgets, the databases' caches and the runtime together stay well below. */
const RESIDENT_BYTES_MAX = 700 * MIB

/** Some of what `npm run test:fuzz` does, each time the same. */
const FUZZ = { cases: 600, seed: 1 }
const V1_FUZZ = { cases: 200, seed: 1 }

type BufferCall = Call & { body?: Buffer }
type Case = [wanted: number[], method: string, path: string, call?: BufferCall]

const text = (body: string, headers: Call['headers'] = JSON_TYPE): BufferCall => ({
  headers,
  body: Buffer.from(body),
})
const json = (body: unknown, headers?: Call['headers']): BufferCall => text(JSON.stringify(body), headers)

/** `:id` is an image with 3 bytes, `:queued` one without data. */
const CASES: Case[] = [
  // Bodies that are no JSON, or not the right one.
  ...['', '{', 'null', '[]', '"x"', '1e999', '{"name":}', '\u0000', '{"a":1}}'].map((body): Case => [
    [400],
    'POST',
    '/v2/images',
    text(body),
  ]),
  [[400], 'POST', '/v2/images', { headers: JSON_TYPE, body: Buffer.from([0xff, 0xfe, 0x80]) }],
  [[400], 'POST', '/v2/images', text('['.repeat(500_000))],
  [[413], 'POST', '/v2/images', json({ name: 'x'.repeat(2 * MIB) })],
  [[400], 'POST', '/v2/images', json({ name: 'x'.repeat(256) })],
  [[400], 'POST', '/v2/images', json({ id: 'no-uuid' })],
  [[400], 'POST', '/v2/images', json({ id: 7 })],
  [[400], 'POST', '/v2/images', json({ min_disk: -1 })],
  [[400], 'POST', '/v2/images', json({ min_ram: 1e30 })],
  [[400], 'POST', '/v2/images', json({ disk_format: 'floppy' })],
  [[400], 'POST', '/v2/images', json({ tags: 'x' })],
  [[400], 'POST', '/v2/images', json({ visibility: 'nobody' })],
  [[403], 'POST', '/v2/images', json({ status: 'active' })],
  [[403], 'POST', '/v2/images', json({ checksum: 'x' })],
  [[413], 'POST', '/v2/images', json({ tags: Array.from({ length: 500 }, (_, tag) => `t${tag}`) })],
  [
    [400, 413],
    'POST',
    '/v2/images',
    json(Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`p${n}`, 'x']))),
  ],
  [[400], 'POST', '/v2/images', text('{"__proto__":"x"}')],
  [[201], 'POST', '/v2/images', text('{"constructor":"x","hasOwnProperty":"y"}')],

  // Patches.
  [[415], 'PATCH', '/v2/images/:id', json([])],
  [[415], 'PATCH', '/v2/images/:id', json([], { 'content-type': 'text/plain' })],
  [[400], 'PATCH', '/v2/images/:id', text('{', PATCH_TYPE)],
  [[400], 'PATCH', '/v2/images/:id', json({}, PATCH_TYPE)],
  [[400], 'PATCH', '/v2/images/:id', json([{ op: 'test', path: '/name', value: 'x' }], PATCH_TYPE)],
  [[400], 'PATCH', '/v2/images/:id', json([{ op: 'add', path: 'name', value: 'x' }], PATCH_TYPE)],
  [[403], 'PATCH', '/v2/images/:id', json([{ op: 'replace', path: '/status', value: 'queued' }], PATCH_TYPE)],
  [[409], 'PATCH', '/v2/images/:id', json([{ op: 'remove', path: '/nothing' }], PATCH_TYPE)],

  // Ids and paths.
  ...['x', '%00', '..%2f..%2fetc%2fpasswd', 'a'.repeat(5000), `${ID}0`, ID].map((id): Case => [
    [404],
    'GET',
    `/v2/images/${id}`,
  ]),
  [[400], 'GET', '/v2/images/%ff%fe%'],
  [[414], 'GET', `/v2/images?name=${'x'.repeat(9000)}`],
  [[404], 'GET', '/v2/nothing'],
  [[405], 'DELETE', '/v2/images'],
  [[405], 'PUT', '/v2/images/:id'],

  // Lists.
  ...['limit=-1', 'limit=x', 'marker=x', `marker=${ID}`, 'sort_key=nothing', 'sort_dir=up', 'size_min=x'].map(
    (query): Case => [[400], 'GET', `/v2/images?${query}`],
  ),

  // Ranges.
  ...['bytes=9-', 'bytes=5-2', 'bytes=99999999999999999999-', 'bytes=-0'].map((range): Case => [
    [400, 416],
    'GET',
    '/v2/images/:id/file',
    { headers: { range } },
  ]),
  ...['bytes=', 'lines=1-2', 'bytes=a-b', 'bytes=0-0,2-2', '\u00ff'].map((range): Case => [
    [200, 400, 416],
    'GET',
    '/v2/images/:id/file',
    { headers: { range } },
  ]),

  // Uploads.
  [[415], 'PUT', '/v2/images/:queued/file', json({})],
  [[415], 'PUT', '/v2/images/:queued/file', text('x', {})],
  [[409], 'PUT', '/v2/images/:id/file', text('x', DATA_TYPE)],
  [[404], 'PUT', `/v2/images/${ID}/file`, text('x', DATA_TYPE)],
  ...['-1', 'x', '1e3', '9'.repeat(30), '2'].map((size): Case => [
    [400],
    'PUT',
    '/v2/images/:queued/file',
    text('x', { ...DATA_TYPE, 'x-openstack-image-size': size }),
  ]),
  [[400], 'GET', '/v2/images/:id', text('a body where none belongs')],
  [[400, 431], 'GET', '/v2/images', { headers: { 'x-openstack-request-id': `req-${'x'.repeat(500)}` } }],
  [[431], 'GET', '/v2/images', { headers: { 'x-filler': 'x'.repeat(40_000) } }],
]

/** Requests that no library sends; each must get a 400, or the connection is just closed. */
const RAW_REQUESTS: (string | Buffer)[] = [
  'GARBAGE\r\n\r\n',
  'GET / HTTP/9.9\r\n\r\n',
  'GET /v2/images HTTP/1.1\r\n\r\n',
  'GET /v2/images HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n',
  head('POST /v2/images', { 'content-length': -5 }),
  head('POST /v2/images', { 'content-length': 'x' }),
  head('POST /v2/images', { 'content-length': 3, 'transfer-encoding': 'chunked' }),
  `${head('POST /v2/images', { 'transfer-encoding': 'chunked' })}zz\r\n`,
  `${head('POST /v2/images', { 'content-type': 'application/json', 'content-length': 500 })}{"name":`,
  head(`PUT /v2/images/${ID}/file`, {
    'content-type': 'application/octet-stream',
    'content-length': '9'.repeat(25),
  }),
  Buffer.from('\u0016\u0003\u0001\u0002\u0000\u0001\u0000', 'latin1'),
]

t.test('bad input', async (t) => {
  const cluster = await ProbeCluster.start(t, { settings: V1_SETTINGS })
  const pids = await cluster.pids()

  await t.test('requests from a seed', async (t) => {
    const { wrong, statuses } = await new Fuzz(cluster.dev.nodes).run(FUZZ)
    t.equal(wrong, null)
    for (const status of [200, 201, 204, 400, 403, 404, 409])
      t.ok(statuses.has(status), `${status} was among them`)
  })

  await t.test('requests of API v1 from a seed', async (t) => {
    const { wrong, statuses } = await new Fuzz(cluster.dev.nodes, nastyV1Request).run(V1_FUZZ)
    t.equal(wrong, null)
    for (const status of [200, 201, 204, 400, 404]) t.ok(statuses.has(status), `${status} was among them`)
  })

  const id = await cluster.client(0).newImage()
  t.match(await cluster.client(0).put(id, Buffer.from('abc')), { status: 204 })
  const queued = await cluster.client(0).newImage()

  await t.test('requests in good form', async (t) => {
    // Each to every node: whether a node coordinates a register or forwards to one that does makes no difference.
    const tries = CASES.flatMap((one) => cluster.clients.map((client) => ({ client, one })))
    for (const { client, one } of tries) {
      const [wanted, method, path, call] = one
      const target = path.replace(':id', id).replace(':queued', queued)
      const reply = await client.send(method, target, call)
      const sent = call?.body?.toString('latin1', 0, 60) ?? ''
      const headers = JSON.stringify(call?.headers ?? {}).slice(0, 80)
      t.ok(
        wanted.includes(reply.status),
        `${method} ${path.slice(0, 60)} ${headers} ${sent}: ${describe(reply)}`,
      )
    }
  })

  await t.test('requests in no form', async (t) => {
    for (const bytes of RAW_REQUESTS) {
      for (const port of [cluster.dev.node(1).apiPort, cluster.dev.node(1).operatorPort]) {
        const answer = await exchangeAndEnd(port, bytes)
        t.match(answer, /^(HTTP\/1\.1 4\d\d |$)/, JSON.stringify(bytes.toString('latin1').slice(0, 60)))
      }
    }
  })

  await t.test('garbage on every port', async (t) => {
    const heads = ['', 'GET / HTTP/1.1\r\n', '\u0013/multistream/1.0.0\n', '\u0016\u0003\u0001\u00ff\u00ff']
    for (const { ports } of cluster.dev.nodes) {
      for (const start of heads) {
        const bytes = Buffer.concat([Buffer.from(start, 'latin1'), randomBytes(64 * 1024)])
        const answers = await Promise.all(ports.map((port) => exchangeAndEnd(port, bytes)))
        for (const answer of answers) t.notMatch(answer, /^HTTP\/1\.1 [25]/)
      }
    }
  })

  await t.test('all goes on as before', async (t) => {
    t.strictSame(await cluster.pids(), pids, 'no process has ended')
    for (const { index } of cluster.dev.nodes) {
      await cluster.ready(index)
      t.notMatch(await cluster.log(index), 'a request failed unexpectedly')
      const peakBytes = await residentPeakBytes(pids[index]!)
      t.ok(
        peakBytes < RESIDENT_BYTES_MAX,
        `node ${index}: ${Math.round(peakBytes / MIB)} MiB resident at most`,
      )
    }
    t.match(await cluster.client(1).put(queued, Buffer.from('def')), { status: 204 })
    const read = await cluster.client(2).data(queued)
    t.equal(read.body.toString(), 'def')
    t.ok(
      (jsonOf(await cluster.client(2).send('GET', '/v2/images')) as { images: ShownImage[] }).images.length >=
        2,
    )
  })
})
