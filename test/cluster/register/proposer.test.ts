import t from 'tap'
import { ClusterError } from '../../../cluster/errors.ts'
import { coordinatorsOf } from '../../../cluster/register/key-order.ts'
import {
  decodeValue,
  RING_ENTRIES,
  VALUE_BYTES_MAX,
  valueDigest,
} from '../../../cluster/register/register-value.ts'
import type { AcceptRequest } from '../../../cluster/register/vote-messages.ts'
import { deferred } from '../../helpers/deferred.ts'
import { ManualClock, settled } from '../../helpers/manual-clock.ts'
import type { Sent } from '../../helpers/memory-network.ts'
import { ballotOf, bytesOf, callOf, configOf, KEY, since, VoterSet, wordsIn } from './register-fixture.ts'

const voters = () => new VoterSet(['a', 'b', 'c'])
const lost = () => new ClusterError('RPC_TIMEOUT', 'no answer in time')

/** Loses what `isLost` says; the request has no effect then. */
function lose(set: VoterSet, isLost: (sent: Sent) => boolean): void {
  set.network.beforeRequest = (sent) => {
    if (isLost(sent)) throw lost()
  }
}

function acceptedAt(set: VoterSet, id: string) {
  return set.disk(id).acceptors.get(KEY)?.accepted ?? null
}

t.test('an operation is chosen by a majority and told to everybody', async (t) => {
  const set = voters()
  const outcome = await set.proposer('a').execute(KEY, callOf('create', 'x'), null)
  t.strictSame(outcome.done && wordsIn(outcome.value), ['x'])
  const { version, ring } = decodeValue(acceptedAt(set, 'b')?.value as Uint8Array)
  t.equal(version, 1)
  t.match(ring, [{ version: 1, refusal: null }])
  t.equal(set.network.count('committed'), 2, 'everybody else is told')
})

t.test('a metadata write costs two rounds', async (t) => {
  const set = voters()
  await set.proposer('a').execute(KEY, callOf('create'), null)
  t.equal(set.network.count('prepare'), 3)
  t.equal(set.network.count('accept'), 3)
})

/** Whose turn it mostly is to propose for KEY. */
const [FIRST = ''] = coordinatorsOf(KEY, ['a', 'b', 'c'])
const [ANOTHER = ''] = ['a', 'b', 'c'].filter((id) => id !== FIRST)

/** How many were sent; forgets them. */
function prepares(set: VoterSet): number {
  const before = set.network.count('prepare')
  set.network.sent.length = 0
  return before
}

t.test(
  'from the second change on it costs one round, as the accept before has brought promises',
  async (t) => {
    const set = voters()
    const proposer = set.proposer(FIRST)
    await proposer.execute(KEY, callOf('create', 'x'), null)
    t.equal(prepares(set), 3)
    for (const word of ['y', 'z']) await proposer.execute(KEY, callOf('append', word), null)
    t.equal(prepares(set), 0)
    t.strictSame(wordsIn(acceptedAt(set, ANOTHER)?.value), ['x', 'y', 'z'])
    t.equal(decodeValue(acceptedAt(set, ANOTHER)?.value as Uint8Array).version, 3)
  },
)

t.test('a new key that its creator coordinates costs one round each time', async (t) => {
  const set = voters()
  const proposer = set.proposer(FIRST)
  await proposer.executeOnNewKey(KEY, callOf('create', 'x'))
  const outcome = await proposer.execute(KEY, callOf('append', 'y'), null)
  t.strictSame(outcome.done && wordsIn(outcome.value), ['x', 'y'])
  t.equal(prepares(set), 0)
})

t.test('who is not the first coordinator asks for no promises that others would run into', async (t) => {
  const set = voters()
  const proposer = set.proposer(ANOTHER)
  await proposer.execute(KEY, callOf('create', 'x'), null)
  await proposer.execute(KEY, callOf('append', 'y'), null)
  t.equal(prepares(set), 6)
})

