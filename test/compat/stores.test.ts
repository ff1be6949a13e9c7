/**
 * Stores beside the cluster, with a real Swift of Debian's packages: by its own API, by its S3 API, and a directory that three
 * nodes share. First the drivers alone, then images. Run by its name, or with SERAC_PROBE=full.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { systemClock as clock } from '../../cluster/runtime.ts'
import { parseSetting } from '../../deploy/dev/node-config.ts'
import { S3Backend } from '../../node/backends/s3-backend.ts'
import { SwiftBackend } from '../../node/backends/swift-backend.ts'
import type { MovingReport } from '../../node/cli/moving/moving-report.ts'
import { MARKER_NAME } from '../../node/loops/backend-prober.ts'
import { describe, jsonOf, sha512, type ImageClient } from '../helpers/image-client.ts'
import { loopDigest } from '../helpers/loop-digest.ts'
import { Meter, partOf, digestOf, patternImage } from '../helpers/pattern-image.ts'
import { eventually, ProbeCluster } from '../helpers/probe-cluster.ts'
import { isFullForm } from '../helpers/probe-form.ts'
import { startSerac } from '../helpers/started-command.ts'
import { SteadyDownloads } from '../helpers/steady-downloads.ts'
import { backendSuite } from '../suites/backend.ts'
import { RealSwift } from './real-swift.ts'

const MIB = 1024 ** 2
const SEED = 11
const SIZE_BYTES = (isFullForm ? 300 : 23) * MIB + 17
const STORES = ['cluster', 'files', 'big', 'sw'] as const
const BACKENDS = ['files', 'big', 'sw'] as const
/** From each store to each other, back to the first. */
const EACH_PAIR = 'cluster files cluster big cluster sw files big files sw big sw cluster'.split(' ')
const MOVED_IMAGES = isFullForm ? 12 : 4
const BUCKET = 'bucket'
const CONTAINER = 'images'
const OCTETS = { 'content-type': 'application/octet-stream' }
const JSON_TYPE = { 'content-type': 'application/json' }

interface Shown {
  status: string
  stores?: string
  os_glance_failed_import?: string
  os_glance_import_task?: string
}

t.setTimeout(1_200_000)
const real = await RealSwift.start(t)
const directory = await mkdtemp(join(tmpdir(), 'serac-files-'))
t.teardown(() => rm(directory, { recursive: true, force: true }))

function swiftOf(t: Test, container: string): SwiftBackend {
  const none = { project: '', userDomain: '', projectDomain: '', region: null, endpoint: null }
  const { user, key } = RealSwift
  const login = { version: 1 as const, authUrl: `${real.url}/auth/v1.0`, user, key }
  const backend = new SwiftBackend(
    { clock, md5: () => loopDigest('md5') },
    {
      id: 'sw',
      credentials: { ...none, ...login, endpointType: 'publicURL', serviceType: 'object-store' },
      container,
      createContainer: true,
      ...{ largeBytes: MIB, segmentBytes: MIB, ca: null, insecure: false },
    },
  )
  t.teardown(() => backend.close())
  return backend
}

function s3Of(t: Test, bucket: string): S3Backend {
  const backend = new S3Backend(clock, {
    id: 'big',
    endpoint: real.url,
    region: 'us-east-1',
    accessKey: RealSwift.user,
    secretKey: RealSwift.key,
    bucket,
    createBucket: true,
    ...{ style: 'path', partBytes: 5 * MIB, ca: null },
  })
  t.teardown(() => backend.close())
  return backend
}

backendSuite(t, 'real Swift', async (t) => ({ backend: swiftOf(t, 'suite'), partBytes: MIB }))
backendSuite(t, 'S3 by a real Swift', async (t) => ({ backend: s3Of(t, 'suite-s3'), partBytes: 5 * MIB }))

