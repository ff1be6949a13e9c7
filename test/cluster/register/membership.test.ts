import t, { type Test } from 'tap'
import type { NodeId } from '../../../cluster/network/rpc-port.ts'
import { CONFIG_KEY } from '../../../cluster/register/config-register.ts'
import { LiveCluster } from './live-cluster.ts'

const REGISTERS = 5

/** `voters` of the nodes vote; there are some registers. */
async function running(t: Test, ids: NodeId[], voters: number): Promise<LiveCluster> {
  const cluster = new LiveCluster(ids, voters)
  t.teardown(() => cluster.stopAll())
  cluster.start(...ids)
  await cluster.allVote(...ids.slice(0, voters))
  for (let i = 0; i < REGISTERS; i++) await cluster.execute('a', `thing/${i}`, 'create', i)
  return cluster
}

function votersAt(cluster: LiveCluster, id: NodeId): NodeId[] {
  return cluster.at(id).config.current().voters
}

async function setVoters(cluster: LiveCluster, by: NodeId, voters: NodeId[]): Promise<void> {
  await cluster.during(cluster.at(by).registers.membership.setVoters(voters))
}

/** Once a change is under way no list of what voters have accepted gets through; `from` undefined: nobody's. */
function holdRescan(cluster: LiveCluster, from?: NodeId): void {
  cluster.network.beforeRequest = (sent) => {
    const { joint } = cluster.at(sent.from).config.current()
    if (joint && sent.kind === 'accepted' && (from === undefined || sent.from === from))
      throw new Error('lost on the way')
  }
}

/** What `from` proposes for the config waits from now on. */
function holdConfigRounds(cluster: LiveCluster, from: NodeId): { held: number; release: () => void } {
  const hold = { held: 0, release: () => {} }
  const released = new Promise<void>((resolve) => {
    hold.release = resolve
  })
  cluster.network.beforeRequest = async (sent) => {
    if (sent.kind !== 'prepare' || sent.from !== from) return
    if ((sent.request as { key: string }).key !== CONFIG_KEY) return
    hold.held++
    await released
  }
  return hold
}

/** a, b and c vote, and have begun to hand over to d, e and f; the change cannot go on. */
async function halfChanged(t: Test): Promise<LiveCluster> {
  const cluster = await running(t, ['a', 'b', 'c', 'd', 'e', 'f'], 3)
  holdRescan(cluster)
  cluster
    .at('a')
    .registers.membership.setVoters(['d', 'e', 'f'])
    .catch(() => {})
  await cluster.until(() => cluster.at('b').config.current().joint !== null)
  return cluster
}

async function allWords(cluster: LiveCluster, at: NodeId): Promise<unknown[]> {
  const words: unknown[] = []
  for (let i = 0; i < REGISTERS; i++) words.push(await cluster.words(at, `thing/${i}`))
  return words
}

const EVERYTHING = [[0], [1], [2], [3], [4]]

t.test('one voter becomes three, and the first may go', async (t) => {
  const cluster = await running(t, ['a', 'b', 'c'], 1)
  await setVoters(cluster, 'a', ['a', 'b', 'c'])
  t.strictSame(votersAt(cluster, 'a'), ['a', 'b', 'c'])
  await cluster.allVote('a', 'b', 'c')
  t.match(cluster.at('a').config.current(), { joint: null, epoch: 3 })
  cluster.stop('a')
  t.strictSame(await allWords(cluster, 'b'), EVERYTHING)
  t.match(await cluster.execute('c', 'thing/0', 'append', 'more'), { done: true })
})

t.test('three become five and three others of them', async (t) => {
  const cluster = await running(t, ['a', 'b', 'c', 'd', 'e'], 3)
  await setVoters(cluster, 'd', ['a', 'b', 'c', 'd', 'e'])
  await cluster.allVote('a', 'b', 'c', 'd', 'e')
  await setVoters(cluster, 'a', ['c', 'd', 'e'])
  await cluster.allVote('c', 'd', 'e')
  cluster.stop('a')
  cluster.stop('b')
  t.strictSame(await allWords(cluster, 'e'), EVERYTHING)
})

