import t, { type Test } from 'tap'
import { once } from 'node:events'
import {
  connect as connectPlain,
  createServer as createPlainServer,
  type AddressInfo,
  type Socket,
} from 'node:net'
import { connect, type ConnectionOptions } from 'node:tls'
import { contentHashHex } from '../../../cluster/content-hash.ts'
import { createIdentity, type NodeIdentity } from '../../../cluster/network/identity.ts'
import { Traffic } from '../../../cluster/network/traffic.ts'
import { silentLog, systemClock, systemRandom } from '../../../cluster/runtime.ts'
import { createBulkCredentials } from '../../../cluster/transfer/bulk-certificate.ts'
import { BulkClient, type BulkClientOptions } from '../../../cluster/transfer/bulk-client.ts'
import { BulkServer } from '../../../cluster/transfer/bulk-server.ts'
import { CHUNK_BYTES_MAX, ChunkBufferPool, SLOT_BYTES } from '../../../cluster/transfer/chunk-buffer.ts'
import { inlineHasher } from '../../../cluster/transfer/chunk-hasher.ts'
import { MemoryChunks } from '../../helpers/memory-chunks.ts'
import { until } from '../../helpers/until.ts'
import { bufferOf, UPLOAD } from './transfer-fixture.ts'

const CLUSTER = 'c1'.repeat(16)
const common = { hasher: inlineHasher, clock: systemClock, log: silentLog }

/** A server that lets in `client`, and a client that knows its address. */
async function planeOf(t: Test, options: BulkClientOptions & { serverStallMs?: number } = {}) {
  const server = createIdentity(systemRandom)
  const client = createIdentity(systemRandom)
  const local = new MemoryChunks()
  const pool = new ChunkBufferPool(4 * SLOT_BYTES)
  const allowed = new Set([client.id])
  const clusterId = { ours: CLUSTER }
  const asked: string[] = []
  const traffic = { served: new Traffic(), dialled: new Traffic() }
  const isAllowed = (id: string) => {
    asked.push(id)
    return allowed.has(id)
  }
  const stall = options.serverStallMs ? { stallMs: options.serverStallMs } : {}
  const serverOn = async (port: number) => {
    const made = new BulkServer(
      {
        ...common,
        identity: server,
        local,
        pool,
        isAllowed,
        clusterId: () => CLUSTER,
        traffic: traffic.served,
      },
      { host: '127.0.0.1', port, ...stall },
    )
    t.teardown(() => made.stop())
    await made.start()
    return made
  }
  const bulkServer = await serverOn(0)
  const address = { of: `127.0.0.1:${bulkServer.port}` as string | null }
  const clientOf = (identity: NodeIdentity) => {
    const made = new BulkClient(
      {
        ...common,
        identity,
        addressOf: () => address.of,
        clusterId: () => clusterId.ours,
        traffic: traffic.dialled,
      },
      options,
    )
    t.teardown(() => made.stop())
    return made
  }
  const { id } = server
  return {
    id,
    client: clientOf(client),
    clientOf,
    identity: client,
    local,
    pool,
    allowed,
    clusterId,
    address,
    bulkServer,
    serverOn,
    traffic,
    asked,
  }
}

const chunkOf = (sizeBytes: number, seed = 7) => Buffer.alloc(sizeBytes, `serac ${seed} `)

t.test('chunks go there and back in every size', async (t) => {
  const { id, client, local, pool } = await planeOf(t)
  for (const sizeBytes of [1, 65_535, 1_000_000, CHUNK_BYTES_MAX]) {
    const bytes = chunkOf(sizeBytes)
    const hash = contentHashHex(bytes)
    await client.putChunk(id, hash, bytes, UPLOAD)
    t.ok(local.chunks.get(hash)?.equals(bytes))
    t.ok(local.pins.get(UPLOAD)?.has(hash))
    const into = bufferOf(Buffer.alloc(1))
    await client.getChunk(id, hash, into)
    t.ok(into.payload.equals(bytes))
  }
  await until(() => pool.slotsInUse === 0)
})

