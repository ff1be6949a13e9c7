import t, { type Test } from 'tap'
import type { OperationTable } from '../../../cluster/register/operations.ts'
import { TombstoneCollector } from '../../../cluster/register/tombstone-collector.ts'
import { Proposer } from '../../../cluster/register/proposer.ts'
import {
  ballotOf,
  bytesOf,
  callOf,
  configOf,
  KEY,
  since,
  VoterSet,
  wordOperations,
  wordsIn,
} from './register-fixture.ts'

const operations: OperationTable = {
  ...wordOperations,
  remove: (current) =>
    current ? { kind: 'write', next: { live: false, record: current.record } } : { kind: 'keep' },
}

const always = () => true

function collectorAt(set: VoterSet, id: string): TombstoneCollector {
  return new TombstoneCollector(set.parts(id))
}

function proposerAt(set: VoterSet, id: string): Proposer {
  return new Proposer({ ...set.parts(id), operations })
}

async function withTombstone(t: Test): Promise<VoterSet> {
  const set = new VoterSet(['a', 'b', 'c'])
  await proposerAt(set, 'a').execute(KEY, callOf('create', 'x'), null)
  await proposerAt(set, 'a').execute(KEY, callOf('remove'), null)
  t.equal(set.disk('b').acceptors.size, 1)
  return set
}

t.test('a tombstone goes from all voters, and each remembers by its floor', async (t) => {
  const set = await withTombstone(t)
  t.equal(await collectorAt(set, 'a').collect(KEY, always), 'removed')
  for (const id of ['a', 'b', 'c']) {
    t.equal(set.disk(id).acceptors.size, 0)
    t.equal(set.storage(id).learned(KEY), null)
    t.ok(set.storage(id).floor().counter > 0)
  }
  t.equal(await set.reader('b').read(KEY), null)
  t.equal(await collectorAt(set, 'b').collect(KEY, always), 'absent')
})

t.test('what lives, or is not due, stays', async (t) => {
  const set = await withTombstone(t)
  t.equal(await collectorAt(set, 'a').collect(KEY, () => false), 'kept')
  await proposerAt(set, 'a').execute('thing/2', callOf('create', 'y'), null)
  t.equal(await collectorAt(set, 'a').collect('thing/2', always), 'kept')
  t.strictSame(wordsIn((await set.reader('c').read('thing/2'))?.value), ['y'])
})

t.test('one voter that is away keeps it, and is named', async (t) => {
  const set = await withTombstone(t)
  set.network.down.add('c')
  await t.rejects(collectorAt(set, 'a').collect(KEY, always), { code: 'NO_QUORUM', fields: { away: ['c'] } })
  t.equal(set.disk('a').acceptors.size, 1)
})

t.test('an old accept that arrives late brings nothing back', async (t) => {
  const set = await withTombstone(t)
  await collectorAt(set, 'a').collect(KEY, always)
  const { voters } = set.parts('a')
  const late = await voters.accept(configOf(['a', 'b', 'c']), 'b', {
    key: KEY,
    ballot: ballotOf(1, '0'),
    value: bytesOf(['x']),
  })
  t.match(late, { accepted: false })
  t.equal(await set.reader('b').read(KEY), null)
})

t.test('a removal that got only half way is finished by the next', async (t) => {
  const set = await withTombstone(t)
  set.network.beforeRequest = ({ kind, to }) => {
    if (kind === 'remove' && to === 'c') throw new Error('lost on the way')
  }
  await t.rejects(collectorAt(set, 'a').collect(KEY, always), { code: 'NO_QUORUM' })
  set.network.beforeRequest = () => {}
  t.equal(set.disk('c').acceptors.size, 1)
  const collector = collectorAt(set, 'b')
  while ((await collector.collect(KEY, always)) === 'contended');
  t.equal(set.disk('c').acceptors.size, 0)
})

t.test('an id whose register was removed may be taken anew', async (t) => {
  const set = await withTombstone(t)
  await collectorAt(set, 'a').collect(KEY, always)
  t.match(await proposerAt(set, 'b').execute(KEY, callOf('create', 'again'), null), { done: true })
  t.strictSame(wordsIn((await set.reader('c').read(KEY))?.value), ['again'])
})

t.test('a retry that finds its register removed is not applied again', async (t) => {
  const set = new VoterSet(['a', 'b', 'c'])
  const create = callOf('create', 'x')
  const before = since(0, set.storage('a').floor())
  await proposerAt(set, 'a').execute(KEY, create, before)
  await proposerAt(set, 'a').execute(KEY, callOf('remove'), null)
  await collectorAt(set, 'b').collect(KEY, always)
  await t.rejects(proposerAt(set, 'c').execute(KEY, create, before), { code: 'FLOOR_MOVED' })
  t.equal(await set.reader('b').read(KEY), null)
})

t.test('nothing is removed while the voters change', async (t) => {
  const config = configOf(['a', 'b', 'c'], { joint: ['a', 'b', 'd'] })
  const set = new VoterSet(['a', 'b', 'c', 'd'], { config })
  await t.rejects(collectorAt(set, 'a').collect(KEY, always), { code: 'MEMBERSHIP_REFUSED' })
})