t.test('all voters are replaced by others at once', async (t) => {
  const cluster = await running(t, ['a', 'b', 'c', 'd', 'e', 'f'], 3)
  await setVoters(cluster, 'a', ['d', 'e', 'f'])
  for (const id of ['a', 'b', 'c']) cluster.stop(id)
  t.strictSame(await allWords(cluster, 'd'), EVERYTHING)
})

t.test('a change is over when most of the new voters know it, not before', async (t) => {
  const cluster = await running(t, ['a', 'b', 'c', 'd'], 3)
  cluster.network.beforeRequest = ({ kind, to }) => {
    if (kind === 'committed' && to === 'd') throw new Error('lost on the way')
  }
  const change = cluster.at('a').registers.membership.setVoters(['d'])
  await cluster.during(change)
  t.match(cluster.at('d').config.current(), { epoch: 3, voters: ['d'] })
})

t.test('who starts again with a vote for the next config is held to the one in force', async (t) => {
  const cluster = await halfChanged(t)
  await cluster.until(() => cluster.at('c').config.current().joint !== null)
  const { storage } = cluster.at('c')
  const next = { ballot: { counter: 900, nonce: 'f'.repeat(16) }, value: Buffer.of(1), digest: 'of the next' }
  await storage.vote(CONFIG_KEY, { promised: next.ballot, accepted: next }, true)
  cluster.stop('c')
  cluster.start('c')
  t.match(cluster.at('c').config.current(), { epoch: 2, joint: ['d', 'e', 'f'] })
})

t.test('a voter that hangs does not hold a change up', async (t) => {
  const cluster = await running(t, ['a', 'b', 'c', 'd', 'e'], 3)
  const never = new Promise<void>(() => {})
  cluster.network.beforeRequest = ({ from, to }) => (from === 'c' || to === 'c' ? never : undefined)
  const beganMs = cluster.clock.monotonicMs()
  await setVoters(cluster, 'a', ['b', 'd', 'e'])
  const tookMs = cluster.clock.monotonicMs() - beganMs
  t.ok(tookMs < 3000, `${tookMs} ms`)
  t.strictSame(await allWords(cluster, 'd'), EVERYTHING)
})

t.test('a voter that is gone for good is replaced', async (t) => {
  const cluster = await running(t, ['a', 'b', 'c', 'd'], 3)
  cluster.stop('c')
  await setVoters(cluster, 'a', ['a', 'b', 'd'])
  await cluster.allVote('a', 'b', 'd')
  await cluster.during(cluster.at('a').registers.membership.removeNode('c'))
  t.notOk(
    cluster
      .at('a')
      .config.current()
      .nodes.some(({ id }) => id === 'c'),
  )
  cluster.stop('a')
  t.strictSame(await allWords(cluster, 'd'), EVERYTHING)
})

t.test('while the voters change, both majorities are needed', async (t) => {
  const cluster = await running(t, ['a', 'b', 'c', 'd', 'e'], 3)
  holdRescan(cluster)
  const change = cluster.at('a').registers.membership.setVoters(['c', 'd', 'e'])
  change.catch(() => {})
  await cluster.until(() => cluster.at('c').config.current().joint !== null)
  cluster.stop('d')
  cluster.stop('e')
  await t.rejects(cluster.execute('b', 'thing/0', 'append', 'x'), /majority|may or may not/)
  cluster.start('d')
  cluster.network.beforeRequest = () => {}
  await cluster.during(change)
  t.strictSame(votersAt(cluster, 'b'), ['c', 'd', 'e'])
})

t.test('a change that its node does not live to finish is finished by another', async (t) => {
  const cluster = await running(t, ['a', 'b', 'c', 'd'], 3)
  holdRescan(cluster, 'a')
  cluster
    .at('a')
    .registers.membership.setVoters(['b', 'c', 'd'])
    .catch(() => {})
  await cluster.until(() => cluster.at('b').config.current().joint !== null)
  cluster.stop('a')
  await cluster.until(() => cluster.at('b').config.current().joint === null)
  t.strictSame(votersAt(cluster, 'b'), ['b', 'c', 'd'])
  t.strictSame(await allWords(cluster, 'd'), EVERYTHING)
})