t.test('many at once share four connections and the pool', async (t) => {
  const { id, client, local, pool } = await planeOf(t)
  const chunks = Array.from({ length: 24 }, (_, i) => chunkOf(300_000, i))
  await Promise.all(chunks.map((bytes) => client.putChunk(id, contentHashHex(bytes), bytes, null)))
  t.equal(local.chunks.size, 24)
  t.equal(local.pins.size, 0)
  await Promise.all(
    chunks.map(async (bytes) => {
      const into = bufferOf(Buffer.alloc(1))
      await client.getChunk(id, contentHashHex(bytes), into)
      t.ok(into.payload.equals(bytes))
    }),
  )
  await until(() => pool.slotsInUse === 0)
})

t.test('commands: have, unpin, references, in batches', async (t) => {
  const { id, client, local } = await planeOf(t)
  const held = Array.from({ length: 150 }, (_, i) => local.add(chunkOf(10, i)))
  const asked = held.flatMap((hash, i) => (i % 2 ? [hash, contentHashHex(chunkOf(11, i))] : [hash]))
  t.strictSame(
    await client.have(id, asked, UPLOAD),
    asked.map((hash) => held.includes(hash)),
  )
  t.equal(local.pins.get(UPLOAD)?.size, 150)
  await client.unpin(id, UPLOAD)
  t.equal(local.pins.size, 0)
  const root = held[0] ?? ''
  const many = Array.from({ length: 2500 }, (_, i) => held[i] ?? contentHashHex(Buffer.from(`absent ${i}`)))
  t.strictSame(await client.addReferences(id, root, many), many.slice(150))
  t.equal(local.references.get(root)?.size, 2500)
})

t.test('errors keep their codes', async (t) => {
  const { id, client, local, clusterId, address, pool } = await planeOf(t)
  const hash = local.add(chunkOf(100))
  await t.rejects(client.getChunk(id, '0'.repeat(64), bufferOf(Buffer.alloc(1))), { code: 'CHUNK_MISSING' })
  await t.rejects(client.putChunk(id, '0'.repeat(64), chunkOf(2_000_000), null), { code: 'CHUNK_DAMAGED' })
  await t.rejects(client.getChunk(id, 'no-hash', bufferOf(Buffer.alloc(1))), { code: 'BAD_FRAME' })
  await t.rejects(client.putChunk(id, hash, Buffer.alloc(0), null), { code: 'BAD_FRAME' })
  await t.rejects(client.unpin(id, 'no upload'), { code: 'BAD_FRAME' })
  local.beforePut = () => {
    throw new Error('a secret of the disk')
  }
  const hidden = await client.putChunk(id, hash, chunkOf(100), null).catch((error: Error) => error.message)
  t.notMatch(hidden, /secret/)
  clusterId.ours = 'f0'.repeat(16)
  await t.rejects(client.getChunk(id, hash, bufferOf(Buffer.alloc(1))), { code: 'FOREIGN_CLUSTER' })
  address.of = null
  await t.rejects(client.getChunk(id, hash, bufferOf(Buffer.alloc(1))), { code: 'PEER_UNREACHABLE' })
  await until(() => pool.slotsInUse === 0)
})

t.test('a node that is no member is refused, also after it was one', async (t) => {
  const { id, client, clientOf, local, allowed, identity } = await planeOf(t)
  const hash = local.add(chunkOf(100))
  const stranger = clientOf(createIdentity(systemRandom))
  await t.rejects(stranger.getChunk(id, hash, bufferOf(Buffer.alloc(1))), { code: 'PEER_UNREACHABLE' })
  await client.getChunk(id, hash, bufferOf(Buffer.alloc(1)))
  allowed.delete(identity.id)
  await t.rejects(client.getChunk(id, hash, bufferOf(Buffer.alloc(1))), { code: 'PEER_UNREACHABLE' })
})

t.test('an impostor at the right address never sees a request', async (t) => {
  const { client, local, allowed } = await planeOf(t)
  allowed.add('anybody')
  const expected = createIdentity(systemRandom).id
  const puts: string[] = []
  local.beforePut = (hash) => void puts.push(hash)
  const bytes = chunkOf(100)
  await t.rejects(client.putChunk(expected, contentHashHex(bytes), bytes, null), {
    code: 'PEER_UNREACHABLE',
    message: /another node/,
  })
  t.strictSame(puts, [])
})

