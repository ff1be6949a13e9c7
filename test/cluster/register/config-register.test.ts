import t from 'tap'
import type { ClusterConfig, MemberNode } from '../../../cluster/membership/cluster-config.ts'
import { BOOTSTRAP, configOperations } from '../../../cluster/register/config-operations.ts'
import { CONFIG_KEY, genesisConfig } from '../../../cluster/register/config-register.ts'
import { CurrentConfig } from '../../../cluster/register/current-config.ts'
import { deferred } from '../../helpers/deferred.ts'
import { settled } from '../../helpers/manual-clock.ts'
import { MemoryRegisterDisk, MemoryRegisterStorage } from '../../helpers/memory-register-storage.ts'
import { valueDigest } from '../../../cluster/register/register-value.ts'
import { ballotOf, bytesOf } from './register-fixture.ts'

function member(id: string, fields: Partial<MemberNode> = {}): MemberNode {
  return { id, address: `${id}:9293`, role: 'voter', zone: null, weight: 1, ...fields }
}

const members = (count: number) => Array.from({ length: count }, (_, i) => member(`n${i}`))

t.test('the same list in any order is the same cluster', async (t) => {
  const list = members(3)
  t.strictSame(genesisConfig(list), genesisConfig(list.toReversed()))
  t.match(genesisConfig(list), { epoch: 1, joint: null, voters: ['n0', 'n1', 'n2'] })
  t.match(genesisConfig(list).clusterId, /^[0-9a-f]{32}$/)
})

t.test('addresses may differ from node to node; nothing else may', async (t) => {
  const { clusterId } = genesisConfig(members(3))
  const changed = (fields: Partial<MemberNode>) =>
    genesisConfig([member('n0', fields), member('n1'), member('n2')]).clusterId
  t.equal(changed({ address: '10.0.0.1:9293' }), clusterId)
  t.not(changed({ zone: 'rack-1' }), clusterId)
  t.not(changed({ weight: 2 }), clusterId)
  t.not(changed({ role: 'storage' }), clusterId)
  t.not(changed({ id: 'other' }), clusterId)
})

for (const [count, voters] of [
  [1, 1],
  [2, 1],
  [3, 3],
  [4, 3],
  [6, 5],
  [7, 7],
  [9, 7],
] as const) {
  t.test(`${count} candidates make ${voters} voters; the others store`, async (t) => {
    const config = genesisConfig(members(count))
    t.equal(config.voters.length, voters)
    t.equal(config.nodes.filter(({ role }) => role === 'voter').length, voters)
    t.equal(config.nodes.filter(({ role }) => role === 'storage').length, count - voters)
  })
}

t.test('who is listed as storage or edge never votes', async (t) => {
  const config = genesisConfig([member('a', { role: 'edge' }), member('b', { role: 'storage' }), member('c')])
  t.strictSame(config.voters, ['c'])
  t.match(config.nodes, [{ role: 'edge' }, { role: 'storage' }, { role: 'voter' }])
})

t.test('a list without a voter is refused', async (t) => {
  t.throws(() => genesisConfig([member('a', { role: 'storage' })]), /no voter/)
  t.throws(() => genesisConfig([]), /no voter/)
})

t.test('the genesis is written once', async (t) => {
  const bootstrap = configOperations[BOOTSTRAP]
  t.match(bootstrap?.(null, { epoch: 1 }), { kind: 'write', next: { live: true, record: { epoch: 1 } } })
  t.strictSame(bootstrap?.({ live: true, record: { epoch: 5 } }, { epoch: 1 }), { kind: 'keep' })
})

function rowOf(config: ClusterConfig, isSettled = true) {
  const value = bytesOf(config)
  return { ballot: ballotOf(1), value, digest: valueDigest(value), settled: isSettled }
}

t.test('the config in force is the newest settled one', async (t) => {
  const genesis = genesisConfig(members(3))
  const current = new CurrentConfig(storage(), genesis)
  t.equal(current.current(), genesis)
  await current.adopt(rowOf({ ...genesis, epoch: 4 }))
  t.equal(current.current().epoch, 4)
  await current.adopt(rowOf({ ...genesis, epoch: 3 }))
  t.equal(current.current().epoch, 4, 'an older one changes nothing')
  await current.adopt(rowOf({ ...genesis, epoch: 5 }, false))
  t.equal(current.current().epoch, 4, 'nor does one that may not have been chosen')
})

t.test('a restart begins with what was learned before', async (t) => {
  const genesis = genesisConfig(members(3))
  const learned = storage()
  await learned.learn(CONFIG_KEY, rowOf({ ...genesis, epoch: 7 }))
  t.equal(new CurrentConfig(learned, genesis).current().epoch, 7)
})

t.test('a config that is learned by whatever way comes into force', async (t) => {
  const genesis = genesisConfig(members(3))
  const learned = storage()
  const current = new CurrentConfig(learned, genesis)
  const epochs: number[] = []
  current.onChanged(({ epoch }) => void epochs.push(epoch))
  await learned.learn(CONFIG_KEY, rowOf({ ...genesis, epoch: 2 }))
  t.strictSame(epochs, [2])
})

t.test('a newer epoch fences before it is durable, and counts as durable only afterwards', async (t) => {
  const disk = deferred()
  const genesis = genesisConfig(members(3))
  const current = new CurrentConfig(
    storage(() => disk.promise),
    genesis,
  )
  let isDurable = false
  void current.adopt(rowOf({ ...genesis, epoch: 2 })).then(() => (isDurable = true))
  await settled()
  t.equal(current.current().epoch, 2)
  t.equal(isDurable, false)
  disk.resolve()
  await current.durable()
  t.equal(isDurable, true)
})

function storage(sync?: () => Promise<void>): MemoryRegisterStorage {
  return new MemoryRegisterStorage(new MemoryRegisterDisk('disk'), sync ? { sync } : {})
}
