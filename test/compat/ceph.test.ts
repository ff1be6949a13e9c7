/**
 * Stores in a real Ceph of Debian's packages: a pool by its own tools, a bucket by the S3 of radosgw, beside the cluster and a
 * directory that three nodes share. First the drivers alone, then images, then Ceph falls. Run by its name, or with
 * SERAC_PROBE=full.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { systemClock as clock } from '../../cluster/runtime.ts'
import { parseSetting } from '../../deploy/dev/node-config.ts'
import { RbdBackend } from '../../node/backends/rbd-backend.ts'
import { S3Backend } from '../../node/backends/s3-backend.ts'
import { describe, jsonOf, sha512, type Reply } from '../helpers/image-client.ts'
import { Meter } from '../helpers/pattern-image.ts'
import { eventually, ProbeCluster } from '../helpers/probe-cluster.ts'
import { isFullForm } from '../helpers/probe-form.ts'
import { backendSuite, piecesOf, read } from '../suites/backend.ts'
import { adoptedPool } from './moving/adopted-pool.ts'
import { RealCeph } from './real-ceph.ts'
import { StoreImages } from './store-images.ts'

const MIB = 1024 ** 2
const SIZE_BYTES = (isFullForm ? 300 : 43) * MIB + 17
const STORES = ['cluster', 'files', 'ceph', 'gate'] as const
const BACKENDS = ['files', 'ceph', 'gate'] as const
const BUCKET = 'bucket'
/** In each back end; no image is called so. */
const MARKER_NAME = 'serac-marker'
const OCTETS = { 'content-type': 'application/octet-stream' }
/** No answer takes longer, whatever has fallen: a back end is given up after 30 s without a byte, and then tidied up after. */
const ANSWER_MS = 60_000

t.setTimeout(1_400_000)
const real = await RealCeph.start(t)
const directory = await mkdtemp(join(tmpdir(), 'serac-files-'))
t.teardown(() => rm(directory, { recursive: true, force: true }))
const fsid = await real.fsid()

function rbdOf(pool = RealCeph.pool): RbdBackend {
  const { user } = RealCeph
  return new RbdBackend(clock, {
    ...{ id: 'ceph', pool, user, conf: real.conf, fsid },
    ...{ objectBytes: MIB, connectSeconds: 5 },
  })
}

function gateOf(t: Test, bucket: string): S3Backend {
  const backend = new S3Backend(clock, {
    ...{ id: 'gate', endpoint: real.s3Url, region: 'us-east-1', bucket, createBucket: true },
    ...{ accessKey: RealCeph.accessKey, secretKey: RealCeph.secretKey },
    ...{ style: 'path', partBytes: 5 * MIB, ca: null },
  })
  t.teardown(() => backend.close())
  return backend
}

backendSuite(t, 'real RBD', async () => ({ backend: rbdOf(), partBytes: MIB }))
backendSuite(t, 'S3 by a real radosgw', async (t) => ({ backend: gateOf(t, 'suite'), partBytes: 5 * MIB }))

