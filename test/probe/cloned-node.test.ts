/** Two machines with one node key, as after cloning a disk (R8): one of them is refused, and nothing is decided twice. */
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { isFullForm } from '../helpers/probe-form.ts'
import { eventually } from '../helpers/probe-cluster.ts'
import { SingleNodes } from '../helpers/single-nodes.ts'

/** What a machine's disk has of a node, beside its configuration. */
const DATA = ['FORMAT', 'meta', 'chunks', 'seg', 'ballast', 'node.key']
const IMAGES = 8
const [ORIGINAL, CLONE] = [2, 3]

const ORDERS = [
  [CLONE, ORIGINAL],
  [ORIGINAL, CLONE],
] as const

for (const [first, second] of isFullForm ? ORDERS : ORDERS.slice(0, 1)) {
  const order = first === CLONE ? 'the clone first' : 'the original first'
  t.test(`two nodes with one key, ${order}: the second is refused until the first is gone`, async (t) => {
    const names = new Map<string, string>()
    const cluster = await withClone(t, names)
    await cluster.start(first)
    await cluster.ready(first)
    await cluster.start(second)
    for (const index of [0, second])
      await eventually(`the status of node ${index} says what to do`, () => isDuplicateTold(cluster, index))
    t.match(await cluster.client(second).create(), { status: 503 }, 'the second decides nothing')
    await create(cluster, names)

    // Only the one that was let in makes up the majority.
    await cluster.node(1).process.kill()
    await create(cluster, names, [0])
    await eventually('both that vote show every image', () => cluster.client(first).showsAll(names))
    await cluster.start(1)
    await cluster.ready(1)

    await cluster.node(first).process.kill()
    await cluster.ready(second)
    await cluster.node(1).process.kill()
    await eventually('the second has every image, too', () => cluster.client(second).showsAll(names))
    await eventually('nobody is told of it any more', async () => !(await isDuplicateTold(cluster, 0)))
  })
}

// In the short form the end of the one above says it of a clone that was let in.
t.test('the refusal of a clone is forgotten when it is gone', { skip: !isFullForm }, async (t) => {
  const cluster = await withClone(t, new Map())
  await cluster.start(ORIGINAL)
  await cluster.ready(ORIGINAL)
  await cluster.start(CLONE)
  await eventually('it is refused', () => isDuplicateTold(cluster, 0))
  await cluster.node(CLONE).process.kill()
  await eventually('the status is clean again', async () => !(await isDuplicateTold(cluster, 0)))
})

/** Two voters that run, a third that has stopped, and a clone of that one which was made to forget its votes. */
async function withClone(t: Test, names: Map<string, string>): Promise<SingleNodes> {
  const cluster = await SingleNodes.create(t, 4)
  await cluster.found(0)
  for (const index of [1, ORIGINAL]) await cluster.join(0, index)
  t.match(await cluster.ask(0, 'voters', ...(await cluster.ids(0, 1, ORIGINAL)), '--yes'), { exitCode: 0 })
  await create(cluster, names)
  await cluster.node(ORIGINAL).process.kill()
  const [from, to] = [cluster.node(ORIGINAL).directory, cluster.node(CLONE).directory]
  for (const name of DATA) await cp(join(from, name), join(to, name), { recursive: true })
  t.match(await cluster.failedStart(CLONE), /is a copy or was restored.*serac repair --forget-votes/s)
  t.match(await cluster.offline(CLONE, 'repair', '--forget-votes'), { exitCode: 0 })
  return cluster
}

async function create(cluster: SingleNodes, names: Map<string, string>, by = [0, 1]): Promise<void> {
  for (let count = 0; count < IMAGES; count++) {
    const name = `image ${names.size}`
    names.set(await cluster.client(by[count % by.length]!).newImage({ name }), name)
  }
}

async function isDuplicateTold(cluster: SingleNodes, index: number): Promise<boolean> {
  const { checks } = await cluster.status(index)
  return checks.some(
    ({ code, severity, why }) =>
      code === 'PEER_REFUSED' && severity === 'critical' && /two running processes.*stop the copy/.test(why),
  )
}
