/**
 * The image cache of real nodes: images of a back end, a node that is killed in mid-fill, copies that rot; and, with
 * SERAC_PROBE=full, images that other nodes hold, which are then killed.
 */
import type { IncomingMessage } from 'node:http'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { parseSetting } from '../../deploy/dev/node-config.ts'
import type { CacheDocument } from '../../node/status/cache-admin.ts'
import { jsonOf } from '../helpers/image-client.ts'
import { digestOf, patternImage, type Digest } from '../helpers/pattern-image.ts'
import { eventually, NODE_COMMAND, ProbeCluster } from '../helpers/probe-cluster.ts'
import { isFullForm } from '../helpers/probe-form.ts'
import { runCommand } from '../helpers/run-command.ts'

const MIB = 1024 ** 2
const SIZE_BYTES = 96 * MIB + 5
const KILLS = isFullForm ? 20 : 2
/** Of a download, when the node is killed. */
const KILLED_AFTER_BYTES = 30 * MIB
const CACHE = ['DEFAULT.image_cache_dir=$state_path/cache', 'DEFAULT.image_cache_max_size=250 MiB']

interface CacheState {
  cached_images: { image_id: string; hits: number; size: number }[]
  queued_images: string[]
}

async function cacheOf(cluster: ProbeCluster, index: number): Promise<CacheState> {
  return jsonOf(await cluster.client(index).send('GET', '/v2/cache')) as CacheState
}

async function cachedAt(cluster: ProbeCluster, index: number): Promise<string[]> {
  return (await cacheOf(cluster, index)).cached_images.map(({ image_id: id }) => id)
}

function filesOf(cluster: ProbeCluster, folder: string): string {
  return join(cluster.dev.node(0).directory, 'cache/serac-image-cache', folder)
}

async function download(cluster: ProbeCluster, index: number, id: string): Promise<Digest> {
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
  const settings = [...CACHE, 'replication.copies=2'].map(parseSetting)
  const cluster = await ProbeCluster.start(t, { nodes: 4, settings })
  const id = await cluster.client(0).newImage()
  t.match(await cluster.client(0).put(id, patternImage(SIZE_BYTES, 1)), { status: 204 })
  const wanted = await digestOf(patternImage(SIZE_BYTES, 1))
  await cluster.full(0)
  for (let index = 0; index < 4; index++) t.strictSame(await download(cluster, index, id), wanted)
  const { nodes } = (await (
    await fetch(new URL('/v1/cluster/cache', cluster.dev.node(0).operatorUrl))
  ).json()) as CacheDocument
  t.equal(nodes.length, 4)
  const cached: number[] = []
  for (let index = 0; index < 4; index++)
    if ((await cachedAt(cluster, index)).includes(id)) cached.push(index)
  t.equal(cached.length, 2, 'those that do not hold it')
  t.match((await cluster.status(0)).redundancy, { full: 1, misplaced: 0 }, 'a cached copy is no copy')
  const urls = jsonOf(await cluster.client(0).send('GET', `/v2/cache/nodes/${id}`)) as string[]
  t.strictSame(urls.toSorted(), cached.map((index) => cluster.dev.node(index).apiUrl).toSorted())
  for (let index = 0; index < 4; index++)
    if (!cached.includes(index)) await cluster.dev.node(index).process.kill()
  for (const index of cached) t.strictSame(await download(cluster, index, id), wanted)
})
