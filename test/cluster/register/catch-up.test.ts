import t from 'tap'
import type { CatchUp } from '../../../cluster/register/catch-up.ts'
import { valueDigest } from '../../../cluster/register/register-value.ts'
import type { AcceptorState } from '../../../cluster/register/storage.ts'
import { deferred } from '../../helpers/deferred.ts'
import { ManualClock, settled } from '../../helpers/manual-clock.ts'
import { until } from '../../helpers/until.ts'
import { LiveCluster } from './live-cluster.ts'
import {
  ballotOf,
  bytesOf,
  callOf,
  configOf,
  KEY,
  VoterSet,
  wordsIn,
  type VoterSetOptions,
} from './register-fixture.ts'

/** Three voters of which `c` missed whatever `a` and `b` agree upon. */
async function lagging(changes: number, options: VoterSetOptions = {}): Promise<VoterSet> {
  const set = new VoterSet(['a', 'b', 'c'], options)
  set.network.down.add('c')
  const proposer = set.proposer('a')
  for (let i = 0; i < changes; i++) await proposer.execute(`thing/${i}`, callOf('create', i), null)
  await settled()
  set.network.down.delete('c')
  set.network.sent.length = 0
  return set
}

function learnedBy(set: VoterSet, id: string): string[] {
  return [...set.disk(id).learners].filter(([, row]) => row.settled).map(([key]) => key)
}

t.test('everything acknowledged before is learned, settled', async (t) => {
  const set = await lagging(5)
  await set.catchUp('c').freshen()
  t.equal(learnedBy(set, 'c').length, 5)
  t.strictSame(wordsIn(set.storage('c').learned('thing/4')?.value), [4])
})

t.test('catch-up never writes acceptor state', async (t) => {
  const set = await lagging(5)
  await set.catchUp('c').freshen()
  t.equal(set.disk('c').acceptors.size, 0)
  t.equal(set.disk('c').voteSequence, 0)
})

t.test('the second time only the news are asked for', async (t) => {
  const set = await lagging(5)
  const catchUp = set.catchUp('c')
  await catchUp.freshen()
  await settled()
  set.network.sent.length = 0
  await catchUp.freshen()
  t.equal(set.network.count('read'), 0)
  t.ok(set.network.count('changes') <= 2, 'one page of each log')
})

t.test('a log longer than one page is followed to its head', async (t) => {
  const set = new VoterSet(['a', 'b', 'c'])
  const value = bytesOf(['x'])
  for (let i = 0; i < 1500; i++)
    for (const id of ['a', 'b']) await set.accept(id, ballotOf(1), value, `thing/${i}`)
  await set.catchUp('c').freshen()
  t.equal(learnedBy(set, 'c').length, 1500)
})

t.test('a trimmed log falls back to comparing digests', async (t) => {
  const set = await lagging(12, { logEntriesMax: 3 })
  await set.storage('c').setCursor('a', { dbUuid: 'disk of a', sequence: 2 })
  await set.storage('c').setCursor('b', { dbUuid: 'disk of b', sequence: 2 })
  await set.catchUp('c').freshen()
  t.ok(set.network.count('digests') > 0)
  t.equal(learnedBy(set, 'c').length, 12)
})

t.test('a cursor into another database falls back to comparing digests', async (t) => {
  const set = await lagging(4)
  for (const id of ['a', 'b'])
    await set.storage('c').setCursor(id, { dbUuid: 'the disk before', sequence: 99 })
  await set.catchUp('c').freshen()
  t.equal(learnedBy(set, 'c').length, 4)
  t.strictSame(set.storage('c').cursor('a'), { dbUuid: 'disk of a', sequence: 4 })
})

t.test('a digest compare longer than one page misses nothing', async (t) => {
  const set = new VoterSet(['a', 'b', 'c'], { logEntriesMax: 10 })
  const value = bytesOf(['x'])
  for (let i = 0; i < 1200; i++)
    for (const id of ['a', 'b']) await set.accept(id, ballotOf(1), value, `thing/${i}`)
  await set.catchUp('c').freshen()
  t.equal(learnedBy(set, 'c').length, 1200)
})

t.test('the cursor is noted only after what lies before it was learned', async (t) => {
  const set = await lagging(3)
  const reads = deferred()
  set.network.beforeRequest = ({ kind }) => (kind === 'read' ? reads.promise : undefined)
  const running = set.catchUp('c').freshen()
  await settled()
  t.equal(set.storage('c').cursor('a'), null)
  reads.resolve()
  await running
  t.ok(set.storage('c').cursor('a') ?? set.storage('c').cursor('b'))
})

t.test('without a majority of logs it is not fresh', async (t) => {
  const set = await lagging(1)
  set.network.down.add('a').add('b')
  const catchUp = set.catchUp('c')
  await t.rejects(catchUp.freshen(), { code: 'NO_QUORUM' })
  t.equal(catchUp.caughtUp, false)
})