t.test('strangers get no byte of HTTP', async (t) => {
  const { bulkServer, identity } = await planeOf(t)
  const port = bulkServer.port
  const request = 'GET /chunks/x HTTP/1.1\r\nhost: x\r\n\r\n'
  const secure = (options: ConnectionOptions) => connect({ port, rejectUnauthorized: false, ...options })
  const member = createBulkCredentials(identity)
  const cases: [string, () => Socket][] = [
    ['no certificate', () => secure({})],
    ['a key that is not listed', () => secure(createBulkCredentials(createIdentity(systemRandom)))],
    ['older TLS', () => secure({ ...member, maxVersion: 'TLSv1.2' })],
    ['plain TCP', () => connectPlain({ port })],
  ]
  for (const [name, open] of cases) {
    const socket = open()
    let received = ''
    socket.on('data', (piece: Buffer) => (received += piece.toString('latin1')))
    const end = closed(socket)
    socket.write(request)
    await end
    t.notMatch(received, /HTTP/, name)
  }
})

t.test('a peer that accepts and then hangs is given up', async (t) => {
  const { id, client, address } = await planeOf(t, { stallMs: 30, connectTimeoutMs: 30 })
  const silent = createPlainServer(() => {})
  silent.listen(0, '127.0.0.1')
  await once(silent, 'listening')
  t.teardown(() => silent.close())
  address.of = `127.0.0.1:${(silent.address() as AddressInfo).port}`
  await t.rejects(client.getChunk(id, '0'.repeat(64), bufferOf(Buffer.alloc(1))), {
    code: /RPC_TIMEOUT|PEER_UNREACHABLE/,
  })
})

t.test('requests that wait for a connection to a hung peer are given up too', async (t) => {
  const { id, client, local, address } = await planeOf(t, { stallMs: 1000, connectTimeoutMs: 1000 })
  const proxy = await freezableProxy(t, address.of ?? '')
  address.of = proxy.address
  const bytes = chunkOf(1000)
  const puts = (count: number) =>
    Promise.allSettled(
      Array.from({ length: count }, () => client.putChunk(id, contentHashHex(bytes), bytes, UPLOAD)),
    )
  for (const { status } of await puts(4)) t.equal(status, 'fulfilled')
  t.ok(local.has(contentHashHex(bytes)))
  proxy.freeze()
  // More than one peer gets connections: node:http never tells those in its queue that they were destroyed.
  for (const { status } of await puts(12)) t.equal(status, 'rejected')
})

t.test('who waits for a connection to a busy peer is not given up', async (t) => {
  const { id, client, local, asked } = await planeOf(t)
  const hash = local.add(chunkOf(1000))
  const read = local.read.bind(local)
  local.read = async (...args) => {
    await new Promise((resolve) => setTimeout(resolve, 700))
    return read(...args)
  }
  // Four at once: the last wait for longer than the 2 s that a stall may be.
  const gets = Array.from({ length: 16 }, () => client.getChunk(id, hash, bufferOf(Buffer.alloc(1))))
  for (const got of await Promise.allSettled(gets)) t.match(got, { status: 'fulfilled' })
  t.equal(asked.length, 4 + gets.length, 'asked at four connections and each request')
})

