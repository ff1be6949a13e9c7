/** One node that has lost the two others: no wrong word about any image, and no help needed when they come back. */
import { buffer } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import type { Reply } from '../helpers/image-client.ts'
import { describe, jsonOf, sha512, type ShownImage } from '../helpers/image-client.ts'
import { patternImage } from '../helpers/pattern-image.ts'
import { isFullForm } from '../helpers/probe-form.ts'
import { eventually, ProbeCluster } from '../helpers/probe-cluster.ts'

const IMAGE_BYTES = 9 * 1024 ** 2 + 17
const UNKNOWN_ID = 'aaaaaaaa-0000-4000-8000-000000000000'
const STALE = 'x-serac-consistency'

function bytesOf(seed: number): Promise<Buffer> {
  return buffer(patternImage(IMAGE_BYTES, seed))
}

function refusedForNow(t: Test, reply: Reply, what: string): void {
  t.equal(reply.status, 503, `${what}: ${describe(reply)}`)
  t.match(reply.headers['retry-after'], /^\d+$/, `${what}: Retry-After`)
  t.not(reply.body.length, 0, `${what}: a body`)
}

const LOSSES = [
  {
    signal: 'SIGKILL',
    lose: (cluster: ProbeCluster, index: number) => cluster.dev.node(index).process.kill(),
    bringBack: (cluster: ProbeCluster, index: number) => cluster.dev.start(index),
  },
  {
    signal: 'SIGSTOP',
    lose: (cluster: ProbeCluster, index: number) => cluster.dev.node(index).process.pause(),
    bringBack: (cluster: ProbeCluster, index: number) => cluster.dev.node(index).process.resume(),
  },
]

for (const { signal, lose, bringBack } of LOSSES) {
  t.test(`two of three nodes get ${signal}`, async (t) => {
    const cluster = await ProbeCluster.start(t)
    const bytes = await bytesOf(1)
    const active = await cluster.client(0).newImage()
    t.match(await cluster.client(1).put(active, bytes), { status: 204 })
    const queued = await cluster.client(2).newImage()
    await cluster.full(2)
    const alone = cluster.client(2)
    const data = watchData(cluster, active, bytes)

    await Promise.all([lose(cluster, 0), lose(cluster, 1)])
    await cluster.ready(2, 503)

    const read = await alone.data(active)
    t.match(read, { status: 200, headers: { [STALE]: 'stale' } }, 'a whole local image is served')
    t.equal(sha512(read.body), sha512(bytes), 'byte-identical')
    t.match(await alone.send('GET', `/v2/images/${active}`), { status: 200, headers: { [STALE]: 'stale' } })
    refusedForNow(t, await alone.data(queued), 'data of an image that may be active elsewhere by now')
    refusedForNow(t, await alone.send('GET', `/v2/images/${UNKNOWN_ID}`), 'an unknown id')
    refusedForNow(t, await alone.data(UNKNOWN_ID), 'data of an unknown id')
    refusedForNow(t, await alone.send('GET', '/v2/images'), 'a list')
    refusedForNow(t, await alone.create(), 'create')
    refusedForNow(t, await alone.put(queued, bytes), 'upload')
    refusedForNow(t, await alone.remove(active), 'delete')
    refusedForNow(t, await patchName(cluster, active), 'patch')

    await Promise.all([bringBack(cluster, 0), bringBack(cluster, 1)])
    for (const index of [0, 1, 2]) await cluster.ready(index)
    t.strictSame(await data.stop(), [], 'nobody ever said anything wrong about the data')
    const again = await alone.send('GET', `/v2/images/${active}`)
    t.match(again, { status: 200 })
    t.notOk(STALE in again.headers, 'no longer stale')
    t.match(await alone.put(queued, await bytesOf(2)), { status: 204 }, 'the refused upload works now')
    t.match(await patchName(cluster, active), { status: 200 })
    const { images } = jsonOf(await cluster.client(0).send('GET', '/v2/images')) as { images: ShownImage[] }
    t.strictSame(new Set(images.map(({ id }) => id)), new Set([active, queued]))
    await cluster.full(0)
  })
}

for (const { signal, lose, bringBack } of LOSSES) {
  t.test(
    `a node that was away (${signal}) while images got their data never says 204 or 404 for them`,
    { skip: signal === 'SIGSTOP' && !isFullForm },
    async (t) => {
      const cluster = await ProbeCluster.start(t)
      const known = await cluster.client(2).newImage()
      const bytes = await bytesOf(3)

      await lose(cluster, 2)
      t.match(await cluster.client(0).put(known, bytes), { status: 204 })
      const unseen = await cluster.client(0).newImage()
      t.match(await cluster.client(1).put(unseen, bytes), { status: 204 })
      await Promise.all([0, 1].map((index) => cluster.dev.node(index).process.kill()))
      await bringBack(cluster, 2)

      for (const id of [known, unseen]) refusedForNow(t, await cluster.client(2).data(id), 'data')
      refusedForNow(t, await cluster.client(2).send('GET', '/v2/images'), 'a list')

      await Promise.all([0, 1].map((index) => cluster.dev.start(index)))
      await cluster.ready(2)
      for (const id of [known, unseen]) {
        const read = await cluster.client(2).data(id)
        t.equal(read.status, 200)
        t.equal(sha512(read.body), sha512(bytes))
      }
    },
  )
}

function patchName(cluster: ProbeCluster, id: string): Promise<Reply> {
  const headers = { 'content-type': 'application/openstack-images-v2.1-json-patch' }
  const body = Buffer.from(JSON.stringify([{ op: 'replace', path: '/name', value: 'renamed' }]))
  return cluster.client(2).send('PATCH', `/v2/images/${id}`, { headers, body })
}

/** Reads the image from every node over and over; `stop` gives every answer that was neither its bytes nor a 503. */
function watchData(cluster: ProbeCluster, id: string, bytes: Buffer) {
  const wrong: string[] = []
  const stopped = new AbortController()
  const watchers = cluster.clients.map(async (client, index) => {
    await eventually('the watch is over', async () => {
      // A dead node gives no answer; that one is no word about the image.
      const reply = await client.data(id).catch(() => null)
      const isRight =
        reply === null || reply.status === 503 || (reply.status === 200 && reply.body.equals(bytes))
      if (!isRight) wrong.push(`node ${index}: ${reply.status} with ${reply.body.length} bytes`)
      return stopped.signal.aborted
    })
  })
  return {
    async stop(): Promise<string[]> {
      stopped.abort()
      await Promise.all(watchers)
      return wrong
    },
  }
}

t.test('a node that has nothing to do notices all the same that it is alone', async (t) => {
  const cluster = await ProbeCluster.start(t)
  const ready = () => cluster.dev.node(2).probe('/ready')
  t.equal(await ready(), 200)
  await Promise.all([0, 1].map((index) => cluster.dev.node(index).process.pause()))
  await cluster.ready(2, 503)
  await Promise.all([0, 1].map((index) => cluster.dev.node(index).process.resume()))
  await cluster.ready(2)
})