t.test('one silent voter of three does not hold it up', async (t) => {
  const set = await lagging(2)
  const never = deferred()
  set.network.beforeRequest = ({ to }) => (to === 'b' ? never.promise : undefined)
  await set.catchUp('c').freshen()
  t.equal(learnedBy(set, 'c').length, 2)
  never.resolve()
})

t.test('an orphan of this node that nobody else holds is decided', async (t) => {
  const set = await lagging(1)
  await set.accept('c', ballotOf(70), bytesOf(['orphan']), 'thing/0')
  await set.catchUp('c').freshen()
  await settled()
  const row = set.storage('c').learned('thing/0')
  t.equal(row?.settled, true)
  t.ok((row?.ballot.counter ?? 0) > 70)
})

t.test('an orphan is decided even when this node is the last to answer its own round', async (t) => {
  const set = await lagging(1)
  await set.accept('c', ballotOf(70), bytesOf(['orphan']), 'thing/0')
  const slow = deferred()
  set.network.beforeRequest = ({ kind, to }) => (kind === 'prepare' && to === 'c' ? slow.promise : undefined)
  await set.catchUp('c').freshen()
  await settled()
  t.strictSame(wordsIn(set.storage('c').learned('thing/0')?.value), [0], 'what the others chose')
  t.equal(set.storage('c').learned('thing/0')?.settled, true)
  slow.resolve()
})

/** Three voters that hold 'thing/0', of which `c` has voted for what may come next. */
async function withOpenVote() {
  const clock = new ManualClock()
  const set = new VoterSet(['a', 'b', 'c'], { clock })
  await set.proposer('a').execute('thing/0', callOf('create', 0), null)
  await settled()
  await set.accept('c', ballotOf(70), bytesOf([0, 1]), 'thing/0')
  set.network.sent.length = 0
  const catchUp = set.catchUp('c')
  await catchUp.freshen()
  await settled()
  const rounds = () => set.network.count('prepare')
  return { clock, set, catchUp, rounds, row: () => set.storage('c').learned('thing/0') }
}

t.test('a vote above what is chosen is given a second, for its round is mostly under way', async (t) => {
  const { clock, catchUp, rounds, row } = await withOpenVote()
  t.equal(row()?.settled, false)
  await clock.advance(999)
  t.equal(rounds(), 0)
  await clock.advance(1)
  await settled()
  t.equal(row()?.settled, true, 'nobody else ends it')
  t.ok((row()?.ballot.counter ?? 0) > 70)
  catchUp.stop()
})

t.test('it is left alone when its round ends meanwhile', async (t) => {
  const { clock, set, rounds, row } = await withOpenVote()
  const open = row()
  await clock.advance(500)
  if (open) await set.storage('c').learn('thing/0', { ...open, settled: true })
  await clock.advance(5000)
  t.equal(rounds(), 0)
  t.same(row()?.ballot, ballotOf(70))
})

t.test('catch-up that stops decides on nothing any more', async (t) => {
  const { clock, catchUp, rounds } = await withOpenVote()
  catchUp.stop()
  await clock.advance(5000)
  t.equal(rounds(), 0)
  t.equal(clock.pending, 0)
})

t.test('the hints of a second make one look at the log of their voter', async (t) => {
  const clock = new ManualClock()
  const set = await lagging(3, { clock })
  const catchUp = set.catchUp('c')
  for (let ms = 0; ms < 1000; ms += 50) {
    catchUp.followSoon('b')
    await clock.advance(50)
  }
  await settled()
  t.equal(set.network.count('digests') + set.network.count('changes'), 2, 'all rows, and the log from there')
  t.equal(learnedBy(set, 'c').length, 3)
  catchUp.followSoon('b')
  catchUp.stop()
  await clock.advance(1000)
  t.equal(set.network.count('changes'), 1)
})

t.test('an unsettled row that the majority shares becomes settled', async (t) => {
  const set = new VoterSet(['a', 'b', 'c'])
  for (const id of ['a', 'c']) await set.accept(id, ballotOf(2), bytesOf(['x']))
  await set.catchUp('c').freshen()
  t.equal(set.storage('c').learned(KEY)?.settled, true)
})

t.test('following one voter brings its news', async (t) => {
  const set = await lagging(3)
  set.catchUp('c').follow('b')
  await until(() => learnedBy(set, 'c').length === 3)
  t.equal(set.network.count('changes', 'a'), 0)
})

t.test('strangers and this node itself are not followed', async (t) => {
  const set = await lagging(0)
  const catchUp = set.catchUp('c')
  catchUp.follow('stranger')
  catchUp.follow('c')
  await settled()
  t.equal(set.network.sent.length, 0)
})

