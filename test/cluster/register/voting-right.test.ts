import t, { type Test } from 'tap'
import { ClusterError } from '../../../cluster/errors.ts'
import type { NodeId } from '../../../cluster/network/rpc-port.ts'
import { CONFIG_KEY } from '../../../cluster/register/config-register.ts'
import type { MemoryRegisterDisk } from '../../helpers/memory-register-storage.ts'
import { LiveCluster } from './live-cluster.ts'

const IDS = ['a', 'b', 'c']

/** Three voters that are up, with three registers. */
async function running(t: Test, ids: NodeId[] = IDS): Promise<LiveCluster> {
  const cluster = new LiveCluster(ids)
  t.teardown(() => cluster.stopAll())
  cluster.start(...ids)
  await cluster.allVote(...ids)
  for (let i = 0; i < 3; i++) await cluster.execute('a', `thing/${i}`, 'create', `word ${i}`)
  return cluster
}

t.test('a new cluster names the databases of all voters in its first epoch', async (t) => {
  const cluster = await running(t)
  const { epoch, databases } = cluster.at('a').config.current()
  t.equal(epoch, 1)
  t.strictSame(Object.values(databases).toSorted(), ['disk of a', 'disk of b', 'disk of c'])
})

t.test('a lone voter needs nobody', async (t) => {
  const cluster = await running(t, ['a'])
  t.strictSame(await cluster.words('a', 'thing/1'), ['word 1'])
})

t.test('a node that may vote catches up at once', async (t) => {
  const cluster = new LiveCluster(['a'])
  t.teardown(() => cluster.stopAll())
  cluster.start('a')
  await cluster.allVote('a')
  await cluster.clock.advance(1)
  t.equal(cluster.at('a').registers.caughtUp, true)
})

t.test('nothing but the config is voted on before it is written', async (t) => {
  const cluster = new LiveCluster(IDS)
  t.teardown(() => cluster.stopAll())
  cluster.start('a')
  await t.rejects(cluster.execute('a', 'thing/1', 'create'), { code: 'NO_QUORUM' })
  t.notOk(cluster.votes('a'))
})

t.test('a majority begins without the third, which claims its place when it comes', async (t) => {
  const cluster = new LiveCluster(IDS)
  t.teardown(() => cluster.stopAll())
  cluster.start('a', 'b')
  await cluster.allVote('a', 'b')
  t.equal(cluster.at('a').config.current().databases['c'], undefined)
  cluster.start('c')
  await cluster.allVote('c')
  t.match(cluster.at('a').config.current(), { epoch: 2, databases: { c: 'disk of c' } })
  t.equal(cluster.at('c').registers.readmission, null, 'it had nothing to forget')
})

t.test('a genesis waits until it names a majority', async (t) => {
  const cluster = new LiveCluster(IDS)
  t.teardown(() => cluster.stopAll())
  // Each node asks the two others once to judge and once to name their databases: the second time nobody hears them.
  const asked = new Map<NodeId, number>()
  let mayName = false
  cluster.network.beforeRequest = ({ kind, from }) => {
    if (kind !== 'witness' || mayName) return
    const before = asked.get(from) ?? 0
    asked.set(from, before + 1)
    if (before % 4 >= 2) throw new ClusterError('PEER_UNREACHABLE', 'a cut link')
  }
  cluster.start(...IDS)
  await cluster.during(cluster.clock.advance(5000))
  t.equal(cluster.at('a').config.row(), null)
  mayName = true
  await cluster.allVote(...IDS)
  t.equal(Object.keys(cluster.at('a').config.current().databases).length, 3)
})

t.test('a restart with the same disk votes in the same epoch', async (t) => {
  const cluster = await running(t)
  cluster.stop('b')
  cluster.start('b')
  await cluster.allVote('b')
  t.equal(cluster.at('b').config.current().epoch, 1)
})

t.test('a restart does not vote until a majority was asked', async (t) => {
  const cluster = await running(t)
  for (const id of IDS) cluster.stop(id)
  cluster.start('a')
  await cluster.clock.advance(5000)
  t.match(cluster.at('a').registers.abstains(), /asks the other voters.*too few/)
  cluster.start('b')
  await cluster.allVote('a', 'b')
})