t.test(
  'real RBD: holes, an image that was written to later, one that is cut otherwise, a pool that is not there',
  async (t) => {
    const backend = rbdOf()
    const writeInto = (name: string, size: string) =>
      real.rbd(
        'bench',
        ...['--io-type', 'write', '--io-size', '64K', '--io-total', size],
        `${RealCeph.pool}/${name}`,
      )
    const request = { sizeBytes: null, signal: new AbortController().signal }
    const bytes = Buffer.concat([Buffer.alloc(MIB, 'a'), Buffer.alloc(3 * MIB), Buffer.alloc(MIB + 7, 'b')])
    await backend.put('holes', piecesOf(bytes, 65_536), request)
    t.ok((await read(backend, 'holes', 0, bytes.length - 1)).equals(bytes))
    const [start, end] = [MIB - 5, 4 * MIB + 5]
    const isRight = async () =>
      (await read(backend, 'holes', start, end)).equals(bytes.subarray(start, end + 1))
    t.ok(await isRight())
    // Whoever may write there can change an image, and not its snapshot.
    await writeInto('holes', '1M')
    t.ok(await isRight())
    await backend.delete('holes', request.signal)
    const cut = ['--size', '8M', '--object-size', '1M', '--stripe-unit', '64K', '--stripe-count', '4']
    await real.rbd('create', ...cut, `${RealCeph.pool}/striped`)
    await writeInto('striped', '8M')
    await real.rbd('snap', 'create', `${RealCeph.pool}/striped@snap`)
    const whole = await read(backend, 'striped', 0, 8 * MIB - 1)
    t.ok((await read(backend, 'striped', start, end)).equals(whole.subarray(start, end + 1)))
    await backend.delete('striped', request.signal)
    await t.rejects(rbdOf('nothing').delete('a', request.signal), { code: /BACKEND_(NOT_FOUND|REFUSED)/ })
    await t.rejects(rbdOf('nothing').put('a', piecesOf(bytes), request), { code: 'BACKEND_REFUSED' })
    // The nodes, which have begun meanwhile, may have marked the pool.
    t.strictSame(
      (await real.images()).filter((name) => name !== MARKER_NAME),
      [],
    )
  },
)

const cluster = await ProbeCluster.start(t, {
  settings: [
    'DEFAULT.enabled_backends=files:file,ceph:rbd,gate:s3',
    'DEFAULT.show_multiple_locations=true',
    'DEFAULT.show_image_direct_url=true',
    `files.filesystem_store_datadir=${directory}`,
    'files.weight=5',
    `ceph.rbd_store_user=${RealCeph.user}`,
    `ceph.rbd_store_pool=${RealCeph.pool}`,
    `ceph.rbd_store_ceph_conf=${real.conf}`,
    `gate.s3_store_host=${real.s3Url}`,
    `gate.s3_store_access_key=${RealCeph.accessKey}`,
    `gate.s3_store_secret_key=${RealCeph.secretKey}`,
    `gate.s3_store_bucket=${BUCKET}`,
    'gate.s3_store_create_bucket_on_put=true',
  ].map(parseSetting),
})
const [first, second, third] = [cluster.client(0), cluster.client(1), cluster.client(2)]
const images = new StoreImages(SIZE_BYTES, second)
const whole = `200 ${await images.wholeDigest()}`

/** Of the images of this test, wherever it is not the cluster. */
async function objects(): Promise<string[]> {
  const all = [await readdir(directory), await real.images(), await real.bucket(BUCKET)].flat()
  return all.filter((name) => name !== MARKER_NAME)
}

async function nothingIsLeft(): Promise<void> {
  await eventually('nothing is left of what was deleted', async () => (await objects()).length === 0)
}

async function inTime(t: Test, what: string, answer: Promise<Reply>): Promise<Reply> {
  const beganMs = performance.now()
  const reply = await answer
  t.ok(
    performance.now() - beganMs < ANSWER_MS,
    `${what}: after ${Math.round(performance.now() - beganMs)} ms`,
  )
  return reply
}

t.test('an image goes to each store and comes from there by every node, in any part', async (t) => {
  for (const store of STORES) {
    const id = await images.uploaded(first, store)
    t.match(await images.shown(id), { status: 'active', stores: store, size: SIZE_BYTES })
    for (const client of [first, second, third])
      t.equal(await images.fetched(client, id), whole, `${store}: all of it`)
    for (const [start, end] of [
      [5 * MIB + 3, 27 * MIB],
      [8 * MIB, 8 * MIB],
      [0, 100],
      [SIZE_BYTES - 9, SIZE_BYTES - 1],
    ] as const)
      t.equal(
        await images.fetchedPart(second, id, start, end),
        await images.partDigest(start, end),
        `${store}: ${start} to ${end}`,
      )
    t.equal((await third.remove(id)).status, 204)
  }
  await nothingIsLeft()
})