/** One that begins while it reaches nobody. */
async function begunAlone() {
  const clock = new ManualClock()
  const set = await lagging(0, { clock })
  const catchUp: CatchUp = set.catchUp('c')
  set.network.down.add('a').add('b')
  catchUp.start()
  return { clock, set, catchUp }
}

t.test('it starts by itself, repeats soon until it has succeeded, then seldom', async (t) => {
  const { clock, set, catchUp } = await begunAlone()
  await clock.advance(400)
  t.equal(set.network.count('digests'), 2)
  await clock.advance(200)
  t.equal(set.network.count('digests'), 4, 'again after half a second')
  set.network.down.clear()
  await clock.advance(500)
  t.equal(catchUp.caughtUp, true)
  const asked = set.network.count('changes')
  await clock.advance(9000)
  t.equal(set.network.count('changes'), asked)
  await clock.advance(1500)
  t.ok(set.network.count('changes') > asked)
  catchUp.stop()
  await settled()
  t.equal(clock.pending, 0, 'nothing runs on')
})

t.test('it tries again at once when this node may vote', async (t) => {
  const { clock, set, catchUp } = await begunAlone()
  await clock.advance(10)
  set.network.down.clear()
  catchUp.retry()
  await settled()
  t.equal(catchUp.caughtUp, true)
  const asked = set.network.count('changes')
  catchUp.retry()
  await settled()
  t.equal(set.network.count('changes'), asked, 'who has caught up waits for the next poll')
  catchUp.stop()
  await settled()
  t.equal(clock.pending, 0, 'nothing runs on')
})

t.test('a commit notice settles the row of an accepter and brings the value to the others', async (t) => {
  const set = new VoterSet(['a', 'b', 'c'])
  const value = bytesOf(['x'])
  const notice = { key: KEY, ballot: ballotOf(2), digest: valueDigest(value) }
  const { voters } = set.parts('a')
  await set.accept('b', ballotOf(2), value)
  await voters.committed(configOf(['a', 'b', 'c']), 'b', [{ ...notice, value: null }])
  await voters.committed(configOf(['a', 'b', 'c']), 'c', [{ ...notice, value }])
  t.match(set.storage('b').learned(KEY), { settled: true, ballot: ballotOf(2) })
  t.match(set.storage('c').learned(KEY), { settled: true, ballot: ballotOf(2) })
})

t.test('a commit notice whose value does not fit its digest is dropped', async (t) => {
  const set = new VoterSet(['a', 'b', 'c'])
  const notice = { key: KEY, ballot: ballotOf(2), digest: valueDigest(bytesOf('other')) }
  await set.parts('a').voters.committed(configOf(['a', 'b', 'c']), 'b', [{ ...notice, value: bytesOf('x') }])
  t.equal(set.storage('b').learned(KEY), null)
})

t.test('a late notice does not bring back what was removed', async (t) => {
  const set = new VoterSet(['a', 'b', 'c'])
  const value = bytesOf(['x'])
  await set.accept('b', ballotOf(5), value)
  await set.storage('b').remove(KEY, ballotOf(5))
  const notice = { key: KEY, ballot: ballotOf(2), digest: valueDigest(value), value }
  await set.parts('a').voters.committed(configOf(['a', 'b', 'c']), 'b', [notice])
  t.equal(set.storage('b').learned(KEY), null)
})

t.test('a row of a register that a majority has not is forgotten', async (t) => {
  const set = new VoterSet(['a', 'b', 'c', 'd'], { config: configOf(['a', 'b', 'c']) })
  const value = bytesOf(['x'])
  const row = { ballot: ballotOf(2), value, digest: valueDigest(value), settled: true }
  await set.storage('d').learn(KEY, row)
  await set.catchUp('d').freshen()
  t.equal(set.storage('d').learned(KEY), null, 'by a comparison with voters that are new')
  await set.storage('d').learn(KEY, row)
  for (const id of ['a', 'b', 'c']) await set.storage('d').setCursor(id, { dbUuid: 'another', sequence: 9 })
  await set.catchUp('d').freshen()
  t.equal(set.storage('d').learned(KEY), null, 'by a comparison when the logs do not reach back far enough')
})

t.test('a notice that comes when its register was forgotten does not bring it back', async (t) => {
  const set = new VoterSet(['a', 'b', 'c', 'd'], { config: configOf(['a', 'b', 'c']) })
  const rowAt = (counter: number) => {
    const value = bytesOf([counter])
    return { ballot: ballotOf(counter), value, digest: valueDigest(value), settled: true }
  }
  for (const id of ['a', 'b', 'c']) await set.storage(id).raiseFloor(ballotOf(9))
  await set.storage('d').learn(KEY, rowAt(2))
  await set.catchUp('d').freshen()
  await set.storage('d').learn(KEY, rowAt(8))
  t.equal(set.storage('d').learned(KEY), null, 'it was chosen before the removal')
  await set.storage('d').learn(KEY, rowAt(10))
  t.equal(set.storage('d').learned(KEY)?.ballot.counter, 10, 'it was made again')
})

