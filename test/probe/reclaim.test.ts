/** The disk space of deleted images comes back on every node, and what is left stays as it was. */
import t from 'tap'
import { GatedBytes } from '../helpers/gated-bytes.ts'
import { describe } from '../helpers/image-client.ts'
import { digestOf, patternImage } from '../helpers/pattern-image.ts'
import { eventually, ProbeCluster } from '../helpers/probe-cluster.ts'
import { storedClaims } from '../helpers/stored-claims.ts'
import { segmentBytes } from '../helpers/stored-segments.ts'

const MIB = 1024 ** 2
const SETTINGS = [{ section: 'store', name: 'reclaim_grace', value: '2s' }]
const IMAGE_BYTES = 24 * MIB
/** Seeds of the images; those that stay and those that go share segments. */
const DELETED = [1, 2, 4, 5]
const KEPT = [3, 6]
const GATE_BYTES = 12 * MIB
const AWAY = 2
/** Six chunks of 4 MiB and the manifest. */
const REFERENCES_PER_IMAGE = 7
/** Manifests, padding, and the segment that is being filled. */
const SLACK_BYTES = 17 * MIB

t.test('deleted images give their space back, on a node that was away, too', async (t) => {
  const cluster = await ProbeCluster.start(t, { settings: SETTINGS })
  const ids = new Map<number, string>()
  for (const seed of [...DELETED, ...KEPT].toSorted((a, b) => a - b)) {
    const id = await cluster.client(seed).newImage()
    const reply = await cluster.client(seed).put(id, patternImage(IMAGE_BYTES, seed))
    t.equal(reply.status, 204, describe(reply))
    ids.set(seed, id)
  }
  await cluster.full(0)

  const dead = await cluster.client(AWAY).newImage()
  const image = new GatedBytes(patternImage(IMAGE_BYTES, 7), GATE_BYTES)
  const broken = t.rejects(cluster.client(AWAY).upload(dead, image).answer)
  await image.reached
  await cluster.dev.node(AWAY).process.kill()
  await broken
  image.open()
  for (const id of [dead, ...DELETED.map((seed) => ids.get(seed) ?? '')])
    t.match(await cluster.client(0).remove(id), { status: 204 })

  const keptBytes = KEPT.length * IMAGE_BYTES + SLACK_BYTES
  const directoryOf = (index: number) => cluster.dev.node(index).directory
  const isReclaimed = (index: number) => async () => (await segmentBytes(directoryOf(index))) <= keptBytes
  const intact = async (index: number) => {
    for (const seed of KEPT) {
      const answer = await cluster.client(index).open('GET', `/v2/images/${ids.get(seed)}/file`)
      t.strictSame(await digestOf(answer), await digestOf(patternImage(IMAGE_BYTES, seed)), `node ${index}`)
    }
  }
  for (const index of [0, 1]) {
    t.ok((await segmentBytes(directoryOf(index))) > 0)
    await eventually(`node ${index} has its space back`, isReclaimed(index))
    await intact(index)
  }

  t.ok((await segmentBytes(directoryOf(AWAY))) > keptBytes, 'the node that is away knows nothing of it')
  await cluster.dev.start(AWAY)
  await eventually('the node that was away has its space back', isReclaimed(AWAY))
  await cluster.full(AWAY)
  for (const index of [0, 1, 2]) {
    await intact(index)
    for (const seed of DELETED)
      t.match(await cluster.client(index).send('GET', `/v2/images/${ids.get(seed)}`), { status: 404 })
  }
  for (const { index, directory } of cluster.dev.nodes) {
    await cluster.dev.stop(index)
    const wanted = { references: KEPT.length * REFERENCES_PER_IMAGE, pins: 0 }
    t.strictSame(await storedClaims(directory), wanted, `node ${index}`)
  }
})
