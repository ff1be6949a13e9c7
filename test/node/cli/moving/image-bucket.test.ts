/** Images in a bucket; a stand-in plays S3. */
import { createHash, randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { systemClock, type Clock } from '../../../../cluster/runtime.ts'
import { S3Backend, type S3BackendOptions } from '../../../../node/backends/s3-backend.ts'
import { ImageBucket } from '../../../../node/cli/moving/image-bucket.ts'
import { ImageExport } from '../../../../node/cli/moving/image-export.ts'
import { BytesMissingError, type ImageSource } from '../../../../node/cli/moving/image-source.ts'
import { MovingProgress } from '../../../../node/cli/moving/moving-progress.ts'
import { openPlace } from '../../../../node/cli/moving/open-place.ts'
import type { MovedImage } from '../../../../node/images/moved-image.ts'
import {
  ACCESS_KEY,
  S3_PART_BYTES as PART_BYTES,
  S3StandIn,
  s3StandInOptions,
  SECRET_KEY,
} from '../../../helpers/s3-stand-in.ts'
import { piecesOf } from '../../../suites/backend.ts'

/** Nobody waits as long as for a real one. */
const clock: Clock = { ...systemClock, after: (delayMs, action) => systemClock.after(delayMs / 100, action) }
const never = new AbortController().signal

/** The timers of the product keep no process alive. */
const alive = setInterval(() => {}, 1000)
t.teardown(() => clearInterval(alive))

function bucketOf(t: Test, endpoint: string, options: Partial<S3BackendOptions> = {}): ImageBucket {
  const backend = new S3Backend(clock, s3StandInOptions('s3://images/back/up', endpoint, options))
  const bucket = new ImageBucket(backend, { name: 's3://images/back/up', prefix: 'back/up/' })
  t.teardown(() => bucket.close())
  return bucket
}

interface Given {
  image: MovedImage
  bytes: Buffer
}

function given(sizeBytes: number, changes: Partial<MovedImage> = {}): Given {
  const bytes = Buffer.alloc(sizeBytes, randomUUID())
  const digest = (name: string) => createHash(name).update(bytes).digest('hex')
  const image: MovedImage = {
    id: randomUUID(),
    name: 'ö & <b>',
    status: 'active',
    visibility: 'shared',
    protected: true,
    hidden: true,
    owner: 'p1',
    containerFormat: 'bare',
    diskFormat: 'raw',
    minDisk: 1,
    minRam: 2,
    size: sizeBytes,
    virtualSize: null,
    checksum: digest('md5'),
    hashAlgo: 'sha512',
    hashValue: digest('sha512'),
    createdAt: '2020-01-02T03:04:05Z',
    updatedAt: '2021-01-02T03:04:05Z',
    tags: ['t1', 't2'],
    properties: { k: 'v' },
    members: [
      {
        memberId: 'p2',
        status: 'accepted',
        createdAt: '2020-02-02T03:04:05Z',
        updatedAt: '2020-02-02T03:04:05Z',
      },
    ],
    hasBytes: true,
    locations: [],
    ...changes,
  }
  return { image, bytes }
}

function exporting(t: Test, all: readonly Given[], files: ImageBucket): ImageExport {
  const source: ImageSource = {
    name: 'cluster',
    list: async () => ({ images: all.map(({ image }) => image), leftOut: [] }),
    open: ({ id }) => piecesOf(all.find(({ image }) => image.id === id)!.bytes, 1000),
  }
  const progress = new MovingProgress({ complain: () => {}, isTerminal: false })
  t.teardown(() => progress.end())
  return new ImageExport({ source, files, progress }, { firstPauseMs: 1 })
}

async function readAll(bucket: ImageBucket, image: MovedImage): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of bucket.open(image, never)) pieces.push(piece)
  return Buffer.concat(pieces)
}

