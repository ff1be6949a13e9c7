import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { GlanceClient } from '../../../deploy/dev/glance-client.ts'
import { randomImage } from '../../../deploy/dev/random-image.ts'

const SIZE_BYTES = 3 * 1024 ** 2 + 17

async function serve(t: Test, listener: RequestListener): Promise<GlanceClient> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close().closeAllConnections())
  return new GlanceClient(
    `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    new AbortController().signal,
  )
}

t.test('what is sent and what comes is measured', async (t) => {
  let stored = Buffer.alloc(0)
  const client = await serve(t, (request, response) => {
    if (request.method === 'GET') return response.end(stored)
    return void buffer(request).then((bytes) => {
      stored = bytes
      response.writeHead(204).end()
    })
  })
  const sent = await client.upload('id', randomImage(SIZE_BYTES))
  const sha512 = createHash('sha512').update(stored).digest('hex')
  t.strictSame(sent, { sizeBytes: SIZE_BYTES, sha512 })
  t.strictSame(await client.download('id'), { sizeBytes: SIZE_BYTES, sha512 })
})

t.test('a refusal is an error with its reason', async (t) => {
  const client = await serve(t, (_, response) => response.writeHead(413).end('the store is full'))
  const message = /PUT \/v2\/images\/id\/file on .* answered 413: the store is full/
  await t.rejects(client.upload('id', randomImage(1)), { message })
  await t.rejects(client.createImage('x'), { message: /POST \/v2\/images on .* answered 413/ })
})

t.test('a source or a server that breaks off fails the transfer', async (t) => {
  const client = await serve(t, (request, response) => {
    if (request.method === 'PUT') return request.resume()
    response.writeHead(200, { 'content-length': '10' }).write('half')
    return setImmediate(() => response.destroy())
  })
  const broken = async function* () {
    yield Buffer.from('half')
    throw new Error('bad disk')
  }
  await t.rejects(client.upload('id', broken()), { message: 'bad disk' })
  await t.rejects(client.download('id'), { code: 'ECONNRESET' })
})
