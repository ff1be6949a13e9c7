/**
 * Images are staged at one node, imported at another and deleted at the third, with the first one dead in between; and
 * downloads from servers that do not mean well end as the right bytes or as a failed task with the reason.
 * `SERAC_PROBE=full`: 100 rounds of each, 1 GiB, and a server that stalls.
 */
import { createHash } from 'node:crypto'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'
import t, { type Test } from 'tap'
import { describe, jsonOf, sha512, type ImageClient } from '../helpers/image-client.ts'
import { residentBytes, residentPeakBytes } from '../helpers/memory-of.ts'
import { digestOf, patternImage } from '../helpers/pattern-image.ts'
import { eventually, ProbeCluster } from '../helpers/probe-cluster.ts'
import { isFullForm } from '../helpers/probe-form.ts'

t.setTimeout(isFullForm ? 3_000_000 : 300_000)

const MIB = 1024 ** 2
const ROUNDS = isFullForm ? 100 : 3
const ROUNDS_WITH_A_KILL = isFullForm ? 100 : 1
const LARGE_BYTES = (isFullForm ? 1024 : 96) * MIB
/** Of a node's memory beyond what it had: its share for uploads, and what a runtime takes for itself. */
const GROWTH_BYTES_MAX = 160 * MIB
const UPLOAD_SHARE = '64 MiB'
const SEED = 7
const JSON_TYPE = { 'content-type': 'application/json' }
const OCTETS = { 'content-type': 'application/octet-stream' }
const HELLO = Buffer.from('hello')

interface Task {
  status: string
  message: string
  request_id: string
}