t.test('a change that cannot go on is given up', async (t) => {
  const cluster = await halfChanged(t)
  await cluster.during(cluster.at('b').registers.membership.abort())
  t.match(cluster.at('b').config.current(), { joint: null, voters: ['a', 'b', 'c'] })
  for (const id of ['d', 'e', 'f']) cluster.stop(id)
  t.strictSame(await allWords(cluster, 'b'), EVERYTHING)
})

t.test('the old voters give a change up when all of the new ones are gone', async (t) => {
  const cluster = await halfChanged(t)
  for (const id of ['d', 'e', 'f']) cluster.stop(id)
  await t.rejects(cluster.execute('b', 'thing/0', 'append', 'x'), /majority|may or may not/)
  await cluster.during(cluster.at('b').registers.membership.abort())
  t.match(cluster.at('b').config.current(), { joint: null, voters: ['a', 'b', 'c'] })
  await cluster.until(() => cluster.at('b').registers.hasQuorum)
  t.match(await cluster.execute('b', 'thing/1', 'append', 'more'), { done: true })
})

t.test('the old voters let in a new one when others lose their disks while the voters change', async (t) => {
  const cluster = await running(t, ['a', 'b', 'c', 'd', 'e'], 3)
  holdRescan(cluster)
  cluster.stop('e')
  const change = cluster.at('a').registers.membership.setVoters(['a', 'b', 'c', 'd', 'e'])
  await cluster.until(() => cluster.at('d').config.current().joint !== null)
  for (const id of ['c', 'd']) {
    cluster.stop(id)
    cluster.loseDisk(id)
  }
  cluster.start('c', 'd', 'e')
  cluster.network.beforeRequest = () => {}
  await cluster.during(change)
  await cluster.allVote('a', 'b', 'c', 'd', 'e')
  t.strictSame(await allWords(cluster, 'e'), EVERYTHING)
})

t.test('a change to voters that are not up is refused before it begins', async (t) => {
  const cluster = await running(t, ['a', 'b', 'c', 'd', 'e', 'f'], 3)
  for (const id of ['d', 'e']) cluster.stop(id)
  const change = cluster.at('a').registers.membership.setVoters(['d', 'e', 'f'])
  await t.rejects(cluster.during(change), { code: 'MEMBERSHIP_REFUSED', fields: { away: ['d', 'e'] } })
  t.equal(cluster.at('a').config.current().joint, null)
})

t.test('those that join with votes of an earlier time give them up and claim their places', async (t) => {
  const cluster = await running(t, ['a', 'b', 'c'], 1)
  for (const id of ['b', 'c']) {
    const { storage } = cluster.at(id)
    await storage.vote(
      'thing/0',
      { promised: { counter: 9, nonce: 'abcdef0123456789' }, accepted: null },
      false,
    )
  }
  await setVoters(cluster, 'a', ['a', 'b', 'c'])
  await cluster.allVote('a', 'b', 'c')
  cluster.stop('a')
  t.strictSame(await allWords(cluster, 'b'), EVERYTHING)
})

t.test('those that join drop rows of registers that were removed while they did not vote', async (t) => {
  const cluster = await running(t, ['a', 'b', 'c'], 1)
  await cluster.until(() => ['b', 'c'].every((id) => cluster.at(id).storage.learned('thing/0') !== null))
  cluster.network.beforeRequest = ({ kind }) => {
    if (kind === 'changes' || kind === 'digests') throw new Error('lost on the way')
  }
  await cluster.at('a').storage.remove('thing/0', { counter: 99, nonce: '0000000000000000' })
  await setVoters(cluster, 'a', ['a', 'b', 'c'])
  await cluster.allVote('a', 'b', 'c')
  for (const id of ['b', 'c']) {
    t.equal(cluster.at(id).storage.learned('thing/0'), null)
    t.not(cluster.at(id).storage.learned('thing/1'), null)
  }
})

