/**
 * Five nodes, two copies of each image: one is lost for a while, others stand in for it, and give way when it is back. One
 * is drained, and has its images again when that is over. With SERAC_PROBE=full: it takes a minute and a half.
 */
import t, { type Test } from 'tap'
import { type Digest, digestOf, patternImage } from '../helpers/pattern-image.ts'
import { isFullForm } from '../helpers/probe-form.ts'
import { eventually, ProbeCluster, SERAC } from '../helpers/probe-cluster.ts'
import { runCommand } from '../helpers/run-command.ts'

const SETTINGS = [
  { section: 'replication', name: 'copies', value: '2' },
  { section: 'repair', name: 'out_after', value: '3s' },
  { section: 'store', name: 'reclaim_grace', value: '2s' },
]
const NODES = 5
const COPIES = 2
const IMAGES = 12
const IMAGE_BYTES = 9 * 1024 ** 2
const LOST = 2

t.test('stand-ins for a lost node', { skip: !isFullForm }, async (t) => {
  const cluster = await ProbeCluster.start(t, { nodes: NODES, settings: SETTINGS })
  const images = new Map<string, Digest>()
  for (let seed = 0; seed < IMAGES; seed++) {
    const id = await cluster.client(seed).newImage()
    t.match(await cluster.client(seed).put(id, patternImage(IMAGE_BYTES, seed)), { status: 204 })
    images.set(id, await digestOf(patternImage(IMAGE_BYTES, seed)))
  }
  const inOrder = (index: number, up: number) => async () => {
    const { redundancy, nodes, images: counts } = await cluster.status(index)
    const held = nodes.reduce((sum, { imagesHeld }) => sum + (imagesHeld ?? 0), 0)
    const isUp = nodes.filter(({ caughtUp }) => caughtUp).length === up
    return (
      isUp &&
      redundancy!.full === counts!.active &&
      redundancy!.misplaced === 0 &&
      held === COPIES * images.size
    )
  }
  await eventually('two copies of each, and no more', inOrder(0, NODES))

  const lostIds = await heldBy(cluster, LOST)
  t.ok(lostIds > 0, `${lostIds} images lie on the node that will be lost`)
  await cluster.dev.node(LOST).process.kill()
  await eventually('all images have two copies on those that are left', inOrder(0, NODES - 1))
  t.match((await cluster.status(0)).checks.map(({ code }) => code).toSorted(), ['NODE_DOWN', 'NODE_OUT'])
  await allRead(t, cluster, images, [0, 1, 3, 4])
  const [deleted] = images.keys()
  t.match(await cluster.client(0).remove(deleted!), { status: 204 })
  images.delete(deleted!)

  await cluster.dev.start(LOST)
  await eventually('it has its images again, and the others have given up theirs', inOrder(LOST, NODES))
  await allRead(t, cluster, images, [LOST, 0])
  t.match(await cluster.client(LOST).send('GET', `/v2/images/${deleted}`), { status: 404 })

  await drains(t, cluster, inOrder)
  await allRead(t, cluster, images, [LOST, 3])

  const [first] = cluster.dev.nodes
  const { nodes } = await cluster.status(0)
  const { id } = nodes.find(({ api }) => api === first!.apiUrl)!
  const answer = await fetch(new URL(`/v1/cluster/nodes/${id}`, first!.operatorUrl), {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ weight: 1000 }),
  })
  t.match(await answer.json(), { weight: 1000 })
  await eventually('images move to a node that is given more weight', async () => {
    return (await inOrder(1, NODES)()) && (await heldBy(cluster, 0)) >= images.size - 1
  })
  await allRead(t, cluster, images, [1])

  for (const index of [3, 4]) await cluster.dev.node(index).process.kill()
  await eventually('two of five at once are too many to be replaced', async () => {
    const { checks, out } = await cluster.status(0)
    return (
      checks.some(({ code }) => code === 'REPAIR_BRAKED') && out.braked.length === 2 && out.out.length === 0
    )
  })
  for (const index of [3, 4]) await cluster.dev.start(index)
  await eventually(
    'it is over when they are back',
    async () => (await cluster.status(0)).verdict === 'HEALTHY',
  )
  await eventually('nothing has moved', inOrder(0, NODES))
})

/** By the command, which is killed in its midst and asked again; nobody calls the cluster degraded meanwhile. */
async function drains(
  t: Test,
  cluster: ProbeCluster,
  inOrder: (index: number, up: number) => () => Promise<boolean>,
): Promise<void> {
  const node = cluster.dev.node(LOST)
  const { operatorUrl } = cluster.dev.node(0)
  const id = (await cluster.ownStatus(LOST)).id
  const serac = (...args: string[]) => runCommand(process.execPath, [SERAC, ...args, '--url', operatorUrl])
  t.match(await serac('drain', id, '--dry-run'), { exitCode: 0, stdout: /Others have to copy: +\d+ image/ })
  t.equal(await node.probe('/healthcheck'), 200, 'a dry run changes nothing')
  t.match(await serac('drain', id, '--yes', '--no-wait'), { exitCode: 0, stdout: /is being drained/ })
  await eventually('requests are offered elsewhere', async () => (await node.probe('/healthcheck')) === 503)
  t.equal(await node.probe('/ready'), 503)
  await cluster.dev.node(0).process.kill()
  await cluster.dev.start(0)
  await cluster.ready(0)
  const drained = await serac('drain', id, '--yes')
  t.match(drained, { exitCode: 0, stdout: /holds no image data any more/ }, drained.stderr)
  t.equal(await heldBy(cluster, LOST), 0)
  await cluster.shows(1, 'DRAINED', LOST)
  await eventually('two copies of each on the others, and all is well', async () => {
    return (await inOrder(1, NODES)()) && (await cluster.status(1)).verdict === 'HEALTHY'
  })
  t.match(await serac('undrain', id), { exitCode: 0 })
  await eventually('it takes requests again', async () => (await node.probe('/healthcheck')) === 200)
  await eventually('it has images again', async () => {
    return (await heldBy(cluster, LOST)) > 0 && (await inOrder(1, NODES)())
  })
}

async function heldBy(cluster: ProbeCluster, index: number): Promise<number> {
  const { apiUrl } = cluster.dev.node(index)
  return (await cluster.status(index)).nodes.find(({ api }) => api === apiUrl)?.imagesHeld ?? 0
}

async function allRead(
  t: Test,
  cluster: ProbeCluster,
  images: ReadonlyMap<string, Digest>,
  indexes: readonly number[],
): Promise<void> {
  for (const index of indexes)
    for (const [id, wanted] of images)
      t.strictSame(await digestOf(await cluster.client(index).open('GET', `/v2/images/${id}/file`)), wanted)
}
