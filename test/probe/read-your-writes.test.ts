/** What one node has acknowledged, every other node knows at once: no round waits for anything but the answer before. */
import { randomBytes, randomInt } from 'node:crypto'
import t from 'tap'
import { describe, jsonOf, sha512, type ShownImage } from '../helpers/image-client.ts'
import { inLanes } from '../helpers/lanes.ts'
import { ProbeCluster } from '../helpers/probe-cluster.ts'
import { isFullForm } from '../helpers/probe-form.ts'

const ROUNDS = isFullForm ? 500 : 150
const BODY_BYTES_MIN = 1024
const BODY_BYTES_MAX = 70 * 1024
/** More images than can be created in the second that sorts them, so that the newest are always on the page. */
const PAGE = 200

t.test('created on one node, uploaded through another, read from a third', async (t) => {
  const cluster = await ProbeCluster.start(t)
  const failures: string[] = []
  await inLanes(ROUNDS, async (round) => {
    const bytes = randomBytes(randomInt(BODY_BYTES_MIN, BODY_BYTES_MAX))
    // Never the signature of a boot sector: with no partitions behind it, it would be refused.
    bytes[511] = 0
    const id = await cluster.client(round).newImage()
    const stored = await cluster.client(round + 1).put(id, bytes)
    if (stored.status !== 204) failures.push(`round ${round}: PUT ${describe(stored)}`)
    const read = await cluster.client(round + 2).data(id)
    if (read.status !== 200 || sha512(read.body) !== sha512(bytes))
      failures.push(`round ${round}: GET ${read.status}, ${read.body.length} of ${bytes.length} bytes`)
  })
  t.strictSame(failures, [])
})

t.test('created on one node, listed by another', async (t) => {
  const cluster = await ProbeCluster.start(t)
  const failures: string[] = []
  await inLanes(ROUNDS, async (round) => {
    const id = await cluster.client(round).newImage()
    const listed = await cluster.client(round + 1).send('GET', `/v2/images?limit=${PAGE}`)
    const { images } = jsonOf(listed) as { images?: ShownImage[] }
    if (!images?.some((image) => image.id === id))
      failures.push(`round ${round}: ${listed.status} without ${id}`)
  })
  t.strictSame(failures, [])
})
