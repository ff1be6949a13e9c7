/** The desk and its visitors over real swarms on loopback; a hash table of its own for each test. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import type { ClusterConfig, Invite } from '../../../cluster/membership/cluster-config.ts'
import { findCluster } from '../../../cluster/membership/find-cluster.ts'
import { type InviteToken, mintSecret, secretHash } from '../../../cluster/membership/invite-token.ts'
import { RendezvousDesk } from '../../../cluster/membership/rendezvous-desk.ts'
import {
  decodeAnswer,
  encodeAnswer,
  encodeKnock,
  inviteOfKnock,
  type RendezvousAnswer,
  topicOf,
} from '../../../cluster/membership/rendezvous-messages.ts'
import { openHyperswarm } from '../../../cluster/network/hyperswarm.ts'
import type { SwarmChannel, SwarmOptions } from '../../../cluster/network/swarm-port.ts'
import { silentLog, systemClock as clock, systemRandom } from '../../../cluster/runtime.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'
import { configOf } from '../register/register-fixture.ts'

const HOUR_MS = 3_600_000
/** Nothing is to be found: how long that is waited for. */
const IN_VAIN_MS = 1500

const secret = mintSecret(systemRandom)
const hash = secretHash(secret)
const CLUSTER = configOf(['a', 'b', 'c'])
for (const [index, node] of CLUSTER.nodes.entries()) node.address = `10.0.0.${index + 1}:9293`
const HOSTS = CLUSTER.nodes.map(({ id, address }) => ({ id, address }))

function inviteOf(changes: Partial<Invite> = {}): Invite {
  return { secretHash: hash, expiresAtMs: Date.now() + HOUR_MS, usedBy: null, ...changes }
}

function tokenOf(changes: Partial<InviteToken> = {}): InviteToken {
  const { clusterId } = CLUSTER
  return { clusterId, hosts: [], rendezvous: ['x:1'], secret, expiresAtMs: Date.now() + HOUR_MS, ...changes }
}

async function freeUdpAddress(): Promise<string> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  return `127.0.0.1:${port}`
}

async function deskOf(t: Test, invites: Invite[]) {
  const listen = await freeUdpAddress()
  let current: ClusterConfig = { ...CLUSTER, invites }
  let changed = () => {}
  const config = { current: () => current, onChanged: (listener: () => void) => void (changed = listener) }
  const desk = new RendezvousDesk(
    { clock, log: silentLog, config, openSwarm: openHyperswarm },
    { bootstrap: [listen], listen },
  )
  await desk.start()
  t.teardown(() => desk.stop())
  const change = (next: Invite[]) => {
    current = { ...current, invites: next }
    changed()
  }
  const find = (token = tokenOf(), self = 'x') =>
    findCluster({ self, clock, openSwarm: openHyperswarm }, token, {
      bootstrap: [listen],
      bindHost: '127.0.0.1',
      limitMs: IN_VAIN_MS * 4,
    })
  return { desk, find, change, listen }
}

/** What everybody can have who saw the topic. */
async function channelTo(listen: string) {
  const channels: SwarmChannel[] = []
  const swarm = await openHyperswarm({
    ...{ bootstrap: [listen], listen: '127.0.0.1:0', isGuide: false },
    onChannel: (channel) => void channels.push(channel),
  })
  // The desk may be about to announce it.
  while (!channels[0]) await swarm.seek(topicOf(hash))
  return { channel: channels[0], close: () => swarm.close() }
}

t.test('who has an invite finds the voters, and nobody needs to know an address of theirs', async (t) => {
  const { desk, find } = await deskOf(t, [inviteOf({ secretHash: 'e'.repeat(64) }), inviteOf()])
  t.strictSame(await find(), HOSTS)
  t.strictSame(desk.counts, { guided: 1, turnedAway: 0 })
})

t.test('an invite that is made later is announced, however long the other one looks already', async (t) => {
  const { find, change } = await deskOf(t, [])
  const looking = find()
  await new Promise((resolve) => setTimeout(resolve, 100))
  change([inviteOf()])
  t.strictSame(await looking, HOSTS)
})

t.test('stolen, revoked, expired, of another cluster: each is refused with its reason', async (t) => {
  const { find, change } = await deskOf(t, [inviteOf({ usedBy: 'thief' })])
  await t.rejects(find(), {
    code: 'MEMBERSHIP_REFUSED',
    message: /^node thief has joined by this invite already; .* ask for a new one/,
  })
  t.strictSame(await find(tokenOf(), 'thief'), HOSTS, 'whose join was cut off may go on')
  change([inviteOf({ usedBy: 'revoked' })])
  await t.rejects(find(), {
    code: 'MEMBERSHIP_REFUSED',
    message: /^an operator has revoked this invite: ask/,
  })
  change([inviteOf({ expiresAtMs: Date.now() - 1000 })])
  await t.rejects(find(), { code: 'MEMBERSHIP_REFUSED', message: /^this invite was valid until 20.*: ask/ })
  change([inviteOf()])
  await t.rejects(find(tokenOf({ clusterId: 'other' })), {
    code: 'MEMBERSHIP_REFUSED',
    message: /belong to cluster \w+, the invite to other: ask for a new invite/,
  })
})

