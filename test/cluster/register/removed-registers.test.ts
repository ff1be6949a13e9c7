import t, { type Test } from 'tap'
import { ClusterError } from '../../../cluster/errors.ts'
import { justAbove } from '../../../cluster/register/ballot.ts'
import { LiveCluster } from './live-cluster.ts'

const KEY = 'thing/1'
const VOTERS = ['a', 'b', 'c']

/** Node d has a row of a register that the voters have removed. */
async function leftOver(t: Test): Promise<LiveCluster> {
  const cluster = new LiveCluster([...VOTERS, 'd'], VOTERS.length)
  t.teardown(() => cluster.stopAll())
  cluster.start(...VOTERS, 'd')
  await cluster.allVote(...VOTERS)
  await cluster.execute('a', KEY, 'create', 'x')
  await cluster.until(() => cluster.at('d').storage.learned(KEY)?.settled ?? false)
  for (const id of VOTERS) {
    const { storage } = cluster.at(id)
    const { ballot } = storage.acceptorState(KEY)!.accepted!
    await storage.remove(KEY, justAbove(ballot))
  }
  return cluster
}

t.test('a node drops its row of a register that a majority has no more, and says so', async (t) => {
  const cluster = await leftOver(t)
  const { registers, storage } = cluster.at('d')
  t.equal(await cluster.during(registers.forgetRemoved(KEY)), true)
  t.equal(storage.learned(KEY), null)
  t.equal(await cluster.during(registers.forgetRemoved(KEY)), false)
})

t.test('a row that went while the voters were asked is not counted twice', async (t) => {
  const cluster = await leftOver(t)
  const { registers, storage } = cluster.at('d')
  cluster.network.beforeRequest = async ({ from }) => {
    const learned = storage.learned(KEY)
    if (from === 'd' && learned) await storage.forget(KEY, learned.ballot)
  }
  t.equal(await cluster.during(registers.forgetRemoved(KEY)), false)
})

t.test('a register that is there stays', async (t) => {
  const cluster = await leftOver(t)
  await cluster.execute('b', 'thing/2', 'create', 'y')
  const { registers, storage } = cluster.at('d')
  await cluster.until(() => storage.learned('thing/2') !== null)
  t.equal(await cluster.during(registers.forgetRemoved('thing/2')), false)
  t.not(storage.learned('thing/2'), null)
})

t.test('a row that comes after its register was found to be removed is not listed', async (t) => {
  const cluster = await leftOver(t)
  const { registers, storage } = cluster.at('d')
  await cluster.during(registers.freshen())
  let isCut = true
  cluster.network.beforeRequest = ({ from }) => {
    if (isCut && from === 'd') throw new ClusterError('PEER_UNREACHABLE', 'a cut link')
  }
  await cluster.execute('a', 'thing/2', 'create', 'y')
  const late = cluster.at('a').storage.learned('thing/2')!
  for (const id of VOTERS) await cluster.at(id).storage.remove('thing/2', justAbove(late.ballot))
  isCut = false
  await cluster.during(registers.freshen())
  // As from a disk that stalled: d had read it before the removal.
  await storage.learn('thing/2', late)
  t.equal(storage.learned('thing/2'), null)
})
