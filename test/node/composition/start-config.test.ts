import t from 'tap'
import type { MemberNode } from '../../../cluster/membership/cluster-config.ts'
import { genesisConfig } from '../../../cluster/register/config-register.ts'
import { foundCluster } from '../../../cluster/register/lone-voter.ts'
import { systemRandom } from '../../../cluster/runtime.ts'
import { chooseStartConfig, ownAddress, type MemberStore } from '../../../node/composition/start-config.ts'
import type { SeracConfig } from '../../../node/config/options.ts'
import { MemoryRegisterDisk, MemoryRegisterStorage } from '../../helpers/memory-register-storage.ts'

const member = (id: string): MemberNode => ({ id, address: `${id}:1`, role: 'voter', zone: null, weight: 1 })
const LIST = ['a', 'b', 'c'].map(member)

/** Remembers the cluster id as FORMAT does. */
function storeOf(clusterId: string | null = null): MemberStore & { registers: MemoryRegisterStorage } {
  const registers = new MemoryRegisterStorage(new MemoryRegisterDisk('disk'))
  return {
    registers,
    clusterId,
    setClusterId(id) {
      Object.assign(this, { clusterId: id })
      return Promise.resolve()
    },
  }
}

t.test('the list of initial members makes the same cluster on each of them', async (t) => {
  const [first, second] = [storeOf(), storeOf()]
  const config = await chooseStartConfig(first, LIST, 'a')
  await chooseStartConfig(second, LIST.toReversed(), 'b')
  t.strictSame(config.current().voters, ['a', 'b', 'c'])
  t.equal(first.clusterId, config.current().clusterId)
  t.equal(second.clusterId, first.clusterId)
})

t.test('what the store knows of the config counts more than the list', async (t) => {
  const store = storeOf()
  const founded = await foundCluster(store.registers, member('a'), systemRandom)
  const config = await chooseStartConfig(store, LIST, 'a')
  t.equal(config.current().clusterId, founded.clusterId)
  t.strictSame(config.current().voters, ['a'])
})

t.test('a list that has become another one is refused', async (t) => {
  const store = storeOf(genesisConfig(LIST).clusterId)
  const others = [...LIST.slice(0, 2), member('d')]
  await t.rejects(chooseStartConfig(store, others, 'a'), /the list must stay as it was/)
})

t.test('a list that does not name this node is refused', async (t) => {
  const store = storeOf()
  await t.rejects(chooseStartConfig(store, LIST, 'z'), /does not name this node \(z\)/)
  t.equal(store.clusterId, null, 'and nothing is noted')
})

t.test('a node that was removed is told so', async (t) => {
  const store = storeOf()
  await foundCluster(store.registers, member('a'), systemRandom)
  await t.rejects(chooseStartConfig(store, [], 'z'), /z was removed from cluster/)
})

t.test('a node without any cluster is told how to get one', async (t) => {
  await t.rejects(chooseStartConfig(storeOf(), [], 'a'), /serac init/)
  await t.rejects(chooseStartConfig(storeOf('00'), [], 'a'), /lost or damaged: run "serac join"/)
})

t.test('a recovery that was cut off is to be run again', async (t) => {
  const store = storeOf('00')
  await foundCluster(store.registers, member('a'), systemRandom)
  await t.rejects(chooseStartConfig(store, [], 'a'), /recovery of cluster 00 was cut off/)
})

t.test(
  'the address for the others is the one that is advertised, else the one that is listened on',
  async (t) => {
    const configOf = (bindHost: string, advertiseHost: string | null) =>
      ({ cluster: { bindHost, advertiseHost, controlPort: 9294 } }) as SeracConfig
    t.equal(ownAddress(configOf('192.0.2.1', null)), '192.0.2.1:9294')
    t.equal(ownAddress(configOf('0.0.0.0', '2001:db8::1')), '[2001:db8::1]:9294')
    for (const wildcard of ['0.0.0.0', '::'])
      t.throws(() => ownAddress(configOf(wildcard, null)), /advertise_host/)
  },
)