t.test('somebody in the middle of the hash table learns nothing and can tell nothing', async (t) => {
  const { desk, listen } = await deskOf(t, [inviteOf()])
  const middle = await freeUdpAddress()
  const heard: Uint8Array[] = []
  // It carries every message between the node that looks for the cluster and a real member.
  const { channel: member, close } = await channelTo(listen)
  const carry = async (from: SwarmChannel, to: SwarmChannel) => {
    for (;;) {
      const message = await from.receive(IN_VAIN_MS)
      heard.push(message)
      to.send(message)
    }
  }
  const towardsJoiner = await openHyperswarm({
    ...{ bootstrap: [middle], listen: middle, isGuide: true },
    onChannel: (channel) => {
      carry(channel, member).catch(() => {})
      carry(member, channel).catch(() => {})
    },
  })
  t.teardown(() => Promise.all([close(), towardsJoiner.close()]))
  towardsJoiner.announce([topicOf(hash)])
  const looking = findCluster({ self: 'x', clock, openSwarm: openHyperswarm }, tokenOf(), {
    bootstrap: [middle],
    bindHost: '127.0.0.1',
    limitMs: IN_VAIN_MS,
  })
  await t.rejects(looking, { code: 'PEER_UNREACHABLE', message: /no node of the cluster was found/ })
  t.equal(heard.length, 1, 'the knock of the joiner, and no answer')
  t.strictSame(desk.counts, { guided: 0, turnedAway: 1 })
})

t.test('a stranger who talks much, or nonsense, is cut off, and others are served', async (t) => {
  const { desk, find, listen } = await deskOf(t, [inviteOf()])
  for (const message of [
    new Uint8Array(1024 * 1024),
    new Uint8Array(20),
    encodeKnock('f'.repeat(64), new Uint8Array(64)),
  ]) {
    const { channel, close } = await channelTo(listen)
    channel.send(message)
    await t.rejects(channel.receive(5000), { message: /hung up/ })
    await close()
  }
  t.strictSame(desk.counts, { guided: 0, turnedAway: 3 })
  t.strictSame(await find(), HOSTS)
})

t.test(
  'strangers at once are few, none while there are no invites; long expired ones are not announced',
  async (t) => {
    const manual = new ManualClock()
    let options: SwarmOptions | undefined
    let announced: readonly Uint8Array[] = []
    const current: ClusterConfig = { ...CLUSTER, invites: [] }
    const desk = new RendezvousDesk(
      {
        clock: manual,
        log: silentLog,
        config: { current: () => current, onChanged: () => {} },
        openSwarm: async (asked) => {
          options = asked
          return {
            announce: (topics) => void (announced = topics),
            seek: async () => {},
            close: async () => {},
          }
        },
      },
      { bootstrap: ['h:1'], listen: 'h:1' },
    )
    await desk.start()
    t.equal(options!.mayConnect!(), false)
    current.invites = [inviteOf({ expiresAtMs: manual.wallMs() + 60_000 })]
    t.equal(options!.mayConnect!(), true)
    let closed = 0
    const silent = () => ({
      binding: new Uint8Array(64),
      send: () => t.fail('nothing is sent to a stranger'),
      receive: () => new Promise<Uint8Array>(() => {}),
      close: () => void closed++,
    })
    for (let count = 0; count < 20; count++) options!.onChannel(silent())
    t.equal(options!.mayConnect!(), false)
    t.equal(closed, 4)
    await manual.advance(30_000)
    t.equal(announced.length, 1)
    await manual.advance(700_000)
    t.equal(announced.length, 0)
    await desk.stop()
    t.equal(manual.pending, 0)
  },
)

t.test('a proof is of one side, one connection and one invite', async (t) => {
  const binding = new Uint8Array(64).fill(1)
  const other = new Uint8Array(64).fill(2)
  const invites = [{ secretHash: hash }]
  t.equal(inviteOfKnock(encodeKnock(hash, binding), binding, invites), invites[0])
  t.equal(inviteOfKnock(encodeKnock(hash, other), binding, invites), undefined)
  t.equal(inviteOfKnock(encodeKnock('f'.repeat(64), binding), binding, invites), undefined)
  const answer: RendezvousAnswer = { clusterId: 'c', hosts: HOSTS, state: 'open', usedBy: null }
  const said = encodeAnswer(answer, hash, binding)
  t.equal(inviteOfKnock(said, binding, invites), undefined)
  t.strictSame(decodeAnswer(said, hash, binding), answer)
  t.equal(decodeAnswer(said, hash, other), null)
  t.equal(decodeAnswer(encodeKnock(hash, binding), hash, binding), null)
  for (let at = 0; at < said.length; at++) {
    const bent = Uint8Array.from(said)
    bent[at]! ^= 1
    t.equal(decodeAnswer(bent, hash, binding), null, `byte ${at}`)
  }
  const wrong = { ...answer, hosts: [{ id: 'a', address: 'nowhere' }] }
  t.equal(decodeAnswer(encodeAnswer(wrong, hash, binding), hash, binding), null)
  t.notMatch(topicOf(hash).toString('hex'), hash)
})

t.test('where nobody answers, or the port is taken, that is said', async (t) => {
  const nowhere = await freeUdpAddress()
  const find = (token: InviteToken) =>
    findCluster({ self: 'x', clock, openSwarm: openHyperswarm }, token, {
      bootstrap: [nowhere],
      bindHost: '127.0.0.1',
      limitMs: IN_VAIN_MS,
    })
  const [open, expired] = await Promise.allSettled([find(tokenOf()), find(tokenOf({ expiresAtMs: 1 }))])
  t.match(open, { reason: { message: /see that its nodes run with rendezvous_bootstrap/ } })
  t.match(expired, { reason: { message: /was valid until 1970-.*ask for a new one/ } })
  const { listen } = await deskOf(t, [])
  const taken = openHyperswarm({ bootstrap: [listen], listen, isGuide: true, onChannel: () => {} })
  await t.rejects(taken, { message: /cannot listen for the rendezvous \(UDP\): bind EADDRINUSE/ })
})
