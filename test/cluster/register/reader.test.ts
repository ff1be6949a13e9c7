import t from 'tap'
import { ClusterError } from '../../../cluster/errors.ts'
import { systemClock } from '../../../cluster/runtime.ts'
import { ZERO_BALLOT } from '../../../cluster/register/ballot.ts'
import type { ReadsAnswer } from '../../../cluster/register/vote-messages.ts'
import { ReadQueue } from '../../../cluster/register/read-queue.ts'
import { deferred } from '../../helpers/deferred.ts'
import { ManualClock, settled } from '../../helpers/manual-clock.ts'
import { ballotOf, bytesOf, callOf, configOf, KEY, VoterSet, wordsIn } from './register-fixture.ts'

const value = bytesOf(['x'])

async function acceptedBy(set: VoterSet, ...ids: string[]): Promise<void> {
  for (const id of ids) await set.accept(id, ballotOf(3), value)
}

t.test('what a majority holds alike is served without promise, accept or sync', async (t) => {
  const set = new VoterSet(['a', 'b', 'c'])
  await acceptedBy(set, 'a', 'b')
  const votes = set.disk('a').voteSequence
  const chosen = await set.reader('c').read(KEY)
  t.strictSame(wordsIn(chosen?.value), ['x'])
  t.equal(set.network.count('prepare'), 0)
  t.equal(set.disk('a').voteSequence, votes)
})

/** Whom reads asked, in order. */
function askedIn(set: VoterSet): string[] {
  return set.network.sent.filter(({ kind }) => kind === 'read').map(({ to }) => to)
}

t.test('a read asks as many voters as decide: its own node, and each node another', async (t) => {
  const set = new VoterSet(['a', 'b', 'c'])
  await acceptedBy(set, 'a', 'b', 'c')
  await set.reader('a').read(KEY)
  await set.reader('c').read(KEY)
  t.strictSame(askedIn(set), ['a', 'b', 'c', 'a'])
})

t.test('a voter that is known to be away is asked last', async (t) => {
  const set = new VoterSet(['a', 'b', 'c'])
  await acceptedBy(set, 'a', 'c')
  set.dead.add('b')
  await set.reader('a').read(KEY)
  t.strictSame(askedIn(set), ['a', 'c'])
})

t.test('a voter that was slow is asked after the others, until that is a while ago', async (t) => {
  const clock = new ManualClock()
  const set = new VoterSet(['a', 'b', 'c'], { clock })
  await acceptedBy(set, 'a', 'b', 'c')
  const slow = deferred()
  set.network.beforeAnswer = ({ to }) => (to === 'b' ? slow.promise : undefined)
  const reader = set.reader('a')
  const first = reader.read(KEY)
  await clock.advance(50)
  await first
  set.network.sent.length = 0
  await reader.read(KEY)
  t.strictSame(askedIn(set), ['a', 'c'], 'it has not even answered yet')
  slow.resolve()
  await settled()
  await clock.advance(3000)
  await reader.read(KEY)
  t.strictSame(askedIn(set), ['a', 'c', 'a', 'c'])
  await clock.advance(3000)
  await reader.read(KEY)
  t.strictSame(askedIn(set), ['a', 'c', 'a', 'c', 'a', 'b'])
})

t.test('the others are asked at once when one fails or differs', async (t) => {
  const clock = new ManualClock()
  const set = new VoterSet(['a', 'b', 'c'], { clock })
  await acceptedBy(set, 'a', 'c')
  t.strictSame(wordsIn((await set.reader('a').read(KEY))?.value), ['x'], 'b differs')
  set.network.down.add('b')
  t.strictSame(wordsIn((await set.reader('a').read(KEY))?.value), ['x'], 'b fails')
  t.strictSame(askedIn(set), ['a', 'b', 'c', 'a', 'b', 'c'])
})

