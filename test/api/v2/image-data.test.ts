import { createHash, randomBytes } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import t from 'tap'
import { ClusterError } from '../../../cluster/errors.ts'
import type { ByteLease } from '../../../node/images/image-requests.ts'
import { admin, listen, testApi } from '../../helpers/api-server.ts'
import { deferred } from '../../helpers/deferred.ts'
import type { TestApi } from '../../helpers/api-server.ts'
import { exchange, head, readAll, readUntil, sendTo } from '../../helpers/raw-http.ts'
import { until } from '../../helpers/until.ts'

const ID = '11111111-2222-3333-4444-555555555555'
const FILE = `/v2/images/${ID}/file`
const OCTETS = { 'Content-Type': 'application/octet-stream' }

interface Running extends TestApi {
  port: number
}

async function start(t: Test): Promise<Running> {
  const api = testApi(t)
  await api.images.create(admin, { id: ID, diskFormat: 'raw', containerFormat: 'bare' })
  return { ...api, port: await listen(api.app) }
}

type Test = Parameters<typeof testApi>[0]

async function startWith(t: Test, data: Buffer): Promise<Running> {
  const api = await start(t)
  await api.images.upload(admin, ID, Readable.from([data]), data.length)
  return api
}

function statusOf({ images }: TestApi): string | undefined {
  return images.images.get(ID)?.record.status
}

t.test('upload and download, with and without length', async (t) => {
  const data = randomBytes(3 * 1024 * 1024 + 7)
  for (const headers of [{ 'content-length': data.length }, { 'transfer-encoding': 'chunked' }]) {
    const api = await start(t)
    const put = httpRequest({
      port: api.port,
      method: 'PUT',
      path: FILE,
      headers: { 'content-type': 'application/octet-stream', ...headers },
    })
    Readable.from(pieces(data, 100_000)).pipe(put)
    const answer = await new Promise<IncomingMessage>((resolve) => put.once('response', resolve))
    t.equal(answer.statusCode, 204)
    t.equal((await buffer(answer)).length, 0)
    t.equal(statusOf(api), 'active')

    const got = await fetch(`http://127.0.0.1:${api.port}${FILE}`)
    t.equal(got.status, 200)
    t.equal(got.headers.get('content-type'), 'application/octet-stream')
    t.equal(got.headers.get('content-length'), String(data.length))
    t.equal(got.headers.get('content-md5'), createHash('md5').update(data).digest('hex'))
    t.equal(got.headers.get('content-range'), null)
    t.ok(data.equals(Buffer.from(await got.arrayBuffer())))
    t.equal(api.images.releases, Math.ceil(data.length / (64 * 1024)), 'every lease was given back')
  }
})

t.test('an empty image: active, with data of no bytes', async (t) => {
  const api = await start(t)
  const url = `http://127.0.0.1:${api.port}${FILE}`
  t.equal((await fetch(url)).status, 204, 'no data yet')
  t.equal((await fetch(url, { headers: { range: 'bytes=0-1' } })).status, 204)
  const put = await exchange(
    api.port,
    head(`PUT ${FILE}`, { ...OCTETS, 'Content-Length': 0, Connection: 'close' }),
  )
  t.match(put, /^HTTP\/1\.1 204/)
  const got = await fetch(url)
  t.match(
    [got.status, got.headers.get('content-length'), (await got.arrayBuffer()).byteLength],
    [200, '0', 0],
  )
})

t.test('ranges', async (t) => {
  const data = randomBytes(200_000)
  const { port } = await startWith(t, data)
  const get = (headers: Record<string, string>) => fetch(`http://127.0.0.1:${port}${FILE}`, { headers })
  const part = await get({ range: 'bytes=1000-150000' })
  t.equal(part.status, 206)
  t.equal(part.headers.get('content-range'), 'bytes 1000-150000/200000')
  t.equal(part.headers.get('content-length'), '149001')
  t.equal(part.headers.get('content-md5'), createHash('md5').update(data).digest('hex'), 'of the whole image')
  t.ok(data.subarray(1000, 150001).equals(Buffer.from(await part.arrayBuffer())))

  const old = await get({ 'content-range': 'bytes 0-9/*' })
  t.match([old.status, old.headers.get('content-range')], [206, 'bytes 0-9/200000'])
  const beyond = await get({ range: 'bytes=200000-' })
  t.match([beyond.status, beyond.headers.get('content-range')], [416, null])
  t.equal((await get({ range: 'bytes=0-1,2-3' })).status, 400)
})

