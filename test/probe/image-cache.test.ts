/**
 * The image cache of real nodes: images of a back end, a node that is killed in mid-fill, copies that rot; and, with
 * SERAC_PROBE=full, images that other nodes hold, which are then killed, and an edge that is left alone.
 */
import type { IncomingMessage } from 'node:http'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { parseSetting } from '../../deploy/dev/node-config.ts'
import { jsonOf } from '../helpers/image-client.ts'
import { digestOf, patternImage, type Digest } from '../helpers/pattern-image.ts'
import { eventually, NODE_COMMAND, ProbeCluster } from '../helpers/probe-cluster.ts'
import { isFullForm } from '../helpers/probe-form.ts'
import { runCommand } from '../helpers/run-command.ts'
import { SingleNodes } from '../helpers/single-nodes.ts'

const MIB = 1024 ** 2
const SIZE_BYTES = 96 * MIB + 5
const KILLS = isFullForm ? 20 : 2
/** Of a download, when the node is killed. */
const KILLED_AFTER_BYTES = 30 * MIB
/** In the full form: one that votes, three more that hold chunks, and an edge. */
const NODES = 5
const EDGE = NODES - 1
const COPIES = 2
const CACHE = ['DEFAULT.image_cache_dir=$state_path/cache', 'DEFAULT.image_cache_max_size=250 MiB']

interface CacheState {
  cached_images: { image_id: string; hits: number; size: number }[]
  queued_images: string[]
}

type Cluster = Pick<ProbeCluster | SingleNodes, 'client'>

async function cacheOf(cluster: Cluster, index: number): Promise<CacheState> {
  return jsonOf(await cluster.client(index).send('GET', '/v2/cache')) as CacheState
}

async function cachedAt(cluster: Cluster, index: number): Promise<string[]> {
  return (await cacheOf(cluster, index)).cached_images.map(({ image_id: id }) => id)
}

function filesOf(cluster: ProbeCluster, folder: string): string {
  return join(cluster.dev.node(0).directory, 'cache/serac-image-cache', folder)
}

async function download(cluster: Cluster, index: number, id: string): Promise<Digest> {
  const answer = await cluster.client(index).open('GET', `/v2/images/${id}/file`)
  if (answer.statusCode !== 200) throw new Error(`the download answered ${answer.statusCode}`)
  return digestOf(answer as AsyncIterable<Uint8Array>)
}

/** The rest of the answer stays to be read. */
async function readSome(answer: IncomingMessage, bytes: number): Promise<void> {
  let read = 0
  for await (const piece of answer.iterator({ destroyOnReturn: false }))
    if ((read += (piece as Buffer).length) >= bytes) return
}

t.test('images of a back end, and a node that is killed while they come in', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'serac-files-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  const settings = [
    ...CACHE,
    'DEFAULT.enabled_backends=files:file',
    'glance_store.default_backend=files',
    `files.filesystem_store_datadir=${directory}`,
  ].map(parseSetting)
  const cluster = await ProbeCluster.start(t, { nodes: 1, settings })
  const client = cluster.client(0)
  const node = cluster.dev.node(0)
  const ids: string[] = []
  const wanted: Digest[] = []
  for (let seed = 0; seed < 3; seed++) {
    const id = await client.newImage()
    t.match(await client.put(id, patternImage(SIZE_BYTES, seed)), { status: 204 })
    wanted.push(await digestOf(patternImage(SIZE_BYTES, seed)))
    ids.push(id)
  }
  const [first = '', second = '', third = ''] = ids

  for (let round = 0; round < KILLS; round++) {
    const answer = await client.open('GET', `/v2/images/${first}/file`)
    await readSome(answer, KILLED_AFTER_BYTES)
    t.equal((await readdir(filesOf(cluster, 'incomplete'))).length, 1, 'it was being filled')
    answer.on('error', () => {})
    await node.process.kill()
    await cluster.dev.start(0)
    t.strictSame(await cacheOf(cluster, 0), { cached_images: [], queued_images: [] })
    t.strictSame(await readdir(filesOf(cluster, 'incomplete')), [])
  }
  t.strictSame(await download(cluster, 0, first), wanted[0])
  await eventually('it is cached', async () => (await cachedAt(cluster, 0)).includes(first))

  for (const name of await readdir(directory)) if (name.startsWith(first)) await rm(join(directory, name))
  t.strictSame(await download(cluster, 0, first), wanted[0], 'it is not in the back end any more')
  await node.process.kill()
  await cluster.dev.start(0)
  t.strictSame(await download(cluster, 0, first), wanted[0], 'nor did the cache lose it with the node')
  t.match(await cacheOf(cluster, 0), { cached_images: [{ image_id: first, size: SIZE_BYTES }] })

  t.match(await client.send('PUT', `/v2/cache/${second}`), { status: 202 })
  await eventually('it was brought', async () => (await cachedAt(cluster, 0)).includes(second))
  const names = await readdir(filesOf(cluster, 'images'))
  const path = join(
    filesOf(cluster, 'images'),
    names.find((name) => name.startsWith(second))!,
  )
  const file = await readFile(path)
  file[50 * MIB]! ^= 1
  await writeFile(path, file)
  t.strictSame(await download(cluster, 0, second), wanted[1], 'no wrong byte')
  t.strictSame(await cachedAt(cluster, 0), [first])

  t.match(await client.send('PUT', `/v2/cache/${second}`), { status: 202 })
  await eventually('it was brought again', async () => (await cachedAt(cluster, 0)).includes(second))
  t.strictSame(await download(cluster, 0, third), wanted[2])
  await eventually('the longest unused made room', async () => {
    return (await cachedAt(cluster, 0)).toString() === [second, third].toString()
  })
  t.match(await cluster.ownStatus(0), { cache: { images: 2, evicted: 1, damaged: 1, queued: 0 } })
  const metrics = await (await fetch(new URL('/metrics', node.operatorUrl))).text()
  t.match(metrics, /^serac_cache_images 2$/m)
  await client.remove(third)
  t.strictSame(await cachedAt(cluster, 0), [second])
  t.match(await client.send('POST', `/v2/images/${second}/actions/deactivate`), { status: 204 })
  t.strictSame(await download(cluster, 0, second), wanted[1], 'for administrators, as before')

  const serac = (...args: string[]) => {
    const [program = '', ...command] = NODE_COMMAND
    return runCommand(program, [...command, 'cache', ...args, '--url', node.operatorUrl])
  }
  t.match(await serac('list'), { exitCode: 0, stdout: new RegExp(`${second} +cached`) })
  t.match(await serac('delete', second), { exitCode: 0, stdout: /1 changed/ })
  t.match(await serac('queue', second), { exitCode: 1 }, 'it is deactivated')
  t.match(await serac('clear'), { exitCode: 0 })
  t.match(await serac('prune'), { exitCode: 0 })
  t.match(await serac('list', '-f', 'value'), { exitCode: 0, stdout: '' })
})