t.test('an image is copied between each pair of stores and taken out of each', async (t) => {
  for (const from of STORES) {
    const id = await images.uploaded(first, from)
    for (const to of STORES.filter((store) => store !== from)) {
      const copied = await images.imported(id, 'copy-image', [to])
      t.match(copied, { stores: new RegExp(to), os_glance_failed_import: '' })
      t.equal(await images.fetched(third, id, `?prefer=${to}`), whole, `${from} to ${to}`)
      t.equal((await third.send('DELETE', `/v2/stores/${to}/${id}`)).status, 204)
      t.equal((await images.shown(id)).stores, from)
    }
    t.equal((await third.remove(id)).status, 204)
  }
  await nothingIsLeft()
})

t.test('what is staged is imported into several stores', async (t) => {
  const id = await first.newImage()
  const staged = await first.send('PUT', `/v2/images/${id}/stage`, { headers: OCTETS, body: images.bytes() })
  t.equal(staged.status, 204)
  const imported = await images.imported(id, 'glance-direct', BACKENDS)
  t.match(imported, { status: 'active', stores: 'files,ceph,gate' })
  t.equal(await images.fetched(third, id, '?prefer=ceph'), whole)
  t.equal((await third.remove(id)).status, 204)
  await nothingIsLeft()
})

t.test('nova and cinder are told where to clone it; while there is a clone, it stays', async (t) => {
  const id = await images.uploaded(first, 'ceph')
  const { direct_url: url = '', locations } = await images.shown(id)
  const [, image = ''] = new RegExp(`^rbd://${fsid}/${RealCeph.pool}/(${id}-[0-9a-f]+)/snap$`).exec(url) ?? []
  t.ok(image, url)
  t.match(locations, [{ url, metadata: { store: 'ceph' } }])
  const info = JSON.parse(
    await real.rbd('info', '--format', 'json', `${RealCeph.pool}/${image}@snap`),
  ) as object
  t.match(info, { size: SIZE_BYTES, object_size: 8 * MIB, protected: 'true' })
  const clone = `${RealCeph.otherPool}/clone`
  await real.rbd('clone', `${RealCeph.pool}/${image}@snap`, clone)
  for (const client of [first, third]) {
    const refused = await client.remove(id)
    t.equal(refused.status, 409)
    t.match(refused.body.toString(), /in use: the store ceph/)
  }
  await images.imported(id, 'copy-image', ['files'])
  t.equal((await second.send('DELETE', `/v2/stores/ceph/${id}`)).status, 409)
  const unplaced = await second.patch(id, [{ op: 'remove', path: '/locations/0' }])
  t.equal(unplaced.status, 409, 'Glance answers 500 to this one')
  t.match(await images.shown(id), { status: 'active', stores: 'files,ceph' })
  t.equal(await images.fetched(third, id, '?prefer=ceph'), whole)
  await real.rbd('rm', '--no-progress', clone)
  t.equal((await second.remove(id)).status, 204)
  await nothingIsLeft()
})

t.test('an image of a Glance on Ceph is taken over where it lies', async (t) => {
  const { operatorUrl } = cluster.dev.node(0)
  await adoptedPool(t, { real, images, clients: [first, second, third], operatorUrl })
  await nothingIsLeft()
})

t.test('who does not read on gives way to others, and goes on where that was', async (t) => {
  const id = await images.uploaded(first, 'ceph')
  // As many as there may be tools of Ceph at a node.
  const slow = Array.from({ length: 16 }, () => third.open('GET', `/v2/images/${id}/file`))
  const answers = await Promise.all(slow)
  t.equal(await images.fetched(third, id), whole, 'one more')
  const digests = answers.map(async (answer) => {
    const meter = new Meter()
    for await (const _ of meter.count(answer)) continue
    return `${answer.statusCode} ${meter.result().sha512}`
  })
  t.strictSame(await Promise.all(digests), Array(slow.length).fill(whole))
  t.equal((await third.remove(id)).status, 204)
  await nothingIsLeft()
})