t.test('a voter that lost its disk is re-admitted, and holds everything again', async (t) => {
  const cluster = await running(t)
  cluster.stop('b')
  cluster.loseDisk('b')
  cluster.start('b')
  t.notOk(cluster.votes('b'))
  await cluster.allVote('b')
  t.equal(cluster.at('b').config.current().epoch, 2, 'no round that counts a forgotten vote can end any more')
  const { acceptors } = cluster.disks.get('b') ?? {}
  t.strictSame([...(acceptors?.keys() ?? [])].toSorted(), [CONFIG_KEY, 'thing/0', 'thing/1', 'thing/2'])
  cluster.stop('a')
  t.strictSame(await cluster.words('b', 'thing/2'), ['word 2'])
})

t.test('a voter that lost its disk does not vote while the others are no majority', async (t) => {
  const cluster = await running(t)
  for (const id of ['b', 'c']) cluster.stop(id)
  cluster.loseDisk('b')
  cluster.start('b')
  await cluster.clock.advance(10_000)
  t.notOk(cluster.votes('b'))
  cluster.start('c')
  await cluster.allVote('b')
})

t.test('a voter that lost votes says so, whoever answers', async (t) => {
  const cluster = await running(t)
  for (const id of IDS) cluster.stop(id)
  Object.assign(cluster.disks.get('b') ?? {}, { isIntact: false })
  cluster.start('b')
  await cluster.clock.advance(1000)
  t.match(cluster.at('b').registers.abstains(), /has lost votes.*too few/)
  cluster.start('a')
  await cluster.clock.advance(2000)
  t.match(cluster.at('b').registers.abstains(), /has lost votes and waits to be re-admitted$/)
  cluster.start('c')
  await cluster.allVote('b')
})

t.test('what only the lost disk and one other held is brought to a majority first', async (t) => {
  const cluster = await running(t)
  cluster.stop('c')
  await cluster.execute('a', 'thing/9', 'create', 'held by a and b')
  cluster.stop('b')
  cluster.loseDisk('b')
  cluster.start('c', 'b')
  await cluster.allVote('b')
  t.ok(cluster.disks.get('b')?.acceptors.has('thing/9'), 'and to the one that is let in, before it counts')
  cluster.stop('a')
  t.strictSame(await cluster.words('c', 'thing/9'), ['held by a and b'])
})

t.test('a disk of the past is noticed by those who saw its later votes', async (t) => {
  const cluster = await running(t)
  const past = structuredClone(Object.assign({}, cluster.disks.get('b')))
  await cluster.execute('a', 'thing/1', 'append', 'later')
  cluster.stop('b')
  Object.assign(cluster.disks.get('b') ?? {}, past)
  cluster.start('b')
  await cluster.allVote('b')
  t.not(cluster.at('b').storage.identity().dbUuid, 'disk of b')
  t.strictSame(await cluster.words('b', 'thing/1'), ['word 1', 'later'])
})

t.test('a disk of the past is noticed by those who heard of its later votes from others', async (t) => {
  const cluster = await running(t)
  const past = structuredClone(Object.assign({}, cluster.disks.get('b')))
  cluster.network.beforeRequest = ({ from, to }) => {
    if ([from, to].sort().join() === 'b,c') throw new Error('lost on the way')
  }
  await cluster.execute('a', 'thing/1', 'append', 'later')
  cluster.network.beforeRequest = () => {}
  for (const id of ['a', 'b']) cluster.stop(id)
  Object.assign(cluster.disks.get('b') ?? {}, past)
  cluster.start('b')
  const isKnown = () => /lost votes/.test(cluster.at('b').registers.abstains() ?? '')
  await cluster.until(isKnown)
  cluster.start('a')
  await cluster.allVote('b')
  t.strictSame(await cluster.words('b', 'thing/1'), ['word 1', 'later'])
})

