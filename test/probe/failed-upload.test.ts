/** Uploads that do not come to their end: the image is queued again, and no node keeps a claim on their chunks. */
import t from 'tap'
import { GatedBytes } from '../helpers/gated-bytes.ts'
import { describe, sha512 } from '../helpers/image-client.ts'
import { DISK_BYTES, qcow2 } from '../helpers/image-headers.ts'
import { digestOf, patternImage } from '../helpers/pattern-image.ts'
import { eventually, ProbeCluster } from '../helpers/probe-cluster.ts'
import { storedClaims } from '../helpers/stored-claims.ts'

const MIB = 1024 ** 2
const IMAGE_BYTES = 48 * MIB
const GATE_BYTES = 32 * MIB

t.test('no trace of failed uploads', async (t) => {
  const cluster = await ProbeCluster.start(t)
  const isQueued = (id: string) => async () => (await cluster.client(1).show(id)).status === 'queued'
  const ids: string[] = []

  for (const [how, headers] of [
    ['with Content-Length', { 'content-length': IMAGE_BYTES }],
    ['chunked', {}],
  ] as const) {
    await t.test(`a client that hangs up, ${how}`, async (t) => {
      const id = await cluster.client(0).newImage()
      const image = new GatedBytes(patternImage(IMAGE_BYTES, ids.push(id)), GATE_BYTES)
      const upload = cluster.client(0).upload(id, image, headers)
      const broken = t.rejects(upload.answer)
      await image.reached
      t.equal((await cluster.client(2).show(id)).status, 'saving')

      const second = await cluster.client(1).put(id, Buffer.from('mine'))
      t.equal(second.status, 409, `a second uploader: ${describe(second)}`)

      upload.destroy()
      await broken
      image.open()
      await eventually('the image is queued again', isQueued(id))
      t.match(await cluster.client(2).data(id), { status: 204 }, 'it has no data')
    })
  }

  await t.test('a body of another size than announced', async (t) => {
    const id = await cluster.client(0).newImage()
    const body = patternImage(IMAGE_BYTES, ids.push(id))
    const reply = await cluster.client(0).put(id, body, { 'x-openstack-image-size': IMAGE_BYTES + 1 })
    t.equal(reply.status, 400, describe(reply))
    await eventually('the image is queued again', isQueued(id))
  })

  const qcow2Id = await cluster.client(0).newImage({ disk_format: 'qcow2' })
  await t.test('what is not what it was declared to be, or not safe', async (t) => {
    const unsafe = Buffer.concat([qcow2({ backingAt: 512n }), Buffer.alloc(8 * MIB, 1)])
    for (const [body, reason] of [
      [patternImage(IMAGE_BYTES, 99), 'Image disk_format qcow2 does not match the data, which is raw'],
      [unsafe, 'Image failed safety checks: backing_file (it has a backing file)'],
    ] as const) {
      const reply = await cluster.client(0).put(qcow2Id, body)
      t.equal(reply.status, 415, describe(reply))
      t.match(reply.body.toString(), reason)
      t.match(await cluster.client(2).show(qcow2Id), { status: 'queued', size: null, virtual_size: null })
    }
  })

  await t.test('no claim stays on any node', async (t) => {
    for (const { index } of cluster.dev.nodes) await cluster.dev.stop(index)
    for (const { index, directory } of cluster.dev.nodes)
      t.strictSame(await storedClaims(directory), { references: 0, pins: 0 }, `node ${index}`)
    for (const { index } of cluster.dev.nodes) await cluster.dev.start(index)
    for (const { index } of cluster.dev.nodes) await cluster.ready(index)
  })

  await t.test('a repeated upload works', async (t) => {
    for (const [index, id] of ids.entries()) {
      const reply = await cluster.client(index).put(id, patternImage(IMAGE_BYTES, index + 1))
      t.equal(reply.status, 204, describe(reply))
      const read = await cluster.client(index + 1).data(id)
      const { sha512: wanted } = await digestOf(patternImage(IMAGE_BYTES, index + 1))
      t.equal(sha512(read.body), wanted)
    }
    await cluster.full(0)
  })

  await t.test('after a refusal, too', async (t) => {
    const safe = Buffer.concat([qcow2(), Buffer.alloc(8 * MIB, 1)])
    t.match(await cluster.client(1).put(qcow2Id, safe), { status: 204 })
    for (const { index } of cluster.dev.nodes)
      t.match(await cluster.client(index).show(qcow2Id), { status: 'active', virtual_size: DISK_BYTES })
  })

  await t.test('an image that is deleted in mid-upload', async (t) => {
    const id = await cluster.client(0).newImage()
    const image = new GatedBytes(patternImage(IMAGE_BYTES, ids.length + 1), GATE_BYTES)
    const { answer } = cluster.client(0).upload(id, image)
    await image.reached
    t.match(await cluster.client(1).remove(id), { status: 204 })
    image.open()
    const reply = await answer
    t.equal(reply.status, 410, describe(reply))
    t.match(await cluster.client(2).send('GET', `/v2/images/${id}`), { status: 404 })
    t.match(await cluster.client(2).put(id, Buffer.from('late')), { status: 404 }, 'and no upload afterwards')
  })

  await t.test('nothing stays pinned after the end of an upload', async (t) => {
    for (const { index } of cluster.dev.nodes) await cluster.dev.stop(index)
    for (const { index, directory } of cluster.dev.nodes) {
      const { references, pins } = await storedClaims(directory)
      t.equal(pins, 0, `node ${index}`)
      t.ok(references > 0, `node ${index}`)
    }
  })
})

/** No disk has that much room, and no test image is that large. */
const LIMITS = [
  { section: 'store', name: 'free_bytes_min', value: '1000TiB' },
  { section: 'DEFAULT', name: 'image_size_cap', value: String(MIB) },
]

t.test('what is too much for the cap, or for the disk, is a 413 and leaves nothing', async (t) => {
  const cluster = await ProbeCluster.start(t, { nodes: 1, settings: LIMITS })
  const client = cluster.client(0)
  for (const [sizeBytes, headers, reason] of [
    [MIB + 1, {}, /larger than the 1048576 bytes allowed/],
    [MIB, { 'x-openstack-image-size': MIB + 1 }, /larger than the 1048576 bytes allowed/],
    [MIB, {}, /the image store is full/],
    [1, {}, /the image store is full/],
  ] as const) {
    const id = await client.newImage()
    const reply = await client.put(id, patternImage(sizeBytes, 1), headers)
    t.equal(reply.status, 413, describe(reply))
    t.match(reply.body.toString(), reason)
    await eventually('the image is queued again', async () => (await client.show(id)).status === 'queued')
    t.match(await client.remove(id), { status: 204 }, 'what is full can be emptied')
  }
  await cluster.dev.stop(0)
  t.strictSame(await storedClaims(cluster.dev.node(0).directory), { references: 0, pins: 0 })
})