t.test('promises that somebody else came between are of no use, and nothing of his is lost', async (t) => {
  const set = voters()
  const [proposer, other] = [set.proposer(FIRST), set.proposer(ANOTHER)]
  await proposer.execute(KEY, callOf('create', 'x'), null)
  await other.execute(KEY, callOf('append', 'y'), null)
  const outcome = await proposer.execute(KEY, callOf('append', 'z'), null)
  t.strictSame(outcome.done && wordsIn(outcome.value), ['x', 'y', 'z'])
})

t.test('a success without a change is never answered from what was there when they were given', async (t) => {
  const set = voters()
  const [proposer, other] = [set.proposer(FIRST), set.proposer(ANOTHER)]
  await proposer.execute(KEY, callOf('create', 'x'), null)
  await other.execute(KEY, callOf('append', 'y'), null)
  const outcome = await proposer.execute(KEY, callOf('keep'), null)
  t.strictSame(outcome.done && wordsIn(outcome.value), ['x', 'y'])
})

t.test('an operation that fails on what was known last is tried on what is there now', async (t) => {
  const set = voters()
  const [proposer, other] = [set.proposer(FIRST), set.proposer(ANOTHER)]
  await proposer.execute(KEY, callOf('create', 'x'.repeat(VALUE_BYTES_MAX - 1000)), null)
  await other.execute(KEY, callOf('set', 'short'), null)
  const outcome = await proposer.execute(KEY, callOf('append', 'y'.repeat(2000)), null)
  t.ok(outcome.done)
})

t.test('a repeated operation is not applied twice on promises either', async (t) => {
  const set = voters()
  const proposer = set.proposer(FIRST)
  await proposer.execute(KEY, callOf('create', 'x'), null)
  const call = callOf('append', 'y')
  for (let tries = 0; tries < 2; tries++) {
    const outcome = await proposer.execute(KEY, call, since(1))
    t.strictSame(outcome.done && wordsIn(outcome.value), ['x', 'y'])
  }
})

t.test('promises of fewer than a majority are not held: voters of older releases give none', async (t) => {
  const set = voters()
  const proposer = set.proposer(FIRST)
  set.network.beforeRequest = ({ kind, to, request }) => {
    if (kind === 'accept' && to !== FIRST) delete (request as AcceptRequest).next
  }
  await proposer.execute(KEY, callOf('create', 'x'), null)
  prepares(set)
  await proposer.execute(KEY, callOf('append', 'y'), null)
  t.equal(prepares(set), 3)
})

t.test('promises do not outlast the config that they were counted in', async (t) => {
  const set = voters()
  const proposer = set.proposer(FIRST)
  await proposer.execute(KEY, callOf('create', 'x'), null)
  prepares(set)
  const value = bytesOf(configOf(['a', 'b', 'c'], { epoch: 2 }))
  const row = { ballot: ballotOf(1), value, digest: valueDigest(value), settled: true }
  for (const config of set.configs.values()) await config.adopt(row)
  await proposer.execute(KEY, callOf('append', 'y'), null)
  t.equal(prepares(set), 3)
})

t.test('the first operation on a key that nobody else knows costs one round', async (t) => {
  const set = voters()
  const outcome = await set.proposer('a').executeOnNewKey(KEY, callOf('create', 'x'))
  t.strictSame(outcome.done && wordsIn(outcome.value), ['x'])
  t.equal(set.network.count('prepare'), 0)
  t.equal(set.network.count('accept'), 3)
  const next = await set.proposer('b').execute(KEY, callOf('append', 'y'), null)
  t.strictSame(next.done && wordsIn(next.value), ['x', 'y'])
})

t.test('one round that fails is followed by ordinary ones, under the same operation id', async (t) => {
  const set = voters()
  const removedAt = ballotOf(7)
  for (const id of ['b', 'c']) await set.storage(id).raiseFloor(removedAt)
  const outcome = await set.proposer('a').executeOnNewKey(KEY, callOf('create', 'x'))
  t.strictSame(outcome.done && wordsIn(outcome.value), ['x'])
  t.equal(set.network.count('prepare'), 3)
  t.equal(acceptedAt(set, 'b')?.ballot.counter, 8)
  t.equal(decodeValue(acceptedAt(set, 'b')?.value as Uint8Array).version, 1)
})

