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

t.test('an invite names the voters; only its hash is kept', async (t) => {
  const kept: [string, number][] = []
  const { admin, clock, noted } = adminOf({ addInvite: async (...invite) => void kept.push(invite) })
  const { token } = await admin.invite(60_000)
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

t.test('who is no member cannot be changed', async (t) => {
  const { admin } = adminOf({})
  await t.rejects(admin.changeNode('x', {}), { code: 'NOT_FOUND' })
  t.match(admin.nodes(), { nodes: { length: 3 }, invites: { open: 0, refusedJoins: 3 } })
})
