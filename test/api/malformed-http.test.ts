import t from 'tap'
import { HEADER_BYTES_MAX } from '../../api/server.ts'
import { admin, listen, testApi } from '../helpers/api-server.ts'
import { deferred } from '../helpers/deferred.ts'
import { leasesOf } from '../helpers/fake-image-service.ts'
import { exchange, head, readAll, readUntil, sendTo } from '../helpers/raw-http.ts'
import { until } from '../helpers/until.ts'

const ID = '11111111-2222-3333-4444-555555555555'

t.test('what is no HTTP gets a clean 400', async (t) => {
  const { app } = testApi(t)
  const port = await listen(app)
  const garbage: [string, string | Buffer][] = [
    ['noise', 'hello\r\n\r\n'],
    ['binary', Buffer.from([0, 1, 2, 255, 13, 10, 13, 10])],
    ['TLS', Buffer.from('160301020001000001fc0303', 'hex')],
    ['unknown method', head('GRAB /v2/images')],
    ['bad version', 'GET / HTTP/9.9\r\n\r\n'],
    ['no Host', 'GET /v2/images HTTP/1.1\r\n\r\n'],
    ['two lengths', head('POST /v2/images', { 'Content-Length': '1, 2' })],
    ['length and chunks', head('POST /v2/images', { 'Content-Length': 3, 'Transfer-Encoding': 'chunked' })],
    ['negative length', head('POST /v2/images', { 'Content-Length': -1 })],
    ['header with control character', head('GET /v2/images', { 'X-A': 'a\u0000b' })],
    ['space in name', `GET / HTTP/1.1\r\nHost: x\r\nbad name: x\r\n\r\n`],
  ]
  for (const [name, bytes] of garbage) {
    const answer = await exchange(port, bytes)
    t.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/, name)
    t.match(answer, /connection: close/i, name)
    const [, headers = '', body = ''] = /^([^]*?)\r\n\r\n([^]*)$/.exec(answer) ?? []
    const length = /content-length: (\d+)/i.exec(headers)?.[1]
    if (length !== undefined) t.equal(Number(length), body.length, name)
  }
  t.equal((await fetch(`http://127.0.0.1:${port}/healthcheck`)).status, 200, 'and the server goes on')
})

t.test('headers over their cap get 431', async (t) => {
  const { app } = testApi(t)
  const port = await listen(app)
  const answer = await exchange(port, head('GET /v2/images', { 'X-Big': 'x'.repeat(HEADER_BYTES_MAX) }))
  t.match(answer, /^HTTP\/1\.1 431 /)
  t.match(answer, /x-openstack-request-id: req-/)
})

t.test('an unknown expectation gets 417', async (t) => {
  const { app } = testApi(t)
  const port = await listen(app)
  const answer = await exchange(port, head('GET /v2/images', { Expect: 'miracles', Connection: 'close' }))
  t.match(answer, /^HTTP\/1\.1 417 /)
})

t.test('chunks that are none break the upload and nothing else', async (t) => {
  const { app, images } = testApi(t)
  await images.create(admin, { id: ID, diskFormat: 'raw' })
  const port = await listen(app)
  const headers = { 'Content-Type': 'application/octet-stream', 'Transfer-Encoding': 'chunked' }
  const answer = await exchange(port, `${head(`PUT /v2/images/${ID}/file`, headers)}3\r\nabc\r\nzz\r\n`)
  t.match(answer, /^HTTP\/1\.1 400 /)
  await until(() => images.images.get(ID)?.record.status === 'queued')
  t.equal(images.images.get(ID)?.data, null)
})

t.test('an error answer never lands inside image bytes', async (t) => {
  const { app, images } = testApi(t)
  const data = Buffer.alloc(1024 * 1024, 7)
  await images.create(admin, { id: ID, diskFormat: 'raw' })
  await images.upload(admin, ID, leases(data), null)
  const gate = deferred()
  images.reader = async function* (bytes) {
    yield { bytes: bytes.subarray(0, 1000), release() {} }
    await gate.promise
    yield { bytes: bytes.subarray(1000), release() {} }
  }
  const port = await listen(app)
  const socket = sendTo(port, head(`GET /v2/images/${ID}/file`))
  await readUntil(socket, '\u0007\u0007')
  const rest = readAll(socket)
  socket.write('garbage\r\n\r\n')
  const text = await rest
  t.notMatch(text, /HTTP/, 'the connection is cut instead')
  gate.resolve()
})

async function* leases(data: Buffer): AsyncGenerator<Uint8Array> {
  for await (const { bytes } of leasesOf(data)) yield bytes
}
