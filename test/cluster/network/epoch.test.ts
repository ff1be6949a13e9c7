import { once } from 'node:events'
import t from 'tap'
import { Host } from '../../../cluster/network/host.ts'
import { Rpc } from '../../../cluster/network/rpc.ts'
import { silentLog, systemClock } from '../../../cluster/runtime.ts'
import { identities } from '../../helpers/control-nodes.ts'
import { until } from '../../helpers/until.ts'

t.test('a newer epoch is fetched once before the request is answered', async (t) => {
  const keys = identities(2)
  const epochs = [1, 5]
  const fetched: number[] = []
  let openFetch = () => {}
  const nodes = keys.map((identity, i) => {
    const host = new Host({ identity, log: silentLog }, { listen: '127.0.0.1:0', isAllowed: () => true })
    const linkTo = (peer: string) => host.links.find((link) => link.peer === peer) ?? null
    const onNewerEpoch = async (_from: string, epoch: number) => {
      fetched.push(epoch)
      await new Promise<void>((resolve) => (openFetch = resolve))
      epochs[i] = epoch
    }
    const init = { clusterId: () => 'one', epoch: () => epochs[i]!, linkTo, onNewerEpoch }
    return { host, rpc: new Rpc({ host, clock: systemClock, log: silentLog }, init) }
  })
  const [old, recent] = [nodes[0]!, nodes[1]!]
  t.teardown(() => Promise.all(nodes.map(({ host }) => host.stop())))
  await Promise.all(nodes.map(({ host }) => host.start()))
  const accepted = once(old.host, 'open')
  await recent.host.dial(old.host.id, old.host.address)
  await accepted

  const handledAt: number[] = []
  old.rpc.handle('votes', async () => handledAt.push(epochs[0]!))
  recent.rpc.handle('votes', async () => 'fine')
  const asked = [1, 2].map((n) => recent.rpc.request(old.host.id, 'votes', n, { timeoutMs: 20_000 }))
  await until(() => fetched.length > 0)
  openFetch()
  await Promise.all(asked)
  t.same(fetched, [5], 'one fetch for both')
  t.same(handledAt, [5, 5])

  epochs[1] = 6
  t.equal(
    await old.rpc.request(recent.host.id, 'votes', 1, { timeoutMs: 20_000 }),
    'fine',
    'an answer does not wait',
  )
  await until(() => fetched.length === 2)
  openFetch()
  await until(() => epochs[0] === 6)
})