t.test('what is exported is listed and read as it was; once more nothing is sent', async (t) => {
  const server = await S3StandIn.start(t)
  const bucket = bucketOf(t, server.url)
  await bucket.prepare()
  const queued = given(0, { status: 'queued', hasBytes: false, size: null, checksum: null, hashAlgo: null })
  queued.image.hashValue = null
  const all = [given(0), given(10), given(PART_BYTES), given(3 * PART_BYTES + 17), given(5), queued]
  const work = exporting(t, all, bucket)
  for (const { image } of all) t.match(await work.move(image), { outcome: 'moved', detail: '' })
  server.objects.set('back/up/notes.txt', Buffer.from('of somebody else'))
  server.objects.set(`back/up/deeper/${randomUUID()}.json`, Buffer.from('{}'))
  const { images, leftOut } = await bucket.list()
  t.strictSame(
    images,
    all.map(({ image }) => image).toSorted((a, b) => (a.id < b.id ? -1 : 1)),
  )
  t.strictSame(leftOut, [])
  for (const { image, bytes } of all) if (image.hasBytes) t.ok((await readAll(bucket, image)).equals(bytes))
  server.calls.length = 0
  for (const { image } of all) t.match(await work.move(image), { outcome: 'present' })
  t.strictSame(
    server.calls.filter((call) => /^(?:PUT|POST)/.test(call)),
    [],
  )
  const [, small] = all
  small!.image.name = 'another'
  t.match(await work.move(small!.image), { outcome: 'moved' })
  t.strictSame(
    server.calls.filter((call) => /^(?:PUT|POST)/.test(call)),
    [`PUT /images/back/up/${small!.image.id}.json`],
    'of an image that was only changed the bytes stay',
  )
})

t.test('wrong bytes do not count; what a killed run has left is taken back', async (t) => {
  const server = await S3StandIn.start(t)
  const bucket = bucketOf(t, server.url)
  const large = given(3 * PART_BYTES)
  const key = `back/up/${large.image.id}.img`
  server.uploads.set('of-a-killed-run', { key, parts: new Map([[1, Buffer.alloc(9)]]) })
  server.uploads.set('of-another', { key: `${key}.other`, parts: new Map() })
  t.match(await exporting(t, [large], bucket).move(large.image), { outcome: 'moved' })
  t.strictSame([...server.uploads.keys()], ['of-another'])
  const [wrong, short] = [given(3 * PART_BYTES), given(2 * PART_BYTES)]
  wrong.bytes.writeUInt8(1, 99)
  short.bytes = short.bytes.subarray(1)
  for (const { image, bytes } of [wrong, short]) {
    const work = exporting(t, [{ image, bytes }], bucket)
    const line = await work.move(image)
    t.match(line, { outcome: 'failed', needsAttention: true, detail: /bytes came/ })
  }
  t.strictSame([...server.objects.keys()].sort(), [key, `back/up/${large.image.id}.json`])
  t.strictSame([...server.uploads.keys()], ['of-another'])
})

t.test('damage in the bucket is named, and mended by the next export', async (t) => {
  const server = await S3StandIn.start(t)
  const bucket = bucketOf(t, server.url)
  const [one, two, three] = [given(10), given(20), given(30)]
  const work = exporting(t, [one, two, three], bucket)
  for (const { image } of [one, two, three]) await work.move(image)
  server.objects.set(`back/up/${one.image.id}.json`, Buffer.from('{"format": 7}'))
  server.objects.delete(`back/up/${two.image.id}.img`)
  server.objects.set(`back/up/${three.image.id}.img`, Buffer.alloc(29))
  const { images, leftOut } = await bucket.list()
  t.equal(images.length, 2)
  t.match(leftOut, [{ id: one.image.id, why: /json: it has format 7/, isLoss: true }])
  const missing = await readAll(bucket, two.image).catch((error: unknown) => error)
  t.ok(missing instanceof BytesMissingError)
  for (const { image } of [one, two, three]) t.match(await work.move(image), { outcome: 'moved' })
  for (const { image, bytes } of [one, two, three]) t.ok((await readAll(bucket, image)).equals(bytes))
})