t.test('one keeper of data less is not noticed, in mid-transfer either', async (t) => {
  const id = await first.newImage()
  const body = images.bytesWith(12 * MIB, () => real.kill('osd1'))
  const reply = await inTime(t, 'an upload', images.send(first, id, 'ceph', body))
  t.equal(reply.status, 204, describe(reply))
  t.equal(await images.fetched(third, id), whole)
  await real.revive()
  t.equal((await third.remove(id)).status, 204)
  await nothingIsLeft()
})

t.test('a Ceph that stops in mid-transfer: 503 with the store, queued again, nothing left', async (t) => {
  for (const [store, daemons] of [
    ['ceph', ['osd0', 'osd2']],
    ['gate', ['rgw']],
  ] as const) {
    const id = await first.newImage()
    const body = images.bytesWith(20 * MIB, () => real.kill(...daemons))
    const reply = await inTime(t, `an upload to ${store}`, images.send(first, id, store, body))
    t.equal(reply.status, 503, describe(reply))
    t.match(reply.body.toString(), new RegExp(`The store ${store} `))
    t.equal((await images.shown(id)).status, 'queued')
    await real.revive()
    t.equal((await images.send(first, id, store)).status, 204, 'and it may be tried again')
    t.equal(await images.fetched(third, id), whole)
    t.equal((await third.remove(id)).status, 204)
    await nothingIsLeft()
  }
})

t.test(
  'what is in another store as well comes from there when Ceph stops, before and in mid-stream',
  async (t) => {
    const id = await images.uploaded(first, 'ceph')
    await images.imported(id, 'copy-image', ['files'])
    const answer = await third.open('GET', `/v2/images/${id}/file?prefer=ceph`)
    await real.kill('osd0', 'osd2')
    const pieces: Buffer[] = []
    for await (const piece of answer) pieces.push(piece as Buffer)
    t.equal(`${answer.statusCode} ${sha512(Buffer.concat(pieces))}`, whole, 'in mid-stream')
    t.equal(await images.fetched(third, id, '?prefer=ceph'), whole, 'before')
    const copy = await images.uploaded(first, 'files')
    const failed = await images.imported(copy, 'copy-image', ['ceph'])
    t.match(failed, { status: 'active', stores: 'files', os_glance_failed_import: 'ceph' })
    t.equal(
      (await inTime(t, 'a deletion', third.remove(id))).status,
      204,
      'deleted while Ceph does not answer',
    )
    t.equal((await inTime(t, 'another', third.remove(copy))).status, 204)
    await real.revive()
    await nothingIsLeft()
  },
)

t.test('without monitors nothing begins, and it is said at once', async (t) => {
  await real.kill('mon')
  const id = await first.newImage()
  const reply = await inTime(t, 'an upload', images.send(first, id, 'ceph'))
  t.equal(reply.status, 503)
  t.match(reply.body.toString(), /The store ceph fails: rbd ends with 110/)
  t.equal((await images.shown(id)).status, 'queued')
  await real.revive()
  t.equal((await images.send(first, id, 'ceph')).status, 204)
  t.equal((await third.remove(id)).status, 204)
  await nothingIsLeft()
})

t.test('nobody is shown how the stores are reached', async (t) => {
  const id = await images.uploaded(first, 'ceph')
  const detail = await first.send('GET', '/v2/info/stores/detail')
  const properties = { pool: RealCeph.pool, chunk_size: 8 * MIB, thin_provisioning: true }
  t.match(jsonOf(detail), { stores: [{}, {}, { id: 'ceph', type: 'rbd', properties }, { id: 'gate' }] })
  const all = [detail.body.toString(), (await first.send('GET', `/v2/images/${id}`)).body.toString()]
  for (const index of [0, 1, 2]) all.push(await cluster.log(index))
  for (const secret of await real.secrets()) for (const text of all) t.notOk(text.includes(secret))
  t.equal((await third.remove(id)).status, 204)
})