t.test('images that other nodes hold', { skip: !isFullForm && 'with SERAC_PROBE=full' }, async (t) => {
  const settings = [...CACHE, `replication.copies=${COPIES}`].map(parseSetting)
  const cluster = await SingleNodes.create(t, NODES, settings)
  await cluster.found(0)
  for (let index = 1; index < EDGE; index++) await cluster.join(0, index)
  await joinAsEdge(cluster)
  const client = cluster.client(0)
  const [id, other] = [await client.newImage(), await client.newImage()]
  t.match(await client.put(id, patternImage(SIZE_BYTES, 1)), { status: 204 })
  t.match(await client.put(other, patternImage(SIZE_BYTES, 2)), { status: 204 })
  const wanted = await digestOf(patternImage(SIZE_BYTES, 1))
  await eventually('both have all their copies', async () => {
    return (await cluster.status(0)).redundancy?.full === 2
  })

  const cached = new Set<number>()
  // It appears a moment after a download, and not at all when the disk was too slow for one: the next brings it then.
  await eventually('those that do not hold it have it cached', async () => {
    for (let index = 0; index < NODES; index++) {
      t.strictSame(await download(cluster, index, id), wanted)
      if ((await cachedAt(cluster, index)).includes(id)) cached.add(index)
    }
    return cached.size >= NODES - COPIES
  })
  t.equal(cached.size, NODES - COPIES, 'and nobody else')
  t.ok(cached.has(EDGE), 'the edge holds nothing')
  const redundancy = { full: 2, underReplicated: 0, misplaced: 0 }
  t.match((await cluster.status(0)).redundancy, redundancy, 'a cached copy is no copy')
  const urls = jsonOf(await client.send('GET', `/v2/cache/nodes/${id}`)) as string[]
  t.strictSame(urls.toSorted(), [...cached].map((index) => cluster.node(index).apiUrl).toSorted())

  const queued = await cluster.ask(0, 'cache', 'queue', other)
  t.match(queued, { exitCode: 0 }, queued.stderr)
  await eventually('it came to the edge', async () => (await cachedAt(cluster, EDGE)).includes(other))
  await client.remove(other)
  await eventually('it left with its image', async () => {
    return (await cachedAt(cluster, EDGE)).toString() === id
  })

  await cluster.node(EDGE).process.kill()
  await cluster.start(EDGE)
  for (let index = 0; index < EDGE; index++) if (!cached.has(index)) await cluster.node(index).process.kill()
  for (const index of cached) t.strictSame(await download(cluster, index, id), wanted)
  for (let index = 0; index < EDGE; index++) await cluster.node(index).process.kill()
  t.strictSame(await download(cluster, EDGE, id), wanted, 'the edge is alone')
  await cluster.node(EDGE).process.kill()
  await cluster.start(EDGE)
  t.strictSame(await download(cluster, EDGE, id), wanted, 'and was from its start')
})

async function joinAsEdge(cluster: SingleNodes): Promise<void> {
  const { exitCode, stderr } = await cluster.offline(EDGE, 'join', await cluster.invite(0), '--role', 'edge')
  if (exitCode !== 0) throw new Error(stderr)
  await cluster.start(EDGE)
  await cluster.ready(EDGE)
}