t.test(
  'a disk of the time when the node voted alone is noticed by whoever belongs to the cluster',
  async (t) => {
    const cluster = new LiveCluster(IDS, 1)
    t.teardown(() => cluster.stopAll())
    cluster.start(...IDS)
    await cluster.allVote('a')
    await cluster.execute('a', 'thing/0', 'create', 'early')
    const past = structuredClone(cluster.disks.get('a'))
    await cluster.during(cluster.at('a').registers.membership.setVoters(IDS))
    await cluster.allVote(...IDS)
    await cluster.execute('b', 'thing/0', 'append', 'late')
    cluster.stop('a')
    cluster.disks.set('a', past as MemoryRegisterDisk)
    cluster.start('a')
    await cluster.allVote('a')
    t.match(cluster.at('a').config.current(), { voters: IDS })
    t.not(cluster.at('a').storage.identity().dbUuid, 'disk of a', 'it was let in again')
    t.strictSame(await cluster.words('a', 'thing/0'), ['early', 'late'])
  },
)

t.test('rows that are not those that were written: the same way back', async (t) => {
  const cluster = await running(t)
  cluster.stop('b')
  Object.assign(cluster.disks.get('b') ?? {}, { isIntact: false })
  cluster.start('b')
  await cluster.allVote('b')
  t.equal(cluster.at('a').config.current().databases['b'], cluster.at('b').storage.identity().dbUuid)
})

t.test('a vote that turns out to be damaged while the node runs: the same way back', async (t) => {
  const cluster = await running(t)
  const { storage } = cluster.at('b')
  const { dbUuid } = storage.identity()
  const read = storage.acceptorState.bind(storage)
  storage.acceptorState = (key) => {
    if (storage.identity().dbUuid !== dbUuid) return read(key)
    throw new ClusterError('CORRUPT_VALUE', 'its checksum fails')
  }
  await cluster.execute('a', 'thing/1', 'append', 'x')
  await cluster.until(() => storage.identity().dbUuid !== dbUuid)
  await cluster.allVote('b')
  cluster.stop('a')
  t.strictSame(await cluster.words('b', 'thing/1'), ['word 1', 'x'])
})

t.test('a lone voter with damaged votes says what to do', async (t) => {
  const cluster = await running(t, ['a'])
  cluster.stop('a')
  Object.assign(cluster.disks.get('a') ?? {}, { isIntact: false })
  cluster.start('a')
  await cluster.clock.advance(2000)
  t.match(cluster.at('a').registers.abstains(), /serac recover --from-this-node/)
})

t.test('a re-admission that was interrupted goes on after the restart', async (t) => {
  const cluster = await running(t)
  cluster.stop('b')
  cluster.loseDisk('b')
  cluster.network.beforeRequest = ({ from, kind }) => {
    if (from === 'b' && kind === 'accepted') throw new Error('lost on the way')
  }
  cluster.start('b')
  await cluster.until(() => cluster.at('a').config.current().epoch === 2)
  cluster.stop('b')
  cluster.start('b')
  await cluster.clock.advance(3000)
  t.notOk(cluster.votes('b'), 'its claim alone does not make it vote')
  cluster.network.beforeRequest = () => {}
  await cluster.allVote('b')
})

t.test('a voter that is voted out while it is let in again gives up its votes all the same', async (t) => {
  const cluster = await running(t)
  cluster.stop('b')
  cluster.loseDisk('b')
  cluster.start('b')
  const { storage, config } = cluster.at('b')
  const admit = storage.setAdmitted.bind(storage)
  storage.setAdmitted = async (isAdmitted) => {
    await cluster.at('a').registers.membership.setVoters(['a'])
    await admit(isAdmitted)
  }
  await cluster.until(() => config.current().voters.length === 1)
  await cluster.until(() => storage.identity().voteSequence === 0)
  t.match(cluster.at('b').registers.abstains(), /no voter/)
})

t.test(
  'voters that have lost their disks do not found the cluster anew behind the back of those who are away',
  async (t) => {
    const cluster = await running(t)
    cluster.stopAll()
    for (const id of ['a', 'b']) {
      cluster.loseDisk(id)
      cluster.disks.get(id)!.isAdmitted = false
    }
    cluster.start('a', 'b')
    for (let waitedMs = 0; waitedMs < 10_000; waitedMs += 500) await cluster.clock.advance(500)
    t.match(cluster.at('a').registers.abstains(), /nobody who answers knows the cluster config/)
    t.notOk(cluster.votes('b'))
    cluster.start('c')
    await cluster.until(() => cluster.at('a').config.row() !== null)
    t.equal(cluster.at('a').config.current().epoch, 1, 'it is the config of the third')
    t.notOk(cluster.votes('a'), 'and one voter with votes is no majority')
  },
)
