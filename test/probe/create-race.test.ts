/** Several nodes are asked at the same time to create one id: exactly one may say 201. */
import { randomUUID } from 'node:crypto'
import t from 'tap'
import { describe } from '../helpers/image-client.ts'
import { inLanes } from '../helpers/lanes.ts'
import { ProbeCluster } from '../helpers/probe-cluster.ts'

const ROUNDS = 1000

t.test('racing creates of one id', async (t) => {
  const cluster = await ProbeCluster.start(t)

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
