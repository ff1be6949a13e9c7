/**
 * Voters whose votes are damaged, partly lost, or those of an earlier day (R1, R8): each notices at its start, does not
 * vote before the others have let it in again, and is then as good as any.
 */
import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { keygen } from '../../node/cli/keygen.ts'
import { imageKey } from '../../node/images/image-operations.ts'
import { eventually, ProbeCluster } from '../helpers/probe-cluster.ts'
import { dbUuidIn, flipVote, loseVote } from '../helpers/stored-registers.ts'

const DAMAGED = 2
/** Each is voted on by all three nodes. */
const IMAGES = 12

interface Fault {
  name: string
  /** The node runs; `directory` is its own, `spare` is empty. */
  prepare?: (cluster: ProbeCluster, directory: string, spare: string) => Promise<void>
  /** The node has stopped. */
  inflict: (directory: string, spare: string, id: string) => Promise<void>
}

const FAULTS: readonly Fault[] = [
  { name: 'a bit of a vote has flipped', inflict: (directory, _, id) => flipVote(directory, imageKey(id)) },
  { name: 'a vote is lost', inflict: (directory, _, id) => loseVote(directory, imageKey(id)) },
  {
    name: 'the database is that of an hour ago',
    async prepare(cluster, directory, spare) {
      await cluster.dev.stop(DAMAGED)
      await cp(join(directory, 'meta'), spare, { recursive: true })
      await cluster.dev.start(DAMAGED)
      // Whose link is not back sees no votes, and could not say later that any are missing.
      await cluster.full(0)
    },
    async inflict(directory, spare) {
      await rm(join(directory, 'meta'), { recursive: true })
      await cp(spare, join(directory, 'meta'), { recursive: true })
    },
  },
]

for (const { name, prepare, inflict } of FAULTS) {
  t.test(`${name}: the voter says so, does not vote, and is let in again`, async (t) => {
    const cluster = await ProbeCluster.start(t)
    const { directory } = cluster.dev.node(DAMAGED)
    const damaged = await keygen(directory)
    const spare = join(cluster.dev.directory, 'spare')
    const names = new Map<string, string>()
    await create(cluster, names)
    await prepare?.(cluster, directory, spare)
    await create(cluster, names)
    const [id] = names.keys()

    await cluster.dev.stop(DAMAGED)
    const before = await dbUuidIn(directory)
    await inflict(directory, spare, id!)
    // With one healthy voter beside it, it can neither be let in again nor make up a majority.
    await cluster.dev.stop(1)
    await cluster.dev.start(DAMAGED)
    await eventually('the status names the voter that lost votes', async () => {
      const { checks } = await cluster.status(0)
      return checks.some(
        ({ code, who, why }) => code === 'NOT_VOTING' && who === damaged && /has lost votes/.test(why),
      )
    })
    t.match(await cluster.client(0).create(), { status: 503 }, 'it makes up no majority')

    await cluster.dev.start(1)
    for (const index of [0, 1, DAMAGED]) await cluster.ready(index)
    // A node is ready when it knows of no reason against it; the link that it calls the others by may be still to come.
    await eventually('the one that stood alone sees a majority that votes', async () => {
      const { checks, quorum } = await cluster.status(0)
      return quorum.canWrite && !checks.some(({ code }) => code === 'NOT_VOTING' || code === 'NO_QUORUM')
    })
    // What it began to look for while it stood alone may end after that, and say once more that there is none.
    await eventually('it takes changes again', async () => (await cluster.client(0).create()).status === 201)
    await create(cluster, names)
    // From here on nothing is decided or read without it.
    await cluster.dev.stop(0)
    await eventually('every change is served by it and one other', () =>
      cluster.client(DAMAGED).showsAll(names),
    )
    t.match(await cluster.client(DAMAGED).create(), { status: 201 })
    await cluster.dev.stop(DAMAGED)
    t.not(await dbUuidIn(directory), before, 'its votes count as those of another database')
  })
}

async function create(cluster: ProbeCluster, names: Map<string, string>): Promise<void> {
  for (let count = 0; count < IMAGES; count++) {
    const name = `image ${names.size}`
    names.set(await cluster.client(count).newImage({ name }), name)
  }
}
