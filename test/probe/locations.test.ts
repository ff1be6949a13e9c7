/** Images whose bytes lie behind a URL, and deleted ones that wait, on real nodes and with a server that misbehaves. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import t, { type Test } from 'tap'
import { eventually, ProbeCluster, SERAC } from '../helpers/probe-cluster.ts'
import { describe, jsonOf, sha512, type Reply } from '../helpers/image-client.ts'
import { runCommand } from '../helpers/run-command.ts'
import { rot } from '../helpers/stored-segments.ts'

t.setTimeout(300_000)

const BYTES = Buffer.from(Array.from({ length: 3_000_000 }, (_, index) => (index * 7919) % 251))
/** Three chunks, of which the last one is told by its length. */
const LAST_CHUNK_BYTES = 1_000_000
const LONG = Buffer.concat([BYTES, BYTES, BYTES, BYTES]).subarray(0, 2 * 4 * 1024 ** 2 + LAST_CHUNK_BYTES)
const PATCH = { 'content-type': 'application/openstack-images-v2.1-json-patch' }
const JSON_TYPE = { 'content-type': 'application/json' }

/** Serves BYTES under every path, with ranges; the path says what goes wrong. */
async function mirror(t: Test): Promise<{ url: string; seen: string[] }> {
  const seen: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers.range ?? ''}`.trim())
    answer(request, response, seen.length)
  })
  server.on('connection', (socket) => sockets.add(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen }
}

function answer(
  { method, url = '', headers }: IncomingMessage,
  response: ServerResponse,
  turn: number,
): void {
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? []
  const start = first === undefined ? 0 : Number(first)
  const bytes = url.startsWith('/long') ? LONG : BYTES
  const part = bytes.subarray(start, last === undefined ? bytes.length : Number(last) + 1)
  const range = first !== undefined && { 'content-range': `bytes ${first}-${last}/${bytes.length}` }
  if (url === '/gone') return void response.writeHead(404).end()
  if (url === '/metadata') return void response.writeHead(302, { location: 'http://169.254.169.254/' }).end()
  if (url === '/no-ranges') return void response.writeHead(200, { 'content-length': BYTES.length }).end(BYTES)
  response.writeHead(first === undefined ? 200 : 206, { 'content-length': part.length, ...range })
  if (method === 'HEAD') return void response.end()
  // It breaks off in the middle of each answer until there is little left.
  if (url === '/cuts' && part.length > 500_000)
    return void response.write(part.subarray(0, 400_000), () => response.socket?.destroy())
  if (url === '/long-changed')
    return void response.end(Buffer.concat([part.subarray(1), part.subarray(0, 1)]))
  if (url === '/changed') return void response.end(Buffer.concat([part.subarray(1), Buffer.from([turn & 1])]))
  response.end(part)
}

t.test('locations and delayed delete', async (t) => {
  const { url, seen } = await mirror(t)
  const { port } = new URL(url)
  const cluster = await ProbeCluster.start(t, {
    settings: [
      { section: 'DEFAULT', name: 'show_multiple_locations', value: 'true' },
      { section: 'DEFAULT', name: 'show_image_direct_url', value: 'true' },
      { section: 'DEFAULT', name: 'delayed_delete', value: 'true' },
      { section: 'DEFAULT', name: 'scrub_time', value: '1h' },
      { section: 'glance_store', name: 'stores', value: 'cluster,http' },
      { section: 'import_filtering_opts', name: 'allowed_ports', value: port },
      { section: 'import_filtering_opts', name: 'allowed_addresses', value: '127.0.0.1' },
    ],
  })
  const client = cluster.client(0)
  const other = cluster.client(1)
  const add = (id: string, path: string): Promise<Reply> => {
    const value = { url: path.startsWith('http') ? path : url + path, metadata: {} }
    const body = Buffer.from(JSON.stringify([{ op: 'add', path: '/locations/-', value }]))
    return client.send('PATCH', `/v2/images/${id}`, { headers: PATCH, body })
  }
  const located = async (path: string) => {
    const id = await client.newImage()
    const reply = await add(id, path)
    if (reply.status !== 200) throw new Error(describe(reply))
    return id
  }

  await t.test('bytes and ranges of them come through any node', async (t) => {
    const id = await located('/image')
    t.match(jsonOf(await other.send('GET', `/v2/images/${id}`)), {
      status: 'active',
      size: BYTES.length,
      locations: [{ url: `${url}/image`, metadata: {} }],
      direct_url: `${url}/image`,
    })
    t.ok((await other.data(id)).body.equals(BYTES))
    const part = await other.send('GET', `/v2/images/${id}/file`, {
      headers: { range: 'bytes=1000-2999999' },
    })
    t.match(part, { status: 206, headers: { 'content-range': `bytes 1000-2999999/${BYTES.length}` } })
    t.ok(part.body.equals(BYTES.subarray(1000)))
    t.ok(seen.includes('GET /image bytes=1000-2999999'))
  })

  await t.test('a server that breaks off, or knows no ranges, delivers all the same', async (t) => {
    t.ok((await other.data(await located('/cuts'))).body.equals(BYTES))
    const id = await located('/no-ranges')
    const part = await other.send('GET', `/v2/images/${id}/file`, {
      headers: { range: 'bytes=2000000-2000009' },
    })
    t.ok(part.body.equals(BYTES.subarray(2_000_000, 2_000_010)))
  })

  await t.test('what the rules forbid is not fetched', async (t) => {
    const id = await client.newImage()
    for (const bad of [
      `http://2130706433:${port}/image`,
      `http://[::1]:${port}/image`,
      `http://127.0.0.2:${port}/image`,
      'http://169.254.169.254/',
      'http://127.0.0.1:9295/v1/cluster/status',
      'file:///etc/passwd',
      'serac://00000000-0000-4000-8000-000000000000',
      '/metadata',
      '/gone',
    ])
      t.equal((await add(id, bad)).status, 400, bad)
    t.match(await client.show(id), { status: 'queued' })
  })

  await t.test(
    'an image is active when its digests are computed, and served only as long as they fit',
    async (t) => {
      const post = (id: string, body: object) =>
        client.send('POST', `/v2/images/${id}/locations`, {
          headers: JSON_TYPE,
          body: Buffer.from(JSON.stringify(body)),
        })
      const id = await client.newImage()
      const validation = { os_hash_algo: 'sha512', os_hash_value: sha512(BYTES) }
      t.match(await post(id, { url: `${url}/image`, validation_data: validation }), { status: 202 })
      await eventually('the digests are computed', async () => (await other.show(id)).status === 'active')
      t.match(await other.show(id), { os_hash_value: sha512(BYTES) })
      const tasksOf = async (image: string) =>
        jsonOf(await other.send('GET', `/v2/images/${image}/tasks`)) as { tasks: { status: string }[] }
      const ended = (image: string) =>
        eventually('its task is over', async () => {
          const { tasks } = await tasksOf(image)
          return /success|failure/.test(tasks[0]?.status ?? '')
        })
      await ended(id)
      const input = { image_id: id, loc_url: `${url}/image`, validation_data: validation }
      t.match(await tasksOf(id), { tasks: [{ type: 'location_import', status: 'success', input }] })
      t.match(jsonOf(await other.send('GET', `/v2/images/${id}/locations`)), [{ url: `${url}/image` }])

      const wrong = await client.newImage()
      const lie = { os_hash_algo: 'sha512', os_hash_value: '00'.repeat(64) }
      t.match(await post(wrong, { url: `${url}/image`, validation_data: lie }), { status: 202 })
      await eventually('it is queued again', async () => (await other.show(wrong)).status === 'queued')
      await ended(wrong)
      t.match(await tasksOf(wrong), {
        tasks: [{ status: 'failure', message: /not what validation_data says/ }],
      })

      const changing = await client.newImage()
      t.match(await post(changing, { url: `${url}/changed`, validation_data: {} }), { status: 202 })
      await eventually('its digest is known', async () => (await other.show(changing)).os_hash_value !== null)
      seen.push('so that the next answer is another one')
      const broken = await other.data(changing).catch((error: unknown) => error)
      const again = await other.data(changing).catch((error: unknown) => error)
      t.ok(broken instanceof Error || again instanceof Error, 'bytes that do not fit are no whole answer')
    },
  )

  await t.test('a chunk that every node has lost comes from the location, within the answer', async (t) => {
    const stored = async (path: string) => {
      const id = await client.newImage()
      t.match(await client.put(id, LONG), { status: 204 })
      t.match(await add(id, path), { status: 200 })
      return id
    }
    const [right, wrong] = [await stored('/long'), await stored('/long-changed')]
    await eventually('both are on every node', async () => {
      const { redundancy } = await cluster.status(0)
      return redundancy?.full === 2
    })
    for (const node of cluster.dev.nodes)
      t.equal(await rot(node.directory, 1, (lengthBytes) => lengthBytes === LAST_CHUNK_BYTES), 1)
    const cut = await other.data(wrong).catch((error: unknown) => error)
    t.ok(cut instanceof Error, 'other bytes are none')
    t.ok((await other.data(right)).body.equals(LONG))
    t.ok(seen.includes(`GET /long bytes=${LONG.length - LAST_CHUNK_BYTES}-${LONG.length - 1}`))
    const headers = { range: `bytes=8000000-${LONG.length - 2}` }
    const part = await client.send('GET', `/v2/images/${right}/file`, { headers })
    t.equal(part.status, 206)
    t.ok(part.body.equals(LONG.subarray(8_000_000, -1)))
  })

  await t.test('a deleted image waits, unseen, with its bytes, and comes back', async (t) => {
    const id = await client.newImage()
    t.equal((await client.put(id, BYTES)).status, 204)
    t.equal((await client.remove(id)).status, 204)
    for (const path of [`/v2/images/${id}`, `/v2/images/${id}/file`])
      t.equal((await other.send('GET', path)).status, 404)
    const asking = ['--url', cluster.dev.node(2).operatorUrl]
    const shown = await runCommand(process.execPath, [SERAC, 'images', 'deleted', '-f', 'value', ...asking])
    t.equal(shown.stdout, `${id}\n`, shown.stderr)
    const restored = await runCommand(process.execPath, [SERAC, 'images', 'restore', id, ...asking])
    t.match(restored, { exitCode: 0, stdout: `Image ${id} is back.\n` })
    t.match(await other.show(id), { status: 'active' })
    t.ok((await other.data(id)).body.equals(BYTES))
    const twice = await runCommand(process.execPath, [SERAC, 'images', 'restore', id, ...asking])
    t.match(twice, { exitCode: 1, stderr: /is active and does not wait/ })
  })

  const logs = await Promise.all([0, 1, 2].map((index) => cluster.log(index)))
  t.notMatch(logs.join('\n'), /unexpectedly|unhandled/i)
})