t.test('no bucket, another key, nobody there: said before anything is moved, without the keys', async (t) => {
  const server = await S3StandIn.start(t, ['images'])
  const failing = [
    bucketOf(t, server.url, { bucket: 'other' }),
    bucketOf(t, server.url, { secretKey: 'very secret' }),
    bucketOf(t, 'http://127.0.0.1:9'),
  ]
  for (const bucket of failing) {
    const error = await bucket.prepare().then(
      () => null,
      (reason: unknown) => reason as Error,
    )
    t.match(error?.message, /^The store s3:\/\/images\/back\/up /)
    t.notMatch(`${error?.message} ${JSON.stringify(error)}`, /secret/)
  }
})

t.test(
  'a place is a directory, or in S3 by the environment or by a store of the configuration',
  async (t) => {
    const server = await S3StandIn.start(t)
    const paths = { files: [], directories: [] }
    const environment = {
      AWS_ACCESS_KEY_ID: ACCESS_KEY,
      AWS_SECRET_ACCESS_KEY: SECRET_KEY,
      AWS_ENDPOINT_URL: server.url,
    }
    const open = async (place: string, said: Record<string, string> = environment) => {
      const opened = await openPlace(place, { paths }, said)
      t.teardown(() => opened.close())
      return opened
    }
    t.equal((await open('/backup', {})).name, '/backup')
    const { image, bytes } = given(100)
    for (const [place, key] of [
      ['s3://images', ''],
      ['s3://images/', ''],
      ['s3://images/a/b.c/', 'a/b.c/'],
    ] as const) {
      const bucket = await open(place)
      await bucket.prepare()
      await bucket.writeBytes(image, piecesOf(bytes))
      await bucket.writeRecord(image)
      t.ok(server.objects.has(`${key}${image.id}.img`), place)
      t.equal(bucket.name, place.replace(/\/$/, ''))
    }
    for (const place of [
      's3://',
      's3:///a',
      's3://images/a b',
      's3://images//a',
      's3://images/a?b',
      'S3://a/é',
    ])
      await t.rejects(open(place), /A place in S3 is s3:\/\/BUCKET\/PREFIX/, place)
    for (const place of ['s3://images/..', 's3://images/a/../b', 's3://images/.'])
      await t.rejects(open(place), /A place in S3 is/, place)
    await t.rejects(open('s3://images', { AWS_ACCESS_KEY_ID: 'a' }), /AWS_SECRET_ACCESS_KEY/)
    await t.rejects(open('s3://images', { ...environment, AWS_ENDPOINT_URL: 'here' }), /AWS_ENDPOINT_URL/)
    await t.rejects(
      open('s3://images', { ...environment, AWS_REGION: 'eu' }).then((one) => one.prepare()),
      {
        code: 'BACKEND_REFUSED',
      },
    )
    const file = join(t.testdir({}), 'serac.conf')
    const store = [
      'auth_strategy = noauth',
      'bind_host = 127.0.0.1',
      'enabled_backends = big:s3,sw:file',
      '[sw]',
      'filesystem_store_datadir = /x',
      '[big]',
      `s3_store_host = ${server.url}`,
      `s3_store_access_key = ${ACCESS_KEY}`,
      `s3_store_secret_key = ${SECRET_KEY}`,
      's3_store_bucket = live',
    ]
    await writeFile(file, ['[DEFAULT]', ...store, ''].join('\n'))
    const config = { files: [file], directories: [] }
    const bucket = await openPlace('s3://images/c', { paths: config, s3Store: 'big' }, {})
    t.teardown(() => bucket.close())
    await bucket.prepare()
    t.strictSame(await bucket.list(), { images: [], leftOut: [] })
    for (const s3Store of ['sw', 'none'])
      await t.rejects(openPlace('s3://images/c', { paths: config, s3Store }, {}), /no store .* of type s3/)
  },
)