/** Says what goes wrong by its paths. */
async function badServer(t: Test): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer(({ url = '' }, response) => answer(url, response))
  server.on('connection', (socket) => sockets.add(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function answer(url: string, response: ServerResponse): void {
  const redirect = (location: string) => void response.writeHead(302, { location }).end()
  const cut = () => response.socket?.destroy()
  switch (url) {
    case '/large':
      response.writeHead(200, { 'content-length': LARGE_BYTES })
      return void pipeline(patternImage(LARGE_BYTES, SEED), response).catch(() => {})
    case '/good-redirect':
      return redirect('/hello')
    case '/loop':
      return redirect('/loop')
    case '/loopback':
      return redirect('http://127.0.0.2:80/')
    case '/operator':
      return redirect('http://127.0.0.1:9295/v1/cluster/status')
    case '/metadata':
      return redirect('http://169.254.169.254/latest/')
    case '/file':
      return redirect('file:///etc/passwd')
    case '/missing':
      return void response.writeHead(404).end()
    case '/cut':
      return void response.writeHead(200, { 'content-length': 2 * MIB }).write(Buffer.alloc(MIB), cut)
    case '/cut-in-chunks':
      return void response.writeHead(200).write(Buffer.alloc(MIB), cut)
    case '/more-than-said':
      return void response.socket?.end(
        'HTTP/1.1 200 OK\r\ncontent-length: 3\r\nconnection: close\r\n\r\nhello',
      )
    case '/too-large':
      return void response.writeHead(200, { 'content-length': 4096 * MIB }).write(HELLO)
    case '/endless':
      return void pipeline(patternImage(4096 * MIB, SEED), response).catch(() => {})
    case '/zipped':
      return void response.writeHead(200, { 'content-encoding': 'gzip' }).end(HELLO)
    case '/stall':
      return void response.writeHead(200, { 'content-length': 10 }).write(HELLO)
    default:
      response.writeHead(200, { 'content-length': HELLO.length }).end(HELLO)
  }
}

async function stage(client: ImageClient, id: string, bytes: Buffer): Promise<void> {
  const reply = await client.send('PUT', `/v2/images/${id}/stage`, { headers: OCTETS, body: bytes })
  if (reply.status !== 204) throw new Error(`stage answered ${describe(reply)}`)
}

/** Answers the id of the request. */
async function beginImport(client: ImageClient, id: string, method: object): Promise<string> {
  const body = Buffer.from(JSON.stringify({ method }))
  const reply = await client.send('POST', `/v2/images/${id}/import`, { headers: JSON_TYPE, body })
  if (reply.status !== 202) throw new Error(`import answered ${describe(reply)}`)
  return String(reply.headers['x-openstack-request-id'])
}

async function tasksOf(client: ImageClient, id: string): Promise<Task[]> {
  return (jsonOf(await client.send('GET', `/v2/images/${id}/tasks`)) as { tasks: Task[] }).tasks
}

/** The one task of an image, when it has ended. */
async function endOf(client: ImageClient, id: string): Promise<Task> {
  let tasks: Task[] = []
  await eventually('the import ends', async () => {
    tasks = await tasksOf(client, id)
    return tasks.every(({ status }) => status === 'success' || status === 'failure')
  })
  if (tasks.length === 1) return tasks[0]!
  throw new Error(`an import is ${tasks.length} tasks`)
}

const url = await badServer(t)
const cluster = await ProbeCluster.start(t, {
  settings: [
    { section: 'import_filtering_opts', name: 'allowed_ports', value: new URL(url).port },
    { section: 'import_filtering_opts', name: 'allowed_addresses', value: '127.0.0.1' },
    { section: 'DEFAULT', name: 'image_size_cap', value: '2 GiB' },
    { section: 'memory', name: 'uploads', value: UPLOAD_SHARE },
  ],
})
const [first, second, third] = [cluster.client(0), cluster.client(1), cluster.client(2)]

async function round(
  t: Test,
  number: number,
  between: () => Promise<void>,
  creator = first,
): Promise<string> {
  const bytes = Buffer.from(`${number}-`.repeat(500_000))
  const id = await creator.newImage()
  await stage(creator, id, bytes)
  await between()
  t.match(await second.show(id), { status: 'uploading', size: bytes.length, os_hash_value: null })
  t.equal((await third.data(id)).status, 204, 'nobody is served what is staged')
  const requestId = await beginImport(second, id, { name: 'glance-direct' })
  t.match(await endOf(third, id), { status: 'success', request_id: requestId })
  t.match(await third.show(id), { status: 'active', size: bytes.length, os_hash_value: sha512(bytes) })
  t.ok((await third.data(id)).body.equals(bytes))
  t.equal((await third.remove(id)).status, 204)
  t.equal((await second.send('GET', `/v2/images/${id}`)).status, 404)
  return id
}

t.test(`staged at one node, imported at another, deleted at the third, ${ROUNDS} times`, async (t) => {
  for (let number = 0; number < ROUNDS; number++) {
    const id = await round(t, number, async () => {})
    t.equal((await first.send('GET', `/v2/images/${id}`)).status, 404)
  }
})

t.test(`the same, and the node that staged is dead, ${ROUNDS_WITH_A_KILL} times`, async (t) => {
  for (let number = 0; number < ROUNDS_WITH_A_KILL; number++) {
    await round(t, ROUNDS + number, () => cluster.dev.node(0).process.kill())
    await cluster.dev.start(0)
    await cluster.ready(0)
  }
})

t.test('an image that was staged and is deleted leaves no bytes to import', async (t) => {
  const id = await first.newImage()
  await stage(first, id, HELLO)
  t.equal((await second.remove(id)).status, 204)
  const body = Buffer.from(JSON.stringify({ method: { name: 'glance-direct' } }))
  const late = await third.send('POST', `/v2/images/${id}/import`, { headers: JSON_TYPE, body })
  t.equal(late.status, 404)
})

t.test('a large image is fetched with flat memory', async (t) => {
  const id = await first.newImage()
  const pid = (await cluster.pids())[0]!
  const before = await residentBytes(pid)
  await beginImport(first, id, { name: 'web-download', uri: `${url}/large` })
  t.match(await endOf(second, id), { status: 'success', message: `Copied ${LARGE_BYTES / MIB} MiB` })
  const { sha512: digest } = await digestOf(patternImage(LARGE_BYTES, SEED))
  t.match(await third.show(id), { status: 'active', size: LARGE_BYTES, os_hash_value: digest })
  const grownBytes = (await residentPeakBytes(pid)) - before
  t.comment(`the node has grown by ${Math.round(grownBytes / MIB)} MiB`)
  t.ok(grownBytes < GROWTH_BYTES_MAX, `grown by ${grownBytes}`)
  const hash = createHash('sha512')
  for await (const piece of await third.open('GET', `/v2/images/${id}/file`)) hash.update(piece as Buffer)
  t.equal(hash.digest('hex'), digest)
  t.equal((await third.remove(id)).status, 204)
})

t.test('servers that do not mean well', async (t) => {
  const cases: [string, RegExp | null][] = [
    ['/hello', null],
    ['/good-redirect', null],
    ['/loop', /redirects too often/],
    ['/loopback', /Nothing is fetched from/],
    ['/operator', /Nothing is fetched from port/],
    ['/metadata', /Nothing is fetched from/],
    ['/file', /scheme file/],
    ['/missing', /status 404/],
    ['/cut', /cannot be fetched/],
    ['/cut-in-chunks', /cannot be fetched/],
    ['/too-large', /more than the/],
    ['/zipped', /another encoding/],
    ...(isFullForm ? ([['/endless', /more than|too large|larger/]] as [string, RegExp][]) : []),
    ...(isFullForm ? ([['/stall', /cannot be fetched/]] as [string, RegExp][]) : []),
  ]
  await Promise.all(
    cases.map(async ([path, reason], index) => {
      const client = cluster.client(index)
      const id = await client.newImage()
      await beginImport(client, id, { name: 'web-download', uri: url + path })
      const other = cluster.client(index + 1)
      const task = await endOf(other, id)
      const image = await other.show(id)
      if (reason === null) {
        t.match({ task, image }, { task: { status: 'success' }, image: { status: 'active' } }, path)
        t.ok((await other.data(id)).body.equals(HELLO), path)
      } else {
        t.match({ task, image }, { task: { status: 'failure', message: reason } }, path)
        t.match(image, { status: 'queued', size: null }, path)
        t.equal((await other.data(id)).status, 204, path)
      }
    }),
  )
})

t.test('a server that sends more than it said gives what it said, or nothing', async (t) => {
  const id = await first.newImage()
  await beginImport(first, id, { name: 'web-download', uri: `${url}/more-than-said` })
  const { status } = await endOf(second, id)
  const bytes = (await second.data(id)).body
  t.equal(bytes.toString(), status === 'success' ? 'hel' : '')
})

t.test('an import whose node dies leaves its image, and its task says so', async (t) => {
  const id = await third.newImage()
  await beginImport(first, id, { name: 'web-download', uri: `${url}/stall` })
  t.match(await second.show(id), { status: 'importing' })
  await cluster.dev.node(0).process.kill()
  await cluster.dev.start(0)
  await cluster.ready(0)
  t.match(await endOf(second, id), { status: 'failure', message: /is gone/ })
  t.match(await third.show(id), { status: 'queued' })
  await beginImport(third, id, { name: 'web-download', uri: `${url}/hello` })
  await eventually('another node imports it', async () => (await second.show(id)).status === 'active')
})

t.test('no node has met anything unforeseen', async (t) => {
  const logs = await Promise.all([0, 1, 2].map((index) => cluster.log(index)))
  t.notMatch(logs.join('\n'), /unexpectedly|unhandled/i)
})
