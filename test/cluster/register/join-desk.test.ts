import t from 'tap'
import { mintSecret, secretHash } from '../../../cluster/membership/invite-token.ts'
import type { MemberNode } from '../../../cluster/membership/cluster-config.ts'
import {
  ADD_INVITE,
  configOperations,
  REDEEM_INVITE,
  INVITES_MAX,
  REMOVE_NODE,
  REVOKE_INVITE,
} from '../../../cluster/register/config-operations.ts'
import type { RecordState } from '../../../cluster/register/operations.ts'
import { CurrentConfig } from '../../../cluster/register/current-config.ts'
import { CONFIG_KEY } from '../../../cluster/register/config-register.ts'
import { JoinDesk } from '../../../cluster/register/join-desk.ts'
import { valueDigest } from '../../../cluster/register/register-value.ts'
import { type Log, silentLog, systemRandom } from '../../../cluster/runtime.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'
import { MemoryNetwork } from '../../helpers/memory-network.ts'
import { MemoryRegisterDisk, MemoryRegisterStorage } from '../../helpers/memory-register-storage.ts'
import { ballotOf, bytesOf, configOf } from './register-fixture.ts'

const secret = mintSecret(systemRandom)
const request = { secret, role: 'storage', address: '10.0.0.9:9293', zone: null, weight: 1 }

async function deskOf(log: Log = silentLog) {
  const clock = new ManualClock()
  const invite = { secretHash: secretHash(secret), expiresAtMs: clock.wallMs() + 1000, usedBy: null }
  const value = bytesOf(configOf(['a'], { invites: [invite] }))
  const storage = new MemoryRegisterStorage(new MemoryRegisterDisk('disk'))
  await storage.learn(CONFIG_KEY, { ballot: ballotOf(1), value, digest: valueDigest(value), settled: true })
  const redeemed: [string, MemberNode][] = []
  const network = new MemoryNetwork()
  const membership = {
    redeemInvite: async (hash: string, member: MemberNode) => void redeemed.push([hash, member]),
  }
  const config = new CurrentConfig(storage, configOf(['a']))
  const desk = new JoinDesk({ rpc: network.join('a'), clock, log, config, membership })
  const ask = (body: unknown) => network.join('x').request('a', 'admission', body, { timeoutMs: 1000 })
  return { desk, clock, ask, redeemed }
}

t.test('who shows the secret becomes a member and gets the config', async (t) => {
  const { ask, redeemed, desk } = await deskOf()
  t.match(await ask(request), { settled: true, digest: /^[0-9a-f]{32}$/ })
  const { secret: _, ...rest } = request
  t.strictSame(redeemed, [[secretHash(secret), { id: 'x', ...rest }]])
  t.equal(desk.refused, 0)
})

t.test('a wrong secret is refused with a sentence, counted, and asks no voter', async (t) => {
  const { ask, redeemed, desk } = await deskOf()
  await t.rejects(ask({ ...request, secret: mintSecret(systemRandom) }), {
    code: 'MEMBERSHIP_REFUSED',
    message: /unknown, was used already, or has expired: ask for a new one/,
  })
  t.strictSame(redeemed, [])
  t.equal(desk.refused, 1)
})

t.test('too many wrong secrets close the desk for a minute', async (t) => {
  const { ask, clock } = await deskOf()
  const wrong = { ...request, secret: mintSecret(systemRandom) }
  for (let i = 0; i < 20; i++) await t.rejects(ask(wrong), { code: 'MEMBERSHIP_REFUSED' })
  await t.rejects(ask(request), { code: 'PEER_BUSY', message: /wait a minute/ })
  await clock.advance(60_000)
  t.match(await ask(request), { settled: true })
})

