/** Nodes that die while image bytes go through them. */
import t from 'tap'
import { describe } from '../helpers/image-client.ts'
import { GatedBytes } from '../helpers/gated-bytes.ts'
import { type Digest, digestOf, patternImage } from '../helpers/pattern-image.ts'
import { isFullForm } from '../helpers/probe-form.ts'
import { eventually, ProbeCluster } from '../helpers/probe-cluster.ts'

const MIB = 1024 ** 2
const IMAGE_BYTES = 64 * MIB + 5
const GATE_BYTES = 40 * MIB

async function download(
  cluster: ProbeCluster,
  index: number,
  id: string,
): Promise<Digest & { status: number }> {
  const answer = await cluster.client(index).open('GET', `/v2/images/${id}/file`)
  return { status: answer.statusCode ?? 0, ...(await digestOf(answer)) }
}

t.test('the entry node is killed in mid-upload', async (t) => {
  const cluster = await ProbeCluster.start(t)
  const id = await cluster.client(1).newImage()
  const image = new GatedBytes(patternImage(IMAGE_BYTES, 1), GATE_BYTES)
  const { answer } = cluster.client(0).upload(id, image)
  const broken = t.rejects(answer, 'the client sees a broken connection')
  await image.reached
  t.equal((await cluster.client(1).show(id)).status, 'saving')

  await cluster.dev.node(0).process.kill()
  await broken
  image.open()
  t.match(await cluster.client(1).data(id), { status: /^(204|503)$/ }, 'no data yet')
  await cluster.dev.start(0)

  await eventually(
    'the image is given back',
    async () => (await cluster.client(2).show(id)).status === 'queued',
  )
  const repeated = await cluster.client(2).put(id, patternImage(IMAGE_BYTES, 2))
  t.equal(repeated.status, 204, describe(repeated))
  await cluster.full(1)
  const wanted = { status: 200, ...(await digestOf(patternImage(IMAGE_BYTES, 2))) }
  for (const index of [0, 1, 2]) t.strictSame(await download(cluster, index, id), wanted, `node ${index}`)
})

const LOSSES = [
  ['SIGKILL', 1],
  ['SIGSTOP', 2],
  ['SIGKILL', 2],
  ['SIGSTOP', 1],
] as const

for (const [signal, victim] of isFullForm ? LOSSES : LOSSES.slice(0, 2)) {
  t.test(`peer ${victim} gets ${signal} in mid-upload`, async (t) => {
    const cluster = await ProbeCluster.start(t)
    const { process } = cluster.dev.node(victim)
    const id = await cluster.client(0).newImage()
    const image = new GatedBytes(patternImage(IMAGE_BYTES, 3), GATE_BYTES)
    const { answer } = cluster.client(0).upload(id, image)
    await image.reached

    await (signal === 'SIGKILL' ? process.kill() : process.pause())
    image.open()
    const stored = await answer
    t.equal(stored.status, 204, describe(stored))
    const wanted = { status: 200, ...(await digestOf(patternImage(IMAGE_BYTES, 3))) }
    for (const index of [0, 3 - victim])
      t.strictSame(await download(cluster, index, id), wanted, `node ${index}`)

    await (signal === 'SIGKILL' ? cluster.dev.start(victim) : process.resume())
    await cluster.full(0)
    t.strictSame(await download(cluster, victim, id), wanted, 'the node that was away')
  })
}
