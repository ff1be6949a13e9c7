/** A voter that was away while others took its place (R10): with its old votes it decides nothing any more. */
import t from 'tap'
import { eventually } from '../helpers/probe-cluster.ts'
import { SingleNodes } from '../helpers/single-nodes.ts'
import { voteCountIn } from '../helpers/stored-registers.ts'

const IMAGES = 10
/** Of the five nodes: voters at first, later, and those of the first that do not vote later. */
const [BEFORE, AFTER, OUT, AWAY] = [[0, 1, 2], [0, 3, 4], [1, 2], 2]

t.test('two former voters, one of them long away, are no majority of anything', async (t) => {
  const cluster = await SingleNodes.create(t, 5)
  await cluster.found(0)
  for (const index of [1, 2, 3, 4]) await cluster.join(0, index)
  t.match(await cluster.ask(0, 'voters', ...(await cluster.ids(...BEFORE)), '--yes'), { exitCode: 0 })
  const names = new Map<string, string>()
  await create(cluster, names)
  await eventually(
    'the voter that will be away has votes',
    async () => (await cluster.nodesOf(AWAY)).epoch > 1,
  )
  await cluster.node(AWAY).process.kill()
  t.ok((await voteCountIn(cluster.node(AWAY).directory)) > IMAGES)

  t.match(await cluster.ask(0, 'voters', ...(await cluster.ids(...AFTER)), '--yes'), { exitCode: 0 })
  await create(cluster, names)
  const { epoch } = await cluster.nodesOf(0)
  for (const index of AFTER) await cluster.node(index).process.kill()

  await cluster.start(AWAY)
  await eventually('it knows who votes now', async () => (await cluster.nodesOf(AWAY)).epoch === epoch)
  for (const index of OUT) t.match(await cluster.client(index).create(), { status: 503 }, `node ${index}`)
  await eventually('the status says that the majority is missing', async () =>
    (await cluster.status(AWAY)).checks.some(
      ({ code, why }) => code === 'NO_QUORUM' && why === '0 of 3 voters answer; 2 are needed.',
    ),
  )

  for (const index of [0, 3]) await cluster.start(index)
  await cluster.ready(AWAY)
  await eventually('every change is there', () => cluster.client(AWAY).showsAll(names))
  await cluster.node(AWAY).process.kill()
  t.equal(await voteCountIn(cluster.node(AWAY).directory), 0, 'it has given up its votes')

  await cluster.start(AWAY)
  await cluster.ready(AWAY)
  const back = await cluster.ask(0, 'voters', ...(await cluster.ids(0, AWAY, 3)), '--yes')
  t.match(back, { exitCode: 0 }, back.stderr)
  await cluster.node(0).process.kill()
  await eventually('it is half of a majority', () => cluster.client(AWAY).showsAll(names))
  t.match(await cluster.client(AWAY).create(), { status: 201 })
})

/** Creates images by way of the nodes that run. */
async function create(cluster: SingleNodes, names: Map<string, string>): Promise<void> {
  for (let count = 0; count < IMAGES; count++) {
    const name = `image ${names.size}`
    names.set(await cluster.client(count % 2).newImage({ name }), name)
  }
}
