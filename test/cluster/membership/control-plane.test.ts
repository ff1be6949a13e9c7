import { once } from 'node:events'
import t from 'tap'
import { createIdentity, identityFromKey } from '../../../cluster/network/identity.ts'
import { type Log, silentLog, systemRandom } from '../../../cluster/runtime.ts'
import {
  configOf,
  controlPlane,
  identities,
  linkedTo,
  member,
  NOWHERE,
  startIn,
} from '../../helpers/control-nodes.ts'
import { until } from '../../helpers/until.ts'

/** So that a fallback dial is never what a test waits for. */
const NEVER_MS = 600_000
const TIMEOUT_MS = 5_000

t.test(
  'three nodes that start at the same moment link up, exchange hellos, hints and requests',
  async (t) => {
    const keys = identities(3)
    const ids = keys.map(({ id }) => id)
    const config = configOf(ids.map((id) => member(id, NOWHERE)))
    const planes = keys.map((key) => controlPlane(key, config))
    t.teardown(() => Promise.all(planes.map((plane) => plane.stop())))
    await Promise.all(planes.map((plane, i) => startIn(plane, config, ids[i]!)))
    await Promise.all(
      planes.map((plane, i) =>
        linkedTo(
          plane,
          ids.filter((_, j) => j !== i),
        ),
      ),
    )

    const [first, , third] = planes
    t.equal(first!.peers.hello(ids[2]!)?.apiUrl, `http://${ids[2]}`, 'the address book comes from hello')
    t.match(first!.peers.hello(ids[2]!)?.wire, {
      libp2p: 'libp2p 3.3.11',
      gossipsub: '@libp2p/gossipsub 17.1.1',
    })
    t.ok(ids.every((id) => first!.liveness.isAlive(id)))
    t.ok(first!.peers.list().every(({ linkState }) => linkState === 'linked'))

    third!.rpc.handle('votes', async (from, request) => ({ from, request }))
    const answer = await first!.rpc.request(ids[2]!, 'votes', [1], { timeoutMs: TIMEOUT_MS })
    t.same(answer, { from: ids[0], request: [1] })

    const heard = new Promise((resolve) => third!.hints.onHint((hint, from) => resolve({ hint, from })))
    const hint = {
      kind: 'changed',
      key: 'image/1',
      ballot: { counter: 3, nonce: '0123456789abcdef' },
    } as const
    // Publishing again is how the daemon lives with a topic that is not known everywhere yet.
    const again = setInterval(() => first!.hints.publish(hint), 20)
    t.same(await heard, { hint, from: ids[0] })
    clearInterval(again)
  },
)

t.test('a node that comes back with its key is linked again, with its new start nonce', async (t) => {
  const [a, b] = identities(2)
  const config = configOf([member(a!.id, NOWHERE), member(b!.id, NOWHERE)])
  const stays = controlPlane(a!, config)
  const leaves = controlPlane(b!, config)
  t.teardown(() => stays.stop())
  await Promise.all([startIn(stays, config, a!.id), startIn(leaves, config, b!.id)])
  await Promise.all([linkedTo(stays, [b!.id]), linkedTo(leaves, [a!.id])])

  const lost = once(stays, 'lost')
  const suspect = once(stays.liveness, 'suspect')
  await leaves.stop()
  t.same(await lost, [b!.id])
  await suspect
  t.notOk(stays.liveness.isAlive(b!.id), 'a broken link makes a suspect at once')

  const reborn = identityFromKey(b!.privateKey, systemRandom)
  const returns = controlPlane(reborn, config)
  t.teardown(() => returns.stop())
  await startIn(returns, config, b!.id)
  await linkedTo(stays, [b!.id])
  t.equal(stays.peers.hello(b!.id)?.startNonce, reborn.startNonce)
  t.ok(stays.liveness.isAlive(b!.id))
})

t.test('the higher id dials when the lower one does not know where it is', async (t) => {
  const [a, b] = identities(2)
  const lowConfig = configOf([member(a!.id, NOWHERE), member(b!.id, NOWHERE)])
  const low = controlPlane(a!, lowConfig)
  await low.start()
  const highConfig = configOf([
    member(a!.id, `localhost:${low.address.split(':')[1]}`),
    member(b!.id, NOWHERE),
  ])
  const high = controlPlane(b!, highConfig, { fallbackDelayMs: 50 })
  t.teardown(() => Promise.all([low.stop(), high.stop()]))
  await high.start()
  await linkedTo(low, [b!.id])
  t.equal(low.peers.linkTo(b!.id)?.dialled, false)
})

t.test('two nodes that dial each other at once end up with one link', async (t) => {
  const [a, b] = identities(2)
  const config = configOf([member(a!.id, NOWHERE), member(b!.id, NOWHERE)])
  const planes = [a!, b!].map((key) => controlPlane(key, config, { fallbackDelayMs: 0 }))
  t.teardown(() => Promise.all(planes.map((plane) => plane.stop())))
  await Promise.all([startIn(planes[0]!, config, a!.id), startIn(planes[1]!, config, b!.id)])
  await Promise.all([linkedTo(planes[0]!, [b!.id]), linkedTo(planes[1]!, [a!.id])])
  planes[1]!.rpc.handle('votes', async () => 'yes')
  const settled = async () => {
    for (;;) {
      const answer = await planes[0]!.rpc
        .request(b!.id, 'votes', null, { timeoutMs: TIMEOUT_MS })
        .catch(() => 'no')
      if (answer === 'yes') return
      await linkedTo(planes[0]!, [b!.id])
    }
  }
  await settled()
  t.ok(planes[0]!.liveness.isAlive(b!.id))

  const heard = [false, false]
  planes.forEach((plane, i) => plane.hints.onHint(() => (heard[i] = true)))
  await until(() => {
    for (const plane of planes) plane.hints.publish({ kind: 'changed', key: 'image/1' })
    return heard.every(Boolean)
  })
  t.pass('gossip has followed the link that stayed, both ways')
})