t.test('without a majority nobody knows whether the first operation on a key was applied', async (t) => {
  const set = voters()
  set.network.down.add('b').add('c')
  await t.rejects(set.proposer('a').executeOnNewKey(KEY, callOf('create')), { code: 'OUTCOME_UNKNOWN' })
})

t.test('who missed the accept gets the value with the notice', async (t) => {
  const set = voters()
  lose(set, ({ kind, to }) => kind === 'accept' && to === 'c')
  await set.proposer('a').execute(KEY, callOf('create', 'x'), null)
  await settled()
  t.equal(acceptedAt(set, 'c'), null, 'a notice never writes acceptor state')
  t.strictSame(wordsIn(set.storage('c').learned(KEY)?.value), ['x'])
  t.equal(set.storage('c').learned(KEY)?.settled, true)
})

t.test('one voter of three may be away', async (t) => {
  const set = voters()
  set.network.down.add('c')
  t.match(await set.proposer('a').execute(KEY, callOf('create'), null), { done: true })
})

t.test('without a majority before anything was sent: surely not applied', async (t) => {
  const set = voters()
  set.network.down.add('b').add('c')
  await t.rejects(set.proposer('a').execute(KEY, callOf('create'), null), { code: 'NO_QUORUM' })
  t.equal(set.network.count('accept'), 0)
})

t.test('without a majority for the accept: nobody knows', async (t) => {
  const set = voters()
  lose(set, ({ kind, to }) => kind === 'accept' && to !== 'a')
  await t.rejects(set.proposer('a').execute(KEY, callOf('create'), null), { code: 'OUTCOME_UNKNOWN' })
})

t.test('an operation that another node may have tried is never surely not applied', async (t) => {
  const set = voters()
  set.network.down.add('b').add('c')
  await t.rejects(set.proposer('a').execute(KEY, callOf('create'), since(0)), { code: 'OUTCOME_UNKNOWN' })
})

t.test('a higher promise makes it try again above that', async (t) => {
  const set = voters()
  for (const id of ['a', 'b', 'c'])
    await set.storage(id).vote(KEY, { promised: ballotOf(40), accepted: null }, false)
  t.match(await set.proposer('a').execute(KEY, callOf('create'), null), { done: true })
  t.ok((acceptedAt(set, 'a')?.ballot.counter ?? 0) >= 40)
})

t.test('a refused round does not wait long for a voter that hangs', async (t) => {
  const clock = new ManualClock()
  const set = new VoterSet(['a', 'b', 'c'], { clock })
  const hanging = deferred()
  set.network.beforeRequest = ({ to }) => (to === 'c' ? hanging.promise : undefined)
  await set.storage('b').vote(KEY, { promised: ballotOf(9), accepted: null }, false)
  const outcome = set.proposer('a').execute(KEY, callOf('create', 'x'), null)
  await clock.advance(99)
  t.equal(set.network.count('prepare', 'b'), 1, 'it may yet promise')
  await clock.advance(30)
  t.match(await outcome, { done: true })
  t.equal(set.network.count('prepare', 'b'), 2)
})

t.test('what a minority accepted is carried on before anything new', async (t) => {
  const set = voters()
  await set.accept('b', ballotOf(7), bytesOf(['orphan']))
  set.network.down.add('c')
  const outcome = await set.proposer('a').execute(KEY, callOf('append', 'x'), null)
  t.strictSame(outcome.done && wordsIn(outcome.value), ['orphan', 'x'])
})

t.test('the highest accepted ballot decides, not the most frequent', async (t) => {
  const set = voters()
  await set.accept('a', ballotOf(3), bytesOf(['old']))
  await set.accept('b', ballotOf(4), bytesOf(['new']))
  set.network.down.add('c')
  const outcome = await set.proposer('a').execute(KEY, callOf('append', 'x'), null)
  t.strictSame(outcome.done && wordsIn(outcome.value), ['new', 'x'])
})

