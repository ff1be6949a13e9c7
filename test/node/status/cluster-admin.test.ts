import t from 'tap'
import { decodeInvite } from '../../../cluster/membership/invite-token.ts'
import { CurrentConfig } from '../../../cluster/register/current-config.ts'
import { silentLog, systemRandom } from '../../../cluster/runtime.ts'
import { ClusterAdmin, type ClusterAdminComponents } from '../../../node/status/cluster-admin.ts'
import type { EventNote } from '../../../node/status/event-log.ts'
import { configOf } from '../../cluster/register/register-fixture.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'
import { MemoryRegisterDisk, MemoryRegisterStorage } from '../../helpers/memory-register-storage.ts'

const plan = { epoch: 1, from: ['a'], to: ['a'], joining: [], leaving: [], registers: 0, warnings: [] }

function adminOf(membership: Partial<ClusterAdminComponents['membership']>) {
  const clock = new ManualClock()
  const noted: EventNote[] = []
  const config = configOf(['a', 'b', 'c'])
  for (const node of config.nodes) node.address = '10.0.0.1:9293'
  const storage = new MemoryRegisterStorage(new MemoryRegisterDisk('disk'))
  const admin = new ClusterAdmin({
    self: 'a',
    clock,
    random: systemRandom,
    log: silentLog,
    events: { note: (note) => void noted.push(note) },
    config: new CurrentConfig(storage, config),
    membership: { plan: () => plan, ...membership } as ClusterAdminComponents['membership'],
    rendezvous: ['10.0.0.1:9296'],
    stateOf: () => 'alive',
    refusedJoins: () => 3,
  })
  return { admin, clock, config, noted }
}

t.test('a change is said to run only once it has begun', async (t) => {
  const { admin, clock, config } = adminOf({ setVoters: () => new Promise(() => {}) })
  let state: string | null = null
  void admin.setVoters(['a']).then((change) => (state = change.state))
  await clock.advance(5000)
  t.equal(state, null)
  config.joint = ['a']
  await clock.advance(1000)
  t.equal(state, 'running')
})

t.test('a change that is over at once, and one that does not begin', async (t) => {
  t.match(await adminOf({ setVoters: async () => {} }).admin.setVoters(['a']), { state: 'done' })
  const refusing = adminOf({ setVoters: () => Promise.reject(new Error('no')) })
  await t.rejects(refusing.admin.setVoters(['a']), { message: 'no' })
})

t.test('an invite names the voters or the rendezvous; only its hash is kept', async (t) => {
  const kept: [string, number][] = []
  const { admin, clock, noted } = adminOf({ addInvite: async (...invite) => void kept.push(invite) })
  const found = decodeInvite((await admin.invite({ validMs: 60_000, byAddresses: false })).token)
  t.match(found, { hosts: { length: 0 }, rendezvous: ['10.0.0.1:9296'] })
  kept.length = 0
  const { id, token } = await admin.invite({ validMs: 60_000, byAddresses: true })
  t.ok(id.length >= 8 && kept[0]?.[0].startsWith(id))
  t.match(noted, [{ kind: 'INVITE_MADE', who: 'a' }])
  t.notMatch(noted[0]?.text, token)
  const { secret, hosts, expiresAtMs } = decodeInvite(token)
  t.strictSame(kept[0]?.[1], clock.wallMs() + 60_000)
  t.equal(expiresAtMs, clock.wallMs() + 60_000)
  t.notMatch(kept[0]?.[0], Buffer.from(secret).toString('hex'))
  t.strictSame(
    hosts.map(({ id }) => id),
    ['a', 'b', 'c'],
  )
})

t.test('invites are listed until they expire, and revoked', async (t) => {
  const revoked: string[] = []
  const { admin, clock, config, noted } = adminOf({ revokeInvite: async (id) => void revoked.push(id) })
  const invite = (letter: string, afterMs: number, usedBy: string | null) => ({
    ...{ secretHash: letter.repeat(64), expiresAtMs: clock.wallMs() + afterMs, usedBy },
  })
  const [used, taken, gone] = [invite('b', 2, 'x'), invite('c', 3, 'revoked'), invite('d', 0, null)]
  config.invites = [taken, used, invite('a', 1, null), gone]
  t.match(admin.invites(), [
    { id: 'aaaaaaaa', state: 'open', usedBy: null, expiresAt: '2026-01-01T00:00:00.001Z' },
    { id: 'bbbbbbbb', state: 'used', usedBy: 'x' },
    { id: 'cccccccc', state: 'revoked', usedBy: null },
  ])
  t.equal(admin.invites().length, 3)
  t.match(admin.nodes(), { invites: { open: 1 } })
  await admin.revokeInvite('aaaaaaaa')
  t.strictSame(revoked, ['aaaaaaaa'])
  t.match(noted, [{ kind: 'INVITE_REVOKED', text: /aaaaaaaa/ }])
})

t.test('who is no member cannot be changed', async (t) => {
  const { admin } = adminOf({})
  await t.rejects(admin.changeNode('x', {}), { code: 'NOT_FOUND' })
  t.match(admin.nodes(), { nodes: { length: 3 }, invites: { open: 0, refusedJoins: 3 } })
})
