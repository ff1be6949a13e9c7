import { once } from 'node:events'
import { connect } from 'node:net'
import t, { type Test } from 'tap'
import { gossipService } from '../../../cluster/gossip/gossipsub.ts'
import { encodeFrame } from '../../../cluster/network/framing.ts'
import { Host } from '../../../cluster/network/host.ts'
import { MESSAGE_BYTES_MAX, PROTOCOLS } from '../../../cluster/network/protocols.ts'
import { silentLog } from '../../../cluster/runtime.ts'
import { bareNode, type BareNode, identities } from '../../helpers/control-nodes.ts'
import { until } from '../../helpers/until.ts'

const options = { timeoutMs: 20_000 }

async function trio(t: Test): Promise<{ node: BareNode; friend: BareNode; stranger: BareNode }> {
  const [a, b, c] = identities(3)
  const all = [a!.id, b!.id, c!.id]
  const [node, friend, stranger] = await Promise.all([
    bareNode(a!, () => [a!.id, b!.id]),
    bareNode(b!, () => all),
    bareNode(c!, () => all),
  ])
  t.teardown(() => Promise.all([node, friend, stranger].map(({ host }) => host.stop())))
  node.rpc.handle('votes', async () => 'served')
  return { node, friend, stranger }
}

async function stillServes(t: Test, node: BareNode, friend: BareNode): Promise<void> {
  await friend.host.dial(node.host.id, node.host.address)
  t.equal(await friend.rpc.request(node.host.id, 'votes', null, options), 'served', 'the node serves on')
}

t.test('a key that is not in the allow-list gets nothing on any protocol', async (t) => {
  const { node, friend, stranger } = await trio(t)
  const ids = [
    ...Object.values(PROTOCOLS).map(({ id }) => id),
    '/ipfs/id/1.0.0',
    '/meshsub/1.2.0',
    '/ipfs/ping/1.0.0',
  ]
  for (const id of ids) {
    // The dial itself may look fine: the node hangs up after the handshake.
    const stream = stranger.host.dial(node.host.id, node.host.address).then((link) => link.openStream(id))
    await t.rejects(stream, { code: 'PEER_UNREACHABLE' }, id)
  }
  t.same(node.host.links, [])
  await stillServes(t, node, friend)
})

t.test('the node does not dial a stranger either', async (t) => {
  const { node, stranger } = await trio(t)
  await t.rejects(node.host.dial(stranger.host.id, stranger.host.address), { code: 'PEER_UNREACHABLE' })
})

t.test('another key at the right address is refused', async (t) => {
  const { node, friend, stranger } = await trio(t)
  await t.rejects(friend.host.dial(node.host.id, stranger.host.address), { code: 'PEER_UNREACHABLE' })
  t.same(friend.host.links, [])
})

t.test('the allow-list is read at each handshake', async (t) => {
  const [a, b] = identities(2)
  let allowed = [a!.id]
  const [node, peer] = await Promise.all([bareNode(a!, () => allowed), bareNode(b!, () => [a!.id])])
  t.teardown(() => Promise.all([node.host.stop(), peer.host.stop()]))
  node.rpc.handle('votes', async () => 'served')
  const ask = async () => {
    await peer.host.dial(a!.id, node.host.address)
    return peer.rpc.request(a!.id, 'votes', null, options)
  }
  await t.rejects(ask(), { code: 'PEER_UNREACHABLE' })
  await until(() => peer.host.links.length === 0)
  allowed = [a!.id, b!.id]
  t.equal(await ask(), 'served')
})

t.test('raw TCP clients that talk nonsense, or not at all, disturb nobody', async (t) => {
  const { node, friend } = await trio(t)
  const port = Number(node.host.address.split(':')[1])
  const silent = Array.from({ length: 20 }, () => connect(port, '127.0.0.1'))
  await Promise.all(silent.map((socket) => once(socket, 'connect')))
  const noisy = connect(port, '127.0.0.1')
  noisy.on('error', () => {})
  noisy.resume().end(Buffer.alloc(70_000, 'GET / HTTP/1.1\r\n'))
  await new Promise((resolve) => noisy.once('close', resolve))
  await stillServes(t, node, friend)
  for (const socket of silent) socket.destroy()
})

t.test('an allowed peer that sends garbage on a stream loses that stream only', async (t) => {
  const { node, friend } = await trio(t)
  const link = await friend.host.dial(node.host.id, node.host.address)
  const tooLong = Buffer.from('ffffffff', 'hex')
  const notCbor = encodeFrame({ id: 1, last: true, part: Buffer.from('1f1f', 'hex') })
  const sent = await link.openStream(PROTOCOLS.votes.id)
  const reset = once(sent, 'close')
  sent.send(tooLong)
  await reset
  t.not(sent.status, 'open', 'an impossible length ends the stream')

  const asked = await link.openStream(PROTOCOLS.votes.id)
  const answered = once(asked, 'message')
  asked.send(notCbor)
  await answered
  t.equal(asked.status, 'open', 'a message that is no request is answered as such')
  asked.abort(new Error('done'))
  t.ok(link.open)
  await stillServes(t, node, friend)
})

t.test('an answer that is garbage fails the request with BAD_FRAME', async (t) => {
  const { node, friend } = await trio(t)
  friend.host.serve(PROTOCOLS.status.id, 2, (_link, stream) => {
    stream.addEventListener('message', () => {
      stream.send(encodeFrame({ id: 1, last: true, part: Buffer.from('not cbor') }))
    })
  })
  const accepted = once(node.host, 'open')
  await friend.host.dial(node.host.id, node.host.address)
  await accepted
  await t.rejects(node.rpc.request(friend.host.id, 'status', null, options), { code: 'BAD_FRAME' })
})

t.test('a peer that streams parts without end is reset', async (t) => {
  const { node, friend } = await trio(t)
  const link = await friend.host.dial(node.host.id, node.host.address)
  const stream = await link.openStream(PROTOCOLS.votes.id)
  let isOpen = true
  stream.addEventListener('close', () => (isOpen = false))
  const part = new Uint8Array(200_000)
  const count = Math.ceil((2 * MESSAGE_BYTES_MAX) / part.length)
  for (let i = 0; i < count; i++) stream.send(encodeFrame({ id: 1, last: false, part }))
  await until(() => !isOpen)
  await stillServes(t, node, friend)
})

t.test('gossip of a stranger reaches nobody', async (t) => {
  const [a, b] = identities(2)
  const gossip = gossipService()
  const init = { listen: '127.0.0.1:0', gossip }
  const host = new Host({ identity: a!, log: silentLog }, { ...init, isAllowed: () => false })
  const stranger = new Host({ identity: b!, log: silentLog }, { ...init, isAllowed: () => true })
  t.teardown(() => Promise.all([host.stop(), stranger.stop()]))
  await Promise.all([host.start(), stranger.start()])
  host.gossip!.subscribe('topic')
  host.gossip!.addEventListener('message', () => t.fail('heard a stranger'))
  const link = await stranger.dial(host.id, host.address).catch(() => null)
  if (link) await t.rejects(stranger.admitToGossip(link).then(() => link.openStream('/meshsub/1.2.0')))
  await stranger.gossip!.publish('topic', new Uint8Array([1]))
  t.same(host.gossip!.getPeers(), [])
})
