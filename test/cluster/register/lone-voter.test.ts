import t, { type Test } from 'tap'
import { CONFIG_KEY, configIn } from '../../../cluster/register/config-register.ts'
import { compareBallots } from '../../../cluster/register/ballot.ts'
import { configInStore, foundCluster, recoverAlone } from '../../../cluster/register/lone-voter.ts'
import { valueDigest } from '../../../cluster/register/register-value.ts'
import { systemRandom } from '../../../cluster/runtime.ts'
import { openedStore } from '../../node/store/store-fixture.ts'
import { ballotOf, bytesOf, configOf, wordsIn } from './register-fixture.ts'

const self = { id: 'a', address: 'a:9293', role: 'voter' as const, zone: null, weight: 1 }

async function storeOf(t: Test) {
  return (await openedStore(t)).store.registers
}

t.test('a founded cluster has one voter, epoch 1 and an id of its own', async (t) => {
  const ids = new Set<string>()
  for (const name of ['one', 'other']) {
    await t.test(name, async (t) => {
      const store = await storeOf(t)
      const config = await foundCluster(store, self, systemRandom)
      t.match(config, { epoch: 1, voters: ['a'], nodes: [self], databases: { a: store.identity().dbUuid } })
      t.strictSame(configInStore(store), config)
      ids.add(config.clusterId)
    })
  }
  t.equal(ids.size, 2)
})

t.test('an empty store knows no config', async (t) => {
  t.equal(configInStore(await storeOf(t)), null)
})

t.test('recovery takes the highest value of each register, alone and above everything known', async (t) => {
  const store = await storeOf(t)
  const before = configOf(['a', 'b', 'c'], { epoch: 7 })
  const configValue = bytesOf(before)
  await store.learn(CONFIG_KEY, {
    ballot: ballotOf(3),
    value: configValue,
    digest: valueDigest(configValue),
    settled: true,
  })
  const [voted, learned] = [bytesOf(['voted']), bytesOf(['learned'])]
  const accepted = { ballot: ballotOf(9), value: voted, digest: valueDigest(voted) }
  await store.vote('voted', { promised: ballotOf(20), accepted }, true)
  await store.learn('learned', {
    ballot: ballotOf(4),
    value: learned,
    digest: valueDigest(learned),
    settled: false,
  })
  const { dbUuid } = store.identity()

  const { config, registers } = await recoverAlone(store, before, self, systemRandom)
  t.equal(registers, 2)
  t.match(config, { epoch: 8, voters: ['a'], nodes: [{ id: 'a' }], joint: null, removed: ['b', 'c'] })
  t.not(config.clusterId, before.clusterId)
  t.not(store.identity().dbUuid, dbUuid)
  t.strictSame(config.databases, { a: store.identity().dbUuid })
  t.ok(store.isAdmitted && store.isIntact)
  t.ok(compareBallots(store.floor(), ballotOf(20)) > 0, 'the floor is above every promise')
  t.strictSame(store.unsettledKeys(), [])
  t.strictSame(wordsIn(store.acceptorState('voted')?.accepted?.value), ['voted'])
  t.strictSame(wordsIn(store.acceptorState('learned')?.accepted?.value), ['learned'])
  t.strictSame(configIn(store.learned(CONFIG_KEY)!), config)

  const again = await recoverAlone(store, config, self, systemRandom)
  t.match(again.config, { epoch: 9, voters: ['a'] }, 'it may be repeated')
  t.strictSame(wordsIn(store.acceptorState('learned')?.accepted?.value), ['learned'])
})
