/** A node that was away for longer than the change logs of the others reach back (R11). */
import t, { type Test } from 'tap'
import { jsonOf, type ShownImage } from '../helpers/image-client.ts'
import { patternImage } from '../helpers/pattern-image.ts'
import { eventually, ProbeCluster } from '../helpers/probe-cluster.ts'
import { storedClaims } from '../helpers/stored-claims.ts'
import { segmentBytes } from '../helpers/stored-segments.ts'
import { trimChangeLog } from '../helpers/stored-registers.ts'

const AWAY = 2
const IMAGES = 12
/** The logs of the others begin far behind what it has seen last. */
const ENTRIES_KEPT = 3

t.test('created, renamed and deleted while it was away: it compares everything', async (t) => {
  const cluster = await ProbeCluster.start(t)
  const names = new Map<string, string>()
  await create(cluster, names)
  await cluster.dev.stop(AWAY)
  const [renamed, deleted] = names.keys()
  t.match(await cluster.client(0).rename(renamed!, 'renamed'), { status: 200 })
  names.set(renamed!, 'renamed')
  t.match(await cluster.client(0).remove(deleted!), { status: 204 })
  names.delete(deleted!)
  await create(cluster, names)
  for (const index of [0, 1]) {
    await cluster.dev.stop(index)
    await trimChangeLog(cluster.dev.node(index).directory, ENTRIES_KEPT)
  }

  for (const index of [0, AWAY]) await cluster.dev.start(index)
  await cluster.ready(AWAY)
  t.match(await cluster.log(AWAY), /does not reach back far enough: all registers are compared/)
  t.strictSame(await listedBy(cluster, AWAY), Object.fromEntries(names))
  t.ok(await cluster.client(AWAY).showsAll(names))
  t.match(await cluster.client(AWAY).send('GET', `/v2/images/${deleted}`), { status: 404 })

  await cluster.dev.start(1)
  await cluster.ready(1)
  await create(cluster, names)
  t.strictSame(
    await listedBy(cluster, AWAY),
    Object.fromEntries(names),
    'what changed since comes by the logs',
  )
  const comparisons = [...(await cluster.log(AWAY)).matchAll(/all registers are compared/g)]
  t.ok(comparisons.length <= 2, 'once for each log')
})

/** By way of the nodes that stay. */
async function create(cluster: ProbeCluster, names: Map<string, string>): Promise<void> {
  for (let count = 0; count < IMAGES; count++) {
    const name = `image ${names.size}`
    names.set(await cluster.client(count % 2).newImage({ name }), name)
  }
}

/** Names by id. */
async function listedBy(cluster: ProbeCluster, index: number): Promise<Record<string, string | null>> {
  const reply = await cluster.client(index).send('GET', '/v2/images?limit=1000')
  const { images } = jsonOf(reply) as { images: ShownImage[] }
  return Object.fromEntries(images.map(({ id, name }) => [id, name]))
}

const MIB = 1024 ** 2
const SETTINGS = [{ section: 'store', name: 'reclaim_grace', value: '2s' }]
/** Four chunks of 4 MiB; with the manifest, five references. */
const IMAGE_BYTES = 16 * MIB
const REFERENCES_PER_IMAGE = 5
/** The image that stays, its manifest, padding. */
const KEPT_BYTES = IMAGE_BYTES + 2 * MIB

t.test('bytes that were deleted while it was away do not come back with it', async (t) => {
  const cluster = await ProbeCluster.start(t, { settings: SETTINGS })
  const kept = await uploaded(t, cluster, IMAGE_BYTES, 1)
  // A segment is emptied when most of it is dead.
  const deleted = await uploaded(t, cluster, 2 * IMAGE_BYTES, 2)
  await cluster.full(0)
  await cluster.dev.stop(AWAY)
  t.match(await cluster.client(0).remove(deleted), { status: 204 })
  await create(cluster, new Map())
  for (const index of [0, 1])
    await eventually(`node ${index} has its space back`, () => isReclaimed(cluster, index))
  for (const index of [0, 1]) {
    await cluster.dev.stop(index)
    await trimChangeLog(cluster.dev.node(index).directory, ENTRIES_KEPT)
  }
  t.notOk(await isReclaimed(cluster, AWAY), 'the node that is away knows nothing of it')

  for (const { index } of cluster.dev.nodes) await cluster.dev.start(index)
  await cluster.ready(AWAY)
  t.match(await cluster.log(AWAY), /does not reach back far enough: all registers are compared/)
  await cluster.full(AWAY)
  for (const index of [AWAY, 0, 1]) {
    t.match(await cluster.client(index).send('GET', `/v2/images/${deleted}`), { status: 404 })
    t.match(await cluster.client(index).data(deleted), { status: 404 })
    t.equal((await cluster.client(index).data(kept)).body.length, IMAGE_BYTES)
    await eventually(`node ${index} has its space back`, () => isReclaimed(cluster, index))
  }
  for (const { index, directory } of cluster.dev.nodes) {
    await cluster.dev.stop(index)
    const wanted = { references: REFERENCES_PER_IMAGE, pins: 0 }
    t.strictSame(await storedClaims(directory), wanted, `node ${index}`)
  }
})

async function uploaded(t: Test, cluster: ProbeCluster, sizeBytes: number, seed: number): Promise<string> {
  const id = await cluster.client(0).newImage()
  t.match(await cluster.client(0).put(id, patternImage(sizeBytes, seed)), { status: 204 })
  return id
}

async function isReclaimed(cluster: ProbeCluster, index: number): Promise<boolean> {
  return (await segmentBytes(cluster.dev.node(index).directory)) <= KEPT_BYTES
}