t.test('the media type of an upload', async (t) => {
  const { port } = await start(t)
  for (const type of ['', 'application/json', 'application/octet-stream2']) {
    const headers = { 'Content-Type': type, 'Content-Length': 3, Connection: 'close' }
    t.match(await exchange(port, `${head(`PUT ${FILE}`, headers)}abc`), /^HTTP\/1\.1 415/, type)
  }
  const withCharset = {
    'Content-Type': 'Application/Octet-Stream; charset=x',
    'Content-Length': 3,
    Connection: 'close',
  }
  t.match(await exchange(port, `${head(`PUT ${FILE}`, withCharset)}abc`), /^HTTP\/1\.1 204/)
})

t.test('the announced size', async (t) => {
  const api = await start(t)
  const put = (size: string, framing: Record<string, string | number>, body: string) =>
    exchange(
      api.port,
      head(`PUT ${FILE}`, { ...OCTETS, 'X-OpenStack-Image-Size': size, Connection: 'close', ...framing }) +
        body,
    )
  t.match(await put('abc', { 'Content-Length': 3 }, 'abc'), /^HTTP\/1\.1 400/)
  t.match(await put('4', { 'Content-Length': 3 }, 'abc'), /^HTTP\/1\.1 400/)
  const chunked = { 'Transfer-Encoding': 'chunked' }
  t.match(await put('4', chunked, '3\r\nabc\r\n0\r\n\r\n'), /^HTTP\/1\.1 400/)
  t.equal(statusOf(api), 'queued')
  t.match(await put('3', chunked, '3\r\nabc\r\n0\r\n\r\n'), /^HTTP\/1\.1 204/)
})

t.test('100 Continue is sent when the body is wanted, and only then', async (t) => {
  const api = await start(t)
  const expecting = { ...OCTETS, 'Content-Length': 3, Expect: '100-continue', Connection: 'close' }
  const socket = sendTo(api.port, head(`PUT ${FILE}`, expecting))
  t.equal(await readUntil(socket, '\r\n\r\n'), 'HTTP/1.1 100 Continue\r\n\r\n')
  const answer = readAll(socket)
  socket.write('abc')
  t.match(await answer, /^HTTP\/1\.1 204/)

  const refused = sendTo(api.port, head(`PUT ${FILE}`, expecting))
  t.match(await readUntil(refused, '\r\n\r\n'), /^HTTP\/1\.1 409/, 'no longer queued, and no 100 before')
})

t.test('a client that hangs up breaks the upload', async (t) => {
  for (const framing of [{ 'Content-Length': 1000 }, { 'Transfer-Encoding': 'chunked' }]) {
    const api = await start(t)
    const arrived = new Promise<void>((resolve) => (api.images.onPiece = () => resolve()))
    const socket = sendTo(api.port, `${head(`PUT ${FILE}`, { ...OCTETS, ...framing })}5\r\nabcde\r\n`)
    await arrived
    t.equal(statusOf(api), 'saving')
    socket.destroy()
    await until(() => statusOf(api) === 'queued')
    t.match(api.images.brokenBodies, [{ name: 'ClientLeftError' }])
    await until(() => api.log.some(({ message }) => message.includes('the client left')))
    t.notOk(
      api.log.some(({ level }) => level === 'error'),
      'nobody is alarmed',
    )
  }
})

t.test('the body is not read ahead of the service', async (t) => {
  const api = await start(t)
  const gate = deferred()
  const first = deferred()
  api.images.onPiece = () => {
    first.resolve()
    return gate.promise
  }
  const sizeBytes = 64 * 1024 * 1024
  const socket = sendTo(
    api.port,
    head(`PUT ${FILE}`, { ...OCTETS, 'Content-Length': sizeBytes, Connection: 'close' }),
  )
  const answer = readAll(socket)
  const piece = Buffer.alloc(1024 * 1024)
  let sentBytes = 0
  const pump = () => {
    while (sentBytes < sizeBytes) {
      sentBytes += piece.length
      if (!socket.write(piece)) return
    }
  }
  socket.on('drain', pump)
  pump()
  await first.promise
  const inUse = () => socket.writableLength
  // The pipe is full when the writer stays blocked while the event loop turns.
  for (let turns = 0, before = -1; turns < 200; turns++) {
    if (inUse() !== before) turns = 0
    before = inUse()
    await new Promise(setImmediate)
  }
  t.ok(socket.bytesWritten - inUse() < sizeBytes / 2, 'the client is held back')
  gate.resolve()
  t.match(await answer, /^HTTP\/1\.1 204/)
})

t.test('a refused upload with a small body still outstanding gets its answer', async (t) => {
  const { port } = await start(t)
  const socket = sendTo(port, head('PUT /v2/images/none/file', { ...OCTETS, 'Content-Length': 10 }))
  t.match(await readUntil(socket, 'No image has this id'), /^HTTP\/1\.1 404/, 'before the body came')
  const rest = readAll(socket)
  socket.write('0123456789')
  await rest
  t.pass('and then the connection closed')
})