t.test(
  'those that join look for such rows before the change begins: it does not stand still for that',
  async (t) => {
    const cluster = await running(t, ['a', 'b', 'c'], 1)
    await cluster.until(() => ['b', 'c'].every((id) => cluster.at(id).storage.learned('thing/0') !== null))
    const looks = new Set<string>()
    cluster.network.beforeRequest = ({ kind, from }) => {
      const isUnderWay = cluster.at('a').config.current().joint !== null
      if (kind === 'accepted' && !cluster.votes(from))
        looks.add(`${from} ${isUnderWay ? 'during' : 'before'}`)
    }
    await setVoters(cluster, 'a', ['a', 'b', 'c'])
    await cluster.allVote('a', 'b', 'c')
    t.strictSame([...looks].toSorted(), ['b before', 'c before'])
  },
)

t.test('what is removed between that look and the change is looked for again', async (t) => {
  const cluster = await running(t, ['a', 'b', 'c'], 1)
  await cluster.execute('a', 'thing/0', 'delete')
  await cluster.until(() => ['b', 'c'].every((id) => cluster.at(id).storage.learned('thing/0')?.settled))
  const removals: Promise<unknown>[] = []
  cluster.network.beforeRequest = async ({ kind, from, request }) => {
    if (kind === 'changes' || kind === 'digests') throw new Error('lost on the way')
    if (kind !== 'prepare' || from !== 'a' || (request as { key: string }).key !== CONFIG_KEY) return
    if (removals.length === 0) removals.push(cluster.at('a').registers.collect('thing/0', () => true))
    await Promise.all(removals)
  }
  await setVoters(cluster, 'a', ['a', 'b', 'c'])
  await cluster.allVote('a', 'b', 'c')
  t.strictSame(await Promise.all(removals), ['removed'])
  for (const id of ['b', 'c']) t.equal(cluster.at(id).storage.learned('thing/0'), null)
})

t.test('a change does not begin with those that cannot get ready', async (t) => {
  const cluster = await running(t, ['a', 'b', 'c'], 1)
  await cluster.until(() => ['b', 'c'].every((id) => cluster.at(id).storage.learned('thing/0') !== null))
  cluster.network.beforeRequest = ({ kind }) => {
    if (kind === 'accepted') throw new Error('lost on the way')
  }
  const change = cluster.at('a').registers.membership.setVoters(['a', 'b', 'c'])
  change.catch(() => {})
  for (let minutes = 0; minutes < 5; minutes++) await cluster.clock.advance(60_000)
  await t.rejects(cluster.during(change), { code: 'MEMBERSHIP_REFUSED', fields: { unready: ['b', 'c'] } })
  t.equal(cluster.at('a').config.current().joint, null)
})

t.test('nobody waits for another when all that join lose their disks while the voters change', async (t) => {
  const cluster = await running(t, ['a', 'b', 'c'], 1)
  holdRescan(cluster)
  const change = cluster.at('a').registers.membership.setVoters(['a', 'b', 'c'])
  await cluster.until(() => cluster.at('b').config.current().joint !== null)
  for (const id of ['b', 'c']) {
    cluster.stop(id)
    cluster.loseDisk(id)
  }
  cluster.start('b', 'c')
  cluster.network.beforeRequest = () => {}
  await cluster.during(change)
  await cluster.allVote('a', 'b', 'c')
  cluster.stop('a')
  t.strictSame(await allWords(cluster, 'b'), EVERYTHING)
})

t.test('a voter that forgets what the rescan gave it: the registers are looked at once more', async (t) => {
  const cluster = await running(t, ['a', 'b', 'c'], 1)
  const change = cluster.at('a').registers.membership.setVoters(['a', 'b', 'c'])
  await cluster.until(() => cluster.at('b').config.current().joint !== null)
  cluster.stop('c')
  const finish = holdConfigRounds(cluster, 'a')
  await cluster.until(() => finish.held > 0)
  const { databases } = cluster.at('a').config.current()
  cluster.stop('b')
  cluster.loseDisk('b')
  cluster.start('b')
  await cluster.until(() => cluster.at('a').config.current().databases['b'] !== databases['b'])
  finish.release()
  await cluster.during(change)
  await cluster.allVote('a', 'b')
  cluster.stop('a')
  cluster.start('c')
  await cluster.allVote('b', 'c')
  t.strictSame(await allWords(cluster, 'b'), EVERYTHING)
})