t.test('a retry that finds its own trace does not apply the operation again', async (t) => {
  const set = voters()
  await set.proposer('a').execute(KEY, callOf('create', 'x'), null)
  set.network.down.add('c')
  // The first accept is refused at `a`, for a competitor's promise, and taken at `b`, whose answer comes too late.
  set.network.beforeRequest = async ({ kind, to }) => {
    const state = set.storage('a').acceptorState(KEY)
    if (kind === 'accept' && to === 'a' && state && state.promised.counter < 90)
      await set.storage('a').vote(KEY, { ...state, promised: ballotOf(90) }, false)
  }
  const late = deferred()
  set.network.beforeAnswer = ({ kind, to }) =>
    kind === 'accept' && to === 'b' && set.network.count('accept', 'b') === 2 ? late.promise : undefined
  const outcome = await set.proposer('a').execute(KEY, callOf('append', 'y'), null)
  t.strictSame(outcome.done && wordsIn(outcome.value), ['x', 'y'])
  t.ok((acceptedAt(set, 'a')?.ballot.counter ?? 0) > 90, 'there was a second round')
  late.resolve()
})

t.test('an opId that the ring knows is not applied again', async (t) => {
  const set = voters()
  const call = callOf('append', 'y')
  await set.proposer('a').execute(KEY, callOf('create', 'x'), null)
  await set.proposer('a').execute(KEY, call, since(1))
  const again = await set.proposer('b').execute(KEY, call, since(1))
  t.strictSame(again.done && wordsIn(again.value), ['x', 'y'])
})

t.test('a refusal that the ring knows is the answer of the retry, whatever holds now', async (t) => {
  const set = voters()
  const call = callOf('create', 'late')
  await set.proposer('a').execute(KEY, callOf('create', 'x'), null)
  t.match(await set.proposer('a').execute(KEY, call, since(1)), {
    done: false,
    refusal: { code: 'CONFLICT' },
  })
  await set.proposer('a').execute(KEY, callOf('append', 'y'), null)
  t.match(await set.proposer('c').execute(KEY, call, since(1)), {
    done: false,
    refusal: { code: 'CONFLICT' },
  })
})

t.test('a refusal of an operation that nobody tried before writes nothing', async (t) => {
  const set = voters()
  await set.proposer('a').execute(KEY, callOf('create', 'x'), null)
  const accepts = set.network.count('accept')
  t.match(await set.proposer('a').execute(KEY, callOf('create', 'y'), null), { done: false })
  t.equal(set.network.count('accept'), accepts)
})

t.test('a refusal of an operation that may have been tried elsewhere is written down', async (t) => {
  const set = voters()
  await set.proposer('a').execute(KEY, callOf('create', 'x'), null)
  const call = callOf('create', 'y')
  await set.proposer('a').execute(KEY, call, since(1))
  const { ring, version, record } = decodeValue(acceptedAt(set, 'a')?.value as Uint8Array)
  t.match(ring.at(-1), { opId: call.opId, refusal: { code: 'CONFLICT' } })
  t.equal(version, 2)
  t.strictSame(record, ['x'], 'the record is as it was')
})

t.test('a success without a change is written down under the same rule', async (t) => {
  const set = voters()
  await set.proposer('a').execute(KEY, callOf('create', 'x'), null)
  const untried = await set.proposer('a').execute(KEY, callOf('keep'), null)
  t.equal(untried.done && decodeValue(untried.value).version, 1)
  const tried = await set.proposer('a').execute(KEY, callOf('keep'), since(1))
  t.equal(tried.done && decodeValue(tried.value).version, 2)
})

t.test('a refusal on an empty register cannot be written down: the outcome is unknown', async (t) => {
  const set = voters()
  const call = callOf('append')
  t.match(await set.proposer('a').execute(KEY, call, null), { done: false, refusal: { code: 'NOT_FOUND' } })
  await t.rejects(set.proposer('a').execute(KEY, call, since(0)), { code: 'OUTCOME_UNKNOWN' })
})