t.test('malformed requests are refused', async (t) => {
  const { ask } = await deskOf()
  const wrong = [
    null,
    { ...request, secret: 'text' },
    { ...request, role: 'voter' },
    { ...request, address: 'nowhere' },
    { ...request, zone: '' },
    { ...request, weight: 0 },
    { ...request, weight: 1e9 },
  ]
  for (const body of wrong) await t.rejects(ask(body), { code: 'BAD_FRAME' })
})

t.test('no secret ever reaches the log', async (t) => {
  const lines: string[] = []
  const write = (...parts: unknown[]) => void lines.push(JSON.stringify(parts))
  const { ask } = await deskOf({ debug: write, info: write, warn: write, error: write })
  await ask(request)
  await t.rejects(ask({ ...request, secret: mintSecret(systemRandom) }))
  t.ok(lines.length >= 2)
  const forms = [
    Buffer.from(secret).toString('hex'),
    Buffer.from(secret).toString('base64url'),
    JSON.stringify(secret),
  ]
  for (const form of forms) t.notOk(lines.some((line) => line.includes(form)))
})

t.test('an invite serves one node, which may show it again after a crash', async (t) => {
  const apply = (state: RecordState, name: string, args: unknown) => {
    const decision = configOperations[name]!(state, args)
    return decision.kind === 'write' ? decision.next : decision
  }
  const founded: RecordState = { live: true, record: configOf(['a']) }
  const member = (id: string) => ({ id, address: 'h:1', role: 'storage', zone: null, weight: 1 })
  const invite = { secretHash: 'h', expiresAtMs: 1000, usedBy: null }
  const open = apply(founded, ADD_INVITE, { invite, nowMs: 1 }) as RecordState
  const redeem = (state: RecordState, id: string, nowMs: number) =>
    apply(state, REDEEM_INVITE, { secretHash: 'h', member: member(id), nowMs })
  t.match(redeem(open, 'x', 1000), { kind: 'refuse' }, 'expired')
  const joined = redeem(open, 'x', 10) as RecordState
  t.match(joined, { record: { epoch: 3, nodes: [{ id: 'a' }, { id: 'x' }] } })
  t.match(redeem(joined, 'x', 11), { kind: 'keep' }, 'the same node once more')
  t.match(redeem(joined, 'y', 11), { kind: 'refuse', refusal: { message: /used already/ } })
  const removed = apply(joined, REMOVE_NODE, { node: 'x' }) as RecordState
  t.match(removed, { record: { removed: ['x'], nodes: { length: 1 } } })
  t.match(redeem(removed, 'x', 12), { kind: 'refuse' }, 'a removed node needs a new one')
  const revoked = apply(open, REVOKE_INVITE, { id: 'h' }) as RecordState
  t.match(redeem(revoked, 'x', 10), { refusal: { message: /an operator has revoked this invite/ } })
  t.match(apply(revoked, REVOKE_INVITE, { id: 'h' }), { kind: 'keep' })
  t.match(apply(joined, REVOKE_INVITE, { id: 'h' }), {
    refusal: { message: /^node x has joined by invite h/ },
  })
  t.match(apply(open, REVOKE_INVITE, { id: 'x' }), { refusal: { message: /^there is no invite x/ } })
})

t.test('there is room for new invites in place of those that were revoked', async (t) => {
  const invites = Array.from({ length: INVITES_MAX }, (_, index) => ({
    ...{ secretHash: `${index}`, expiresAtMs: 1000, usedBy: index === 0 ? 'revoked' : null },
  }))
  const full: RecordState = { live: true, record: configOf(['a'], { invites }) }
  const add = (state: RecordState, secretHash: string) =>
    configOperations[ADD_INVITE]!(state, {
      invite: { secretHash, expiresAtMs: 1000, usedBy: null },
      nowMs: 1,
    })
  const one = add(full, 'x')
  t.match(one, { kind: 'write', next: { record: { invites: { length: INVITES_MAX } } } })
  t.match(add((one as { next: RecordState }).next, 'y'), { refusal: { message: /or revoke one$/ } })
})