t.test('what a former voter has voted for does not keep a row that a majority has not', async (t) => {
  const set = new VoterSet(['a', 'b', 'c', 'd'], { config: configOf(['a', 'b', 'c']) })
  await set.storage('d').vote(KEY, acceptedState(2), true)
  t.equal(set.storage('d').learned(KEY)?.ballot.counter, 2)
  await set.catchUp('d').freshen()
  t.equal(set.storage('d').learned(KEY), null)
})

t.test('a row that comes while the read is under way stays', async (t) => {
  const set = new VoterSet(['a', 'b', 'c', 'd'], { config: configOf(['a', 'b', 'c']) })
  const value = bytesOf(['new'])
  const row = { ballot: ballotOf(3), value, digest: valueDigest(value), settled: true }
  await set.storage('d').learn('thing/old', row)
  set.network.beforeAnswer = async ({ kind }) => {
    if (kind === 'read') await set.storage('d').learn('thing/old', { ...row, ballot: ballotOf(4) })
  }
  await set.catchUp('d').freshen()
  t.equal(set.storage('d').learned('thing/old')?.ballot.counter, 4)
})

t.test('a node that may not vote serves no log, and does not count its own', async (t) => {
  const set = await lagging(1)
  set.abstaining.set('a', 'it has lost votes')
  await set.catchUp('a').freshen()
  t.equal(set.network.count('changes', 'a'), 0)
  set.abstaining.set('b', 'it has lost votes')
  await t.rejects(set.catchUp('a').freshen(), { code: 'NO_QUORUM' })
  await t.rejects(set.catchUp('c').freshen(), { code: 'NO_QUORUM' })
})

function acceptedState(counter: number): AcceptorState {
  const value = bytesOf(['x'])
  const ballot = ballotOf(counter)
  return { promised: ballot, accepted: { ballot, value, digest: valueDigest(value) } }
}

for (const isTrimmed of [false, true])
  t.test(
    `a vote that was seen before it was chosen is not forgotten, ${isTrimmed ? 'by a comparison' : 'in a log'}`,
    async (t) => {
      const set = new VoterSet(['a', 'b', 'c', 'd'], { config: configOf(['a', 'b', 'c']) })
      for (const id of ['a', 'b', 'c']) await set.accept(id, ballotOf(2), bytesOf(['old']))
      const catchUp = set.catchUp('d')
      await catchUp.freshen()
      if (isTrimmed) await set.storage('d').setCursor('c', { dbUuid: 'another', sequence: 9 })
      await set.accept('c', ballotOf(3), bytesOf(['new']))
      await catchUp.freshen()
      t.strictSame(wordsIn(set.storage('d').learned(KEY)?.value), ['old'])
      // Acknowledged now. Who follows the logs of the others alone must hear of it from the one that voted first.
      await set.accept('b', ballotOf(3), bytesOf(['new']))
      set.network.down.add('b')
      await catchUp.freshen()
      t.strictSame(wordsIn(set.storage('d').learned(KEY)?.value), ['new'])
    },
  )

t.test('a vote that was removed since holds no cursor back', async (t) => {
  const set = new VoterSet(['a', 'b', 'c', 'd'], { config: configOf(['a', 'b', 'c']) })
  for (const id of ['a', 'b', 'c']) {
    await set.accept(id, ballotOf(2), bytesOf(['x']))
    await set.storage(id).remove(KEY, ballotOf(2))
  }
  await set.catchUp('d').freshen()
  t.match(set.storage('d').cursor('a'), { sequence: 1 })
})

t.test('who cannot take down what it learns says so in time, and goes on when it can', async (t) => {
  const cluster = new LiveCluster(['a', 'b', 'c'])
  cluster.start('a', 'b', 'c')
  t.teardown(() => cluster.stopAll())
  await cluster.until(() => ['a', 'b', 'c'].every((id) => cluster.at(id).registers.caughtUp))
  const { storage, registers } = cluster.at('c')
  const hanging = deferred()
  const learn = storage.learn.bind(storage)
  storage.learn = async (key, row) => {
    await hanging.promise
    await learn(key, row)
  }
  const done = cluster.at('a').registers.execute(KEY, callOf('create', 1))
  await cluster.clock.advance(100)
  await done
  const freshening = registers.freshen()
  freshening.catch(() => {})
  await cluster.clock.advance(10_000)
  await t.rejects(freshening, { code: 'RPC_TIMEOUT' })
  hanging.resolve()
  await cluster.clock.advance(100)
  const again = registers.freshen()
  await cluster.clock.advance(100)
  await again
  t.strictSame(wordsIn(storage.learned(KEY)?.value), [1])
})