const cluster = await ProbeCluster.start(t, {
  settings: [
    'DEFAULT.enabled_backends=files:file,big:s3,sw:swift',
    `files.filesystem_store_datadir=${directory}`,
    'files.weight=5',
    `big.s3_store_host=${real.url}`,
    `big.s3_store_access_key=${RealSwift.user}`,
    `big.s3_store_secret_key=${RealSwift.key}`,
    `big.s3_store_bucket=${BUCKET}`,
    'big.s3_store_create_bucket_on_put=true',
    'sw.swift_store_auth_version=1',
    `sw.swift_store_auth_address=${real.url}/auth/v1.0`,
    `sw.swift_store_user=${RealSwift.user}`,
    `sw.swift_store_key=${RealSwift.key}`,
    `sw.swift_store_container=${CONTAINER}`,
    'sw.swift_store_create_container_on_put=true',
    'sw.swift_store_large_object_size=8',
    'sw.swift_store_large_object_chunk_size=8',
  ].map(parseSetting),
})
const [first, second, third] = [cluster.client(0), cluster.client(1), cluster.client(2)]
const bytes = () => patternImage(SIZE_BYTES, SEED)
const whole = await digestOf(bytes())

async function send(client: ImageClient, id: string, store: string, extra = {}) {
  return client.put(id, bytes(), { 'x-image-meta-store': store, ...extra })
}

async function uploaded(store: string, client = first): Promise<string> {
  const id = await client.newImage()
  const reply = await send(client, id, store)
  if (reply.status !== 204) throw new Error(`the upload to ${store} answered ${describe(reply)}`)
  return id
}

async function shown(id: string, client = second): Promise<Shown> {
  return jsonOf(await client.send('GET', `/v2/images/${id}`)) as Shown
}

async function digestFrom(client: ImageClient, id: string, query = ''): Promise<string> {
  const answer = await client.open('GET', `/v2/images/${id}/file${query}`)
  const meter = new Meter()
  for await (const _ of meter.count(answer)) continue
  return `${answer.statusCode} ${meter.result().sha512}`
}

async function imported(id: string, method: string, stores: string[], client = second): Promise<Shown> {
  const body = Buffer.from(JSON.stringify({ method: { name: method }, stores }))
  const reply = await client.send('POST', `/v2/images/${id}/import`, { headers: JSON_TYPE, body })
  if (reply.status !== 202) throw new Error(`the import answered ${describe(reply)}`)
  await eventually(`the import of ${id} is over`, async () => {
    const { os_glance_import_task: task } = await shown(id)
    return task === undefined || task === ''
  })
  return shown(id)
}

/** Of the images of this test, wherever it is not the cluster. */
async function areGone(): Promise<boolean> {
  const all = [await readdir(directory), await real.list(BUCKET), await real.list(CONTAINER)].flat()
  const left = all.filter((name) => name !== MARKER_NAME)
  if (left.length > 0) throw new Error(`there is still: ${left.join(', ')}`)
  return true
}

t.test('an image goes to each store and comes from there by every node, in any part', async (t) => {
  for (const store of STORES) {
    const id = await uploaded(store)
    t.match(await shown(id), { status: 'active', stores: store })
    for (const client of [first, second, third])
      t.equal(await digestFrom(client, id), `200 ${whole.sha512}`, `${store}: all of it`)
    const [start, end] = [5 * MIB + 3, 17 * MIB]
    const part = await second.send('GET', `/v2/images/${id}/file`, {
      headers: { range: `bytes=${start}-${end}` },
    })
    t.equal(sha512(part.body), (await digestOf(partOf(bytes(), start, end))).sha512, `${store}: a part`)
    t.equal((await third.remove(id)).status, 204)
  }
  await eventually('nothing is left of what was deleted', areGone)
})

t.test('an image is copied between each pair of stores and taken out of each', async (t) => {
  for (const from of STORES) {
    const id = await uploaded(from)
    for (const to of STORES.filter((store) => store !== from)) {
      t.match(await imported(id, 'copy-image', [to]), { stores: new RegExp(to), os_glance_failed_import: '' })
      t.equal(await digestFrom(third, id, `?prefer=${to}`), `200 ${whole.sha512}`, `${from} to ${to}`)
      t.equal((await third.send('DELETE', `/v2/stores/${to}/${id}`)).status, 204)
      t.equal((await shown(id)).stores, from)
    }
    t.equal((await third.send('DELETE', `/v2/stores/${from}/${id}`)).status, 403, 'never out of the last')
    t.equal((await third.remove(id)).status, 204)
  }
  await eventually('nothing is left of what was deleted', areGone)
})