t.test('a peer of another cluster is refused: both sides say why, once', async (t) => {
  const [a, b] = identities(2)
  const lines: string[] = []
  const log: Log = { ...silentLog, error: (_fields, message) => void lines.push(message) }
  const oursConfig = configOf([member(a!.id, NOWHERE), member(b!.id, NOWHERE)], 'a'.repeat(32))
  const theirsConfig = configOf([member(a!.id, NOWHERE), member(b!.id, NOWHERE)], 'b'.repeat(32))
  const ours = controlPlane(a!, oursConfig, {}, log)
  const theirs = controlPlane(b!, theirsConfig, { fallbackDelayMs: NEVER_MS })
  t.teardown(() => Promise.all([ours.stop(), theirs.stop()]))
  await theirs.start()
  oursConfig.nodes[1]!.address = theirs.address
  await ours.start()
  await until(() => (ours.refusals()[0]?.count ?? 0) >= 2)

  t.match(ours.refusals()[0], { peer: b!.id, code: 'FOREIGN_CLUSTER' })
  t.match(
    ours.refusals()[0]!.message,
    `belongs to cluster ${'b'.repeat(32)}, this node to cluster ${'a'.repeat(32)}`,
  )
  t.match(theirs.refusals()[0], { peer: a!.id, code: 'FOREIGN_CLUSTER' })
  t.equal(lines.length, 1, 'two refusals, one line in the log')
  t.equal(ours.peers.linkTo(b!.id), null)
})

t.test('a peer whose gossip cannot talk to ours is refused with both versions', async (t) => {
  const [a, b] = identities(2)
  const config = configOf([member(a!.id, NOWHERE), member(b!.id, NOWHERE)])
  const wire = { libp2p: 'libp2p 9.0.0', gossipsub: 'other-gossip 1.0.0', gossipProtocols: ['/other/1'] }
  const ours = controlPlane(a!, config)
  const theirs = controlPlane(b!, config, { wire, fallbackDelayMs: NEVER_MS })
  t.teardown(() => Promise.all([ours.stop(), theirs.stop()]))
  await startIn(theirs, config, b!.id)
  await ours.start()
  await until(() => ours.refusals().length > 0)
  const { code, message } = ours.refusals()[0]!
  t.equal(code, 'INCOMPATIBLE_PEER')
  t.match(message, 'libp2p 9.0.0 with other-gossip 1.0.0 (/other/1)')
  t.match(message, 'libp2p 3.3.11 with @libp2p/gossipsub 17.1.1')
})

t.test('a second process with the same key is refused while the first one answers', async (t) => {
  const [a, b] = identities(2)
  const config = configOf([member(a!.id, NOWHERE), member(b!.id, NOWHERE)])
  const watcher = controlPlane(a!, config, { fallbackDelayMs: NEVER_MS })
  const original = controlPlane(b!, config)
  t.teardown(() => Promise.all([watcher.stop(), original.stop(), clone.stop()]))
  await Promise.all([startIn(watcher, config, a!.id), startIn(original, config, b!.id)])
  await linkedTo(watcher, [b!.id])
  const clone = controlPlane(identityFromKey(b!.privateKey, systemRandom), config, { fallbackDelayMs: 0 })
  await clone.start()
  await until(() => clone.refusals().length > 0)
  t.equal(clone.refusals()[0]!.code, 'DUPLICATE_IDENTITY')
  t.match(watcher.refusals()[0], { peer: b!.id, code: 'DUPLICATE_IDENTITY' })
  t.equal(watcher.peers.hello(b!.id)?.startNonce, b!.startNonce, 'the first one keeps its link')
})

t.test('a node that leaves the config loses its link', async (t) => {
  const [a, b] = identities(2)
  const config = configOf([member(a!.id, NOWHERE), member(b!.id, NOWHERE)])
  const planes = [a!, b!].map((key) => controlPlane(key, config))
  t.teardown(() => Promise.all(planes.map((plane) => plane.stop())))
  await Promise.all([startIn(planes[0]!, config, a!.id), startIn(planes[1]!, config, b!.id)])
  await linkedTo(planes[0]!, [b!.id])
  const lost = once(planes[0]!, 'lost')
  config.nodes.pop()
  t.same(await lost, [b!.id])
  t.same(planes[0]!.peers.list(), [])
})

t.test('an unknown member is suspect, and asking it fails at once', async (t) => {
  const [a, b] = [createIdentity(systemRandom), createIdentity(systemRandom)]
  const config = configOf([member(a.id, NOWHERE), member(b.id, NOWHERE)])
  const plane = controlPlane(a, config)
  t.teardown(() => plane.stop())
  await plane.start()
  t.equal(plane.liveness.view(b.id).state, 'suspect')
  t.ok(plane.liveness.isAlive(a.id), 'this node itself is always alive')
  await t.rejects(plane.rpc.request(b.id, 'votes', null, { timeoutMs: TIMEOUT_MS }), {
    code: 'PEER_UNREACHABLE',
  })
})