t.test('a former voter gives up its votes, so that they are not old when it votes again', async (t) => {
  const cluster = await running(t, ['a', 'b', 'c', 'd'], 3)
  await setVoters(cluster, 'a', ['a', 'b', 'd'])
  await cluster.until(() => cluster.at('c').storage.identity().dbUuid !== 'disk of c')
  t.equal(cluster.disks.get('c')?.acceptors.size, 0)
  await cluster.execute('a', 'thing/0', 'append', 'meanwhile')
  await setVoters(cluster, 'a', ['a', 'b', 'c'])
  await cluster.allVote('a', 'b', 'c')
  cluster.stop('a')
  t.strictSame(await cluster.words('c', 'thing/0'), [0, 'meanwhile'])
})

t.test('a node that was away over a change takes the newer config before it does anything', async (t) => {
  const cluster = await running(t, ['a', 'b', 'c', 'd'], 3)
  cluster.stop('c')
  await setVoters(cluster, 'a', ['a', 'b', 'd'])
  await cluster.execute('a', 'thing/0', 'append', 'meanwhile')
  cluster.start('c')
  t.strictSame(await cluster.words('c', 'thing/0'), [0, 'meanwhile'])
  t.equal(cluster.at('c').config.current().epoch, 3)
})

t.test('a plan says what would be done, and does nothing', async (t) => {
  const cluster = await running(t, ['a', 'b', 'c', 'd'], 3)
  cluster.stop('c')
  const { membership } = cluster.at('a').registers
  t.match(membership.plan(['a', 'b', 'd']), {
    ...{ epoch: 1, from: ['a', 'b', 'c'], to: ['a', 'b', 'd'], joining: ['d'], leaving: ['c'] },
    ...{ registers: REGISTERS + 1, warnings: [/^c is down/] },
  })
  t.equal(cluster.at('a').config.current().epoch, 1)
})

for (const [voters, why] of [
  [['a', 'b'], /1, 3, 5 or 7/],
  [['a', 'b', 'b'], /different/],
  [['a', 'b', 'stranger'], /no member/],
  [[], /1, 3, 5 or 7/],
] as const) {
  t.test(`${voters.join(' ') || 'nobody'} as voters is refused`, async (t) => {
    const cluster = await running(t, ['a', 'b', 'c'], 3)
    const { membership } = cluster.at('a').registers
    await t.rejects(cluster.during(membership.setVoters(voters)), {
      code: 'MEMBERSHIP_REFUSED',
      message: why,
    })
    t.throws(() => membership.plan(voters), { code: 'MEMBERSHIP_REFUSED', message: why })
  })
}

t.test('a voter is not removed, and nobody votes by being put', async (t) => {
  const cluster = await running(t, ['a', 'b', 'c', 'd'], 3)
  const { membership } = cluster.at('a').registers
  await t.rejects(cluster.during(membership.removeNode('b')), { code: 'MEMBERSHIP_REFUSED' })
  const member = { id: 'd', address: 'd:1', role: 'voter' as const, zone: null, weight: 1 }
  await t.rejects(cluster.during(membership.putNode(member)), { code: 'MEMBERSHIP_REFUSED' })
  await cluster.during(membership.putNode({ ...member, role: 'storage', zone: 'rack-1' }))
  t.match(cluster.at('b').config.current().nodes.at(-1), { id: 'd', zone: 'rack-1' })
})

t.test('an invite is good for one node and one time', async (t) => {
  const cluster = await running(t, ['a', 'b', 'c'], 3)
  const { membership } = cluster.at('a').registers
  const member = (id: string) => ({ id, address: `${id}:1`, role: 'storage' as const, zone: null, weight: 1 })
  await cluster.during(membership.addInvite('hash', cluster.clock.wallMs() + 60_000))
  await t.rejects(cluster.during(membership.redeemInvite('guess', member('d'))), /unknown/)
  await cluster.during(membership.redeemInvite('hash', member('d')))
  await t.rejects(cluster.during(membership.redeemInvite('hash', member('e'))), /used already/)
  await cluster.during(membership.addInvite('late', cluster.clock.wallMs() + 1000))
  await cluster.clock.advance(2000)
  await t.rejects(cluster.during(membership.redeemInvite('late', member('e'))), /expired/)
})