t.test('data that cannot be had is a 503, not a cut', async (t) => {
  const api = await startWith(t, Buffer.from('abc'))
  api.images.reader = async function* () {
    yield* []
    throw new ClusterError('CHUNK_UNAVAILABLE', 'no holder')
  }
  const got = await fetch(`http://127.0.0.1:${api.port}${FILE}`)
  t.equal(got.status, 503)
  t.match(got.headers.get('retry-after'), /\d/)
  t.equal(got.headers.get('content-md5'), null)
})

t.test('a source that fails, ends early or goes on too long cuts the connection', async (t) => {
  const data = randomBytes(1024 * 1024)
  const lease = (bytes: Buffer): ByteLease => ({ bytes, release() {} })
  const readers: Record<string, () => AsyncGenerator<ByteLease>> = {
    async *fails() {
      yield lease(data.subarray(0, 1000))
      throw new ClusterError('CHUNK_UNAVAILABLE', 'no holder')
    },
    async *short() {
      yield lease(data.subarray(0, 1000))
    },
    async *long() {
      yield lease(data)
      yield lease(data)
    },
  }
  for (const [name, reader] of Object.entries(readers)) {
    const api = await startWith(t, data)
    api.images.reader = reader
    const text = await exchange(api.port, head(`GET ${FILE}`))
    const [, body = ''] = text.split('\r\n\r\n', 2)
    t.match(text, /^HTTP\/1\.1 200/, name)
    t.ok(
      name === 'long' ? body.length <= data.length : body.length < data.length,
      `${name}: never a byte too many`,
    )
    t.match(api.log.find(({ level }) => level === 'error')?.message, 'a download was cut')
    t.equal(api.images.releases, name === 'long' ? 2 : 1)
  }
})

t.test('a client that leaves aborts the read and gives back what it held', async (t) => {
  const api = await startWith(t, Buffer.alloc(64 * 1024 * 1024))
  const aborted = deferred()
  let leased = 0
  api.images.reader = async function* (bytes, signal) {
    signal.addEventListener('abort', () => aborted.resolve())
    for (let at = 0; at < bytes.length; at += 1024 * 1024) {
      leased++
      yield { bytes: bytes.subarray(at, at + 1024 * 1024), release() {} }
    }
  }
  const socket = sendTo(api.port, head(`GET ${FILE}`))
  await readUntil(socket, '\r\n\r\n')
  socket.pause()
  await until(() => leased > 0)
  socket.destroy()
  await aborted.promise
  await until(() => api.images.releases === leased)
  t.ok(leased < 64, 'the source was not drained')
  await until(() => api.log.some(({ message }) => message === 'the client left a download'))
})

t.test('two pipelined downloads and a client that leaves', async (t) => {
  const api = await startWith(t, Buffer.alloc(32 * 1024 * 1024))
  let opened = 0
  let leased = 0
  api.images.reader = async function* (bytes) {
    opened++
    for (let at = 0; at < bytes.length; at += 1024 * 1024) {
      leased++
      yield { bytes: bytes.subarray(at, at + 1024 * 1024), release() {} }
    }
  }
  const socket = sendTo(api.port, head(`GET ${FILE}`) + head(`GET ${FILE}`))
  socket.pause()
  await until(() => opened === 2)
  socket.destroy()
  await until(() => api.log.filter(({ message }) => message === 'the client left a download').length === 2)
  t.equal(api.images.releases, leased, 'also of the one whose turn never came')
})

t.test('bytes may lie in shared memory', async (t) => {
  const data = randomBytes(300_000)
  const api = await startWith(t, data)
  api.images.reader = async function* (bytes) {
    const shared = Buffer.from(new SharedArrayBuffer(bytes.length))
    bytes.copy(shared)
    yield { bytes: shared, release: () => void shared.fill(0) }
  }
  const got = await fetch(`http://127.0.0.1:${api.port}${FILE}`)
  t.ok(data.equals(Buffer.from(await got.arrayBuffer())), 'and are not reused before they have left')
})

t.test('a stale answer says so', async (t) => {
  const api = await startWith(t, Buffer.from('abc'))
  api.images.stale = true
  const got = await fetch(`http://127.0.0.1:${api.port}${FILE}`)
  t.match([got.status, got.headers.get('x-serac-consistency')], [200, 'stale'])
  t.equal(await got.text(), 'abc')
})

function* pieces(data: Buffer, sizeBytes: number): Generator<Buffer> {
  for (let at = 0; at < data.length; at += sizeBytes) yield data.subarray(at, at + sizeBytes)
}
