/** Two machines with one node key, as after cloning a disk (R8): one of them is refused, and nothing is decided twice. */
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { eventually } from '../helpers/probe-cluster.ts'
import { SingleNodes } from '../helpers/single-nodes.ts'

/** What a machine's disk has of a node, beside the configuration. */
const DATA = ['FORMAT', 'meta', 'chunks', 'seg', 'ballast', 'node.key']
const IMAGES = 8
const [ORIGINAL, CLONE] = [2, 3]

/** Three voters that run; the fourth node is a clone of the third, which its operator has let forget its votes. */
async function withClone(t: Tap.Test, names: Map<string, string>): Promise<SingleNodes> {
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

for (const [first, second] of [
  [ORIGINAL, CLONE],
  [CLONE, ORIGINAL],
]) {
}