t.test('what is staged is imported into back ends alone; the cluster keeps nothing of it', async (t) => {
  const id = await first.newImage()
  t.equal((await first.send('PUT', `/v2/images/${id}/stage`, { headers: OCTETS, body: bytes() })).status, 204)
  t.match(await imported(id, 'glance-direct', [...BACKENDS]), { status: 'active', stores: 'files,big,sw' })
  t.equal(await digestFrom(third, id), `200 ${whole.sha512}`)
  t.equal((await third.remove(id)).status, 204)
  await eventually('nothing is left', areGone)
})

t.test('a back end that is killed in mid-transfer: 503, queued again, nothing left', async (t) => {
  for (const store of ['big', 'sw']) {
    const id = await first.newImage()
    const slowly = async function* () {
      let sentBytes = 0
      for await (const piece of bytes()) {
        if (sentBytes < 12 * MIB && sentBytes + piece.length >= 12 * MIB) await real.killProxy()
        sentBytes += piece.length
        yield piece
      }
    }
    const reply = await first.put(id, slowly(), { 'x-image-meta-store': store })
    t.equal(reply.status, 503, describe(reply))
    t.match(reply.body.toString(), new RegExp(`The store ${store} `))
    t.equal((await shown(id)).status, 'queued')
    await real.revive()
    t.equal((await send(first, id, store)).status, 204, 'and it may be tried again')
    t.equal(await digestFrom(third, id), `200 ${whole.sha512}`)
    const both = await imported(id, 'copy-image', ['files'])
    t.match(both, { stores: new RegExp(store) })
    await real.killProxy()
    t.equal(await digestFrom(third, id, `?prefer=${store}`), `200 ${whole.sha512}`, 'from the other store')
    t.equal((await third.remove(id)).status, 204, 'deleted while the back end is down')
    await real.revive()
    await eventually('what waited for the back end is deleted', areGone)
  }
})

t.test('images move between each pair of stores while they are downloaded', async (t) => {
  const { operatorUrl } = cluster.dev.node(0)
  const migrate = async (from: string, to: string, ...more: string[]) => {
    const args = ['--url', operatorUrl, '-f', 'json', '--from', from, '--to', to, ...more]
    const { exitCode, stdout, stderr } = await startSerac(['stores', 'migrate', ...args]).ended
    t.equal(exitCode, 0, `${from} to ${to}: ${stdout} ${stderr}`)
    return (JSON.parse(stdout) as MovingReport).counts
  }
  const images = new Map<string, string>()
  for (let number = 0; number < MOVED_IMAGES; number++) images.set(await uploaded('cluster'), whole.sha512)
  const downloads = new SteadyDownloads([first, second, third], images)
  for (const [at, to] of EACH_PAIR.slice(1).entries()) {
    const from = EACH_PAIR[at]!
    t.match(await migrate(from, to), { moved: MOVED_IMAGES, failed: 0 }, `${from} to ${to}`)
    for (const id of images.keys()) t.equal((await shown(id)).stores, to)
  }
  await eventually('nothing is left of where they were', areGone)
  const kept = migrate('cluster', 'sw', '--keep-source', '--rate', '20MiB')
  await eventually('some bytes are there', async () => (await real.list(CONTAINER)).length > 1)
  await real.killProxy()
  await real.revive()
  t.match(await kept, { moved: MOVED_IMAGES })
  await downloads.end()
  t.strictSame(downloads.failed, [])
  t.ok(downloads.done > EACH_PAIR.length, `${downloads.done} downloads`)
  for (const id of images.keys()) {
    t.equal(await digestFrom(third, id, '?prefer=sw'), `200 ${whole.sha512}`)
    t.equal((await third.remove(id)).status, 204)
  }
  await eventually('nothing is left', areGone)
})

t.test('nobody is shown how the stores are reached', async (t) => {
  const id = await uploaded('big')
  const detail = await first.send('GET', '/v2/info/stores/detail')
  t.match(jsonOf(detail), { stores: [{ id: 'cluster' }, { id: 'files', weight: 5 }, {}, {}] })
  const all = [detail.body.toString(), (await first.send('GET', `/v2/images/${id}`)).body.toString()]
  for (const index of [0, 1, 2]) all.push(await cluster.log(index))
  for (const text of all) t.notOk(text.includes(RealSwift.key) || text.includes(RealSwift.user))
  t.equal((await third.remove(id)).status, 204)
})