t.test('the others are asked when one is slow', async (t) => {
  const clock = new ManualClock()
  const set = new VoterSet(['a', 'b', 'c'], { clock })
  await acceptedBy(set, 'a', 'b', 'c')
  set.network.beforeRequest = ({ to }) => (to === 'b' ? new Promise(() => {}) : undefined)
  const read = set.reader('a').read(KEY)
  await clock.advance(40)
  t.strictSame(askedIn(set), ['a', 'b'])
  await clock.advance(20)
  t.strictSame(wordsIn((await read)?.value), ['x'])
})

t.test('a register that nobody wrote is absent', async (t) => {
  const set = new VoterSet(['a', 'b', 'c'])
  t.equal(await set.reader('a').read(KEY), null)
  t.equal(set.network.count('prepare'), 0)
})

t.test('an answer that differs is settled by an identity round', async (t) => {
  const set = new VoterSet(['a', 'b', 'c'])
  await acceptedBy(set, 'a')
  set.network.down.add('c')
  t.strictSame(wordsIn((await set.reader('b').read(KEY))?.value), ['x'])
  t.equal(
    set.disk('b').acceptors.get(KEY)?.accepted?.digest,
    set.disk('a').acceptors.get(KEY)?.accepted?.digest,
  )
})

t.test('an accept on its way is waited for, also while a voter is away', async (t) => {
  const clock = new ManualClock()
  const set = new VoterSet(['a', 'b', 'c'], { clock })
  await acceptedBy(set, 'a')
  set.network.down.add('c')
  const read = set.reader('a').read(KEY)
  await clock.advance(10)
  await acceptedBy(set, 'b')
  await clock.advance(20)
  t.strictSame(wordsIn((await read)?.value), ['x'])
  t.equal(set.network.count('prepare'), 0)
})

t.test('the third answer may make the round unnecessary', async (t) => {
  const set = new VoterSet(['a', 'b', 'c'])
  await acceptedBy(set, 'a', 'c')
  t.strictSame(wordsIn((await set.reader('a').read(KEY))?.value), ['x'])
  t.equal(set.network.count('prepare'), 0)
})

t.test('equal values under different ballots are not the same choice', async (t) => {
  const set = new VoterSet(['a', 'b', 'c'])
  await set.accept('a', ballotOf(3), value)
  await set.accept('b', ballotOf(4), value)
  set.network.down.add('c')
  t.ok(((await set.reader('a').read(KEY))?.ballot.counter ?? 0) > 4)
})

t.test('a minority is never served', async (t) => {
  const set = new VoterSet(['a', 'b', 'c'])
  await acceptedBy(set, 'a', 'b', 'c')
  set.network.down.add('b').add('c')
  await t.rejects(set.reader('a').read(KEY), { code: 'NO_QUORUM' })
})

t.test('what a read found becomes a settled row here', async (t) => {
  const set = new VoterSet(['a', 'b', 'c'])
  await acceptedBy(set, 'a', 'b')
  await set.reader('c').read(KEY)
  await settled()
  t.equal(set.storage('c').learned(KEY)?.settled, true)
})

t.test('a known value does not travel again', async (t) => {
  const set = new VoterSet(['a', 'b', 'c'])
  await acceptedBy(set, 'a', 'b', 'c')
  t.strictSame(wordsIn((await set.reader('a').read(KEY))?.value), ['x'])
  const asked = set.network.sent.map(({ request }) => request)
  t.match(asked, [{ items: [{ key: KEY, known: ballotOf(3) }] }, {}])
})

/** A read at `a` during which `a` votes for what nobody else has: its own answer has left by then. */
async function readWhileVoting(set: VoterSet) {
  let hasVoted = false
  set.network.beforeAnswer = async ({ kind, from, to }) => {
    if (kind !== 'read' || from !== 'a' || to === 'a' || hasVoted) return
    hasVoted = true
    await set.accept('a', ballotOf(50), bytesOf(['x', 'next']))
  }
  const found = await set.reader('a').read(KEY)
  return { found, rounds: set.network.count('prepare') }
}

