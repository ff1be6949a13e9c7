/** Several nodes are asked at the same time to create one id, or to change one image: each says what became of it. */
import { randomUUID } from 'node:crypto'
import t from 'tap'
import { describe, jsonOf, type Reply } from '../helpers/image-client.ts'
import { inLanes } from '../helpers/lanes.ts'
import { isFullForm } from '../helpers/probe-form.ts'
import { ProbeCluster } from '../helpers/probe-cluster.ts'

const ROUNDS = isFullForm ? 1000 : 300
const CHANGED_IMAGES = 10
const CHANGES = 3

const cluster = await ProbeCluster.start(t)

t.test('racing creates of one id', async (t) => {
  for (const racers of [2, 3]) {
    const outcomes = new Map<string, number>()
    await inLanes(ROUNDS, async (round) => {
      const id = randomUUID()
      const starters = Array.from({ length: racers }, (_, index) => cluster.client(round + index))
      const replies = await Promise.all(starters.map((client) => client.create({ id })))
      const outcome = replies
        .map((reply) =>
          reply.status === 201 || reply.status === 409 ? String(reply.status) : describe(reply),
        )
        .toSorted()
        .join(' ')
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    })
    const wanted = [201, ...Array<number>(racers - 1).fill(409)].join(' ')
    t.strictSame([...outcomes], [[wanted, ROUNDS]], `${racers} nodes`)
  }
})

/** As Glance's two dialects write it. */
function add(node: number, id: string, name: string, dialect: '2.0' | '2.1'): Promise<Reply> {
  const operation = dialect === '2.0' ? { add: `/${name}` } : { op: 'add', path: `/${name}` }
  const headers = { 'content-type': `application/openstack-images-v${dialect}-json-patch` }
  const body = Buffer.from(JSON.stringify([{ ...operation, value: String(node) }]))
  return cluster.client(node).send('PATCH', `/v2/images/${id}`, { headers, body })
}

t.test('racing changes of one image lose nothing', async (t) => {
  const nodes = [...cluster.clients.keys()]
  const failures: string[] = []
  await inLanes(CHANGED_IMAGES, async (round) => {
    const id = await cluster.client(round).newImage()
    // Each client by its own node, one change after the other: none may be refused, none may vanish.
    await Promise.all(
      nodes.map(async (node) => {
        for (let change = 0; change < CHANGES; change++) {
          const reply = await add(node, id, `of-${node}-${change}`, '2.1')
          if (reply.status !== 200) failures.push(`${id}: PATCH ${describe(reply)}`)
        }
      }),
    )
    // The older dialect adds only what is not there: one of them, and the others are told.
    const same = await Promise.all(nodes.map((node) => add(node, id, 'same', '2.0')))
    const statuses = same.map(({ status }) => String(status)).toSorted()
    if (String(statuses) !== '200,409,409') failures.push(`${id}: ${same.map(describe).join(' | ')}`)
    const winner = same.findIndex(({ status }) => status === 200)
    for (const node of nodes) {
      const shown = jsonOf(await cluster.client(node).send('GET', `/v2/images/${id}`)) as Record<
        string,
        unknown
      >
      const kept = nodes.flatMap((of) =>
        Array.from({ length: CHANGES }, (_, change) => shown[`of-${of}-${change}`] === String(of)),
      )
      if (kept.includes(false) || shown['same'] !== String(winner))
        failures.push(`${id}: node ${node} shows ${JSON.stringify(shown)}`)
    }
  })
  t.strictSame(failures, [])
})