t.test('once the ring may have turned over, a missing opId proves nothing', async (t) => {
  const set = voters()
  const proposer = set.proposer('a')
  await proposer.execute(KEY, callOf('create', 'x'), null)
  for (let version = 1; version < RING_ENTRIES; version++) await proposer.execute(KEY, callOf('append'), null)
  t.match(
    await proposer.execute(KEY, callOf('append'), since(1)),
    { done: true },
    '15 versions later it is sure',
  )
  await t.rejects(proposer.execute(KEY, callOf('append'), since(1)), { code: 'OUTCOME_UNKNOWN' })
})

t.test('an operation that this release does not know is refused before anything is sent', async (t) => {
  const set = voters()
  await t.rejects(set.proposer('a').execute(KEY, callOf('toString'), null), { code: 'UNKNOWN_OPERATION' })
  t.equal(set.network.sent.length, 0)
})

t.test('a value over the cap is refused and not sent', async (t) => {
  const set = voters()
  const call = callOf('create', 'x'.repeat(2 ** 20))
  await t.rejects(set.proposer('a').execute(KEY, call, null), { code: 'VALUE_TOO_LARGE' })
  t.equal(set.network.count('accept'), 0)
})

t.test('an identity round repairs a value that only a minority holds', async (t) => {
  const set = voters()
  await set.accept('b', ballotOf(5), bytesOf(['x']))
  set.network.down.add('c')
  const chosen = await set.proposer('a').settle(KEY)
  t.strictSame(wordsIn(chosen?.value), ['x'])
  t.strictSame(acceptedAt(set, 'a')?.ballot, chosen?.ballot)
  t.strictSame(acceptedAt(set, 'b')?.ballot, chosen?.ballot)
})

t.test('an identity round on a chosen value accepts nothing', async (t) => {
  const set = voters()
  await set.proposer('a').execute(KEY, callOf('create', 'x'), null)
  const accepts = set.network.count('accept')
  t.strictSame(wordsIn((await set.proposer('b').settle(KEY))?.value), ['x'])
  t.equal(set.network.count('accept'), accepts)
})

t.test('an identity round on an empty register gives null', async (t) => {
  t.equal(await voters().proposer('a').settle(KEY), null)
})

t.test('an identity round ends above the ballot that the caller knows', async (t) => {
  const set = voters()
  const value = bytesOf(['x'])
  await set.accept('b', ballotOf(5), value)
  await set.accept('c', ballotOf(5), value)
  await set.accept('a', ballotOf(9), bytesOf(['orphan']))
  lose(set, ({ kind, to }) => kind === 'prepare' && to === 'a')
  const chosen = await set.proposer('a').settle(KEY, ballotOf(9))
  t.strictSame(wordsIn(chosen?.value), ['x'])
  t.ok((chosen?.ballot.counter ?? 0) > 9, 'or the row of the orphan would never be replaced')
})

t.test('in a joint config both majorities must take part', async (t) => {
  const ids = ['a', 'b', 'c', 'd', 'e']
  const config = configOf(ids, { voters: ['a', 'b', 'c'], joint: ['c', 'd', 'e'] })
  const set = new VoterSet(ids, { config })
  set.network.down.add('d').add('e')
  await t.rejects(set.proposer('a').execute(KEY, callOf('create'), null), { code: 'NO_QUORUM' })
  set.network.down.delete('e')
  t.match(await set.proposer('a').execute(KEY, callOf('create'), null), { done: true })
})

t.test('voters that have just started are waited for, for a second and not busily', async (t) => {
  const clock = new ManualClock()
  const set = new VoterSet(['a', 'b', 'c'], { clock })
  for (const id of ['b', 'c']) set.abstaining.set(id, 'it has just started')
  const outcome = set.proposer('a').execute(KEY, callOf('create'), null)
  outcome.catch(() => {})
  await clock.advance(500)
  set.abstaining.delete('b')
  await clock.advance(500)
  t.match(await outcome, { done: true })
  set.abstaining.set('b', 'it has lost votes')
  set.network.sent.length = 0
  const late = set.proposer('a').execute(KEY, callOf('append'), null)
  late.catch(() => {})
  await clock.advance(2000)
  await t.rejects(late, { code: 'NO_QUORUM' })
  t.ok(set.network.count('prepare') <= 21, 'each try costs the others a sync')
})