t.test('a value that this node held when it asked is served though its own vote has moved on', async (t) => {
  const set = new VoterSet(['a', 'b', 'c'])
  await set.proposer('a').execute(KEY, callOf('create', 'x'), null)
  await settled()
  set.network.sent.length = 0
  const { found, rounds } = await readWhileVoting(set)
  t.strictSame(wordsIn(found?.value), ['x'])
  t.equal(rounds, 0, 'no round collides with the one that the vote is of')
})

t.test('where it is not known any more, it is asked for once more', async (t) => {
  const set = new VoterSet(['a', 'b', 'c'])
  await acceptedBy(set, 'a', 'b', 'c')
  const { found, rounds } = await readWhileVoting(set)
  t.strictSame(wordsIn(found?.value), ['x'])
  t.equal(rounds, 0)
})

t.test('in a joint config a read needs both majorities', async (t) => {
  const ids = ['a', 'b', 'c', 'd', 'e']
  const config = configOf(ids, { voters: ['a', 'b', 'c'], joint: ['c', 'd', 'e'] })
  const set = new VoterSet(ids, { config })
  set.network.down.add('d').add('e')
  await t.rejects(set.reader('a').read(KEY), { code: 'NO_QUORUM' })
})

function queueAt(set: VoterSet): ReadQueue {
  const { voters, config } = set.parts('a')
  return new ReadQueue('a', { voters, config, clock: systemClock })
}

t.test('reads that come while one is under way share the next request', async (t) => {
  const set = new VoterSet(['a'])
  const queue = queueAt(set)
  const gate = deferred()
  set.network.beforeRequest = () => gate.promise
  const reads = ['one', 'two', 'three'].map((key) => queue.read(key, null))
  await settled()
  t.equal(set.network.count('read'), 1, 'the first does not wait for the others')
  gate.resolve()
  await Promise.all(reads)
  t.match(
    set.network.sent.map(({ request }) => request),
    [{ items: [{ key: 'one' }] }, { items: [{ key: 'two' }, { key: 'three' }] }],
  )
})

t.test('a read does not join a request that left before it', async (t) => {
  const set = new VoterSet(['a'])
  const queue = queueAt(set)
  const gate = deferred()
  // Held back after it was answered: what it says is older than the second read.
  set.network.beforeAnswer = () => gate.promise
  const early = queue.read(KEY, null)
  await settled()
  await set.accept('a', ballotOf(1), value)
  const late = queue.read(KEY, null)
  gate.resolve()
  t.equal((await early).held, null)
  t.strictSame((await late).held?.value, value)
})

t.test('a failed request fails its readers and not the next', async (t) => {
  const set = new VoterSet(['a'])
  const queue = queueAt(set)
  let isFirst = true
  set.network.beforeRequest = () => {
    if (!isFirst) return
    isFirst = false
    throw new ClusterError('RPC_TIMEOUT', 'late')
  }
  const first = queue.read(KEY, null)
  const second = queue.read(KEY, null)
  await t.rejects(first, { code: 'RPC_TIMEOUT' })
  t.match(await second, { held: null })
})

t.test('a voter that answers another number of reads is not believed', async (t) => {
  const set = new VoterSet(['a'])
  const { voters, storage } = set.parts('a')
  const answer: ReadsAnswer = { identity: storage.identity(), floor: ZERO_BALLOT, answers: [] }
  set.network.join('b').handle('votes', () => Promise.resolve(answer))
  const reading = voters.read(configOf(['a']), 'b', [{ key: KEY, known: null }])
  await t.rejects(reading, { code: 'BAD_FRAME' })
})

t.test('a read through an orphan serves what the round decided, on every node alike', async (t) => {
  const set = new VoterSet(['a', 'b', 'c'])
  await set.proposer('a').execute(KEY, callOf('create', 'x'), null)
  await set.accept('c', ballotOf(50), bytesOf(['x', 'orphan']))
  const first = await set.reader('c').read(KEY)
  const second = await set.reader('b').read(KEY)
  t.strictSame(wordsIn(first?.value), wordsIn(second?.value))
})