/** Between client and server; once frozen it accepts and passes on nothing, like a stopped process. */
async function freezableProxy(t: Test, upstream: string): Promise<{ address: string; freeze: () => void }> {
  const sockets: Socket[] = []
  let isFrozen = false
  const server = createPlainServer((inner) => {
    sockets.push(inner.on('error', () => {}))
    if (isFrozen) return
    const outer = connectPlain(Number(upstream.split(':')[1]), '127.0.0.1').on('error', () => {})
    sockets.push(outer)
    inner.pipe(outer).pipe(inner)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const freeze = () => {
    isFrozen = true
    for (const socket of sockets) socket.unpipe().pause()
  }
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, freeze }
}

t.test('a store that hangs is a stall; the next request works', async (t) => {
  const { id, client, local, pool } = await planeOf(t, { stallMs: 50 })
  const bytes = chunkOf(1_000_000)
  let letGo: () => void = () => {}
  local.beforePut = () => new Promise((resolve) => (letGo = resolve))
  await t.rejects(client.putChunk(id, contentHashHex(bytes), bytes, UPLOAD), { code: 'RPC_TIMEOUT' })
  letGo()
  local.beforePut = () => {}
  await until(() => pool.slotsInUse === 0)
  await client.putChunk(id, contentHashHex(bytes), bytes, UPLOAD)
})

t.test('an aborted request ends with the reason and frees the slot', async (t) => {
  const { id, client, local, pool } = await planeOf(t)
  const hash = local.add(chunkOf(CHUNK_BYTES_MAX))
  const abort = new AbortController()
  local.read = () => {
    abort.abort(new Error('not needed any more'))
    return Promise.reject(new Error('too late'))
  }
  const fetching = client.getChunk(id, hash, bufferOf(Buffer.alloc(1)), abort.signal)
  await t.rejects(fetching, { message: 'not needed any more' })
  await until(() => pool.slotsInUse === 0)
})

t.test('a peer that stops in mid-body loses its connection and the slot comes back', async (t) => {
  const { bulkServer, identity, pool } = await planeOf(t, { serverStallMs: 40 })
  const socket = connect({
    port: bulkServer.port,
    rejectUnauthorized: false,
    ...createBulkCredentials(identity),
  })
  const path = `/chunks/${'0'.repeat(64)}`
  socket.write(
    `PUT ${path} HTTP/1.1\r\nhost: x\r\nx-serac-cluster: ${CLUSTER}\r\ncontent-length: 1000\r\n\r\nhalf`,
  )
  await until(() => pool.slotsInUse === 1)
  socket.resume()
  await closed(socket)
  await until(() => pool.slotsInUse === 0)
})

t.test('a body over the cap, or without length, is refused before it is read', async (t) => {
  const { bulkServer, identity } = await planeOf(t)
  const path = `/chunks/${'0'.repeat(64)}`
  for (const [header, status] of [
    [`content-length: ${CHUNK_BYTES_MAX + 1}`, '413'],
    ['transfer-encoding: chunked', '400'],
  ]) {
    const socket = connect({
      port: bulkServer.port,
      rejectUnauthorized: false,
      ...createBulkCredentials(identity),
    })
    let received = ''
    socket.on('data', (piece: Buffer) => (received += piece.toString('latin1')))
    socket.write(`PUT ${path} HTTP/1.1\r\nhost: x\r\nx-serac-cluster: ${CLUSTER}\r\n${header}\r\n\r\n`)
    await closed(socket)
    t.match(received, new RegExp(`^HTTP/1.1 ${status}`))
  }
})

t.test('a restart of the peer is not noticed by the next request', async (t) => {
  const { id, client, local, bulkServer, serverOn } = await planeOf(t)
  const hash = local.add(chunkOf(100))
  const { port } = bulkServer
  const get = () => client.getChunk(id, hash, bufferOf(Buffer.alloc(1)))
  await Promise.all([get(), get(), get()])
  await bulkServer.stop()
  await t.rejects(get(), { code: 'PEER_UNREACHABLE' })
  await serverOn(port)
  await Promise.all([get(), get(), get()])
})

t.test('an answer, also an error, leaves the connection in use', async (t) => {
  const { id, client, local, asked, clusterId } = await planeOf(t)
  const bytes = chunkOf(CHUNK_BYTES_MAX)
  const hash = local.add(bytes)
  const get = (name: string) => client.getChunk(id, name, bufferOf(Buffer.alloc(1)))
  await get(hash)
  await t.rejects(get('0'.repeat(64)), { code: 'CHUNK_MISSING' })
  await client.putChunk(id, hash, bytes, UPLOAD)
  await client.unpin(id, UPLOAD)
  t.equal(asked.length, 5, 'asked at one connection and four requests')
  clusterId.ours = 'f0'.repeat(16)
  await t.rejects(
    client.putChunk(id, hash, bytes, UPLOAD),
    { code: 'FOREIGN_CLUSTER' },
    'refused in mid-body',
  )
})

/** Unlike once() it takes an error for what it is here: the way to the close. */
function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.on('error', () => {})
    socket.once('close', () => resolve())
  })
}
