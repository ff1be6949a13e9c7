import t from 'tap'
import { ClusterError } from '../../../cluster/errors.ts'
import { coordinatorsOf } from '../../../cluster/register/key-order.ts'
import { decodeValue } from '../../../cluster/register/register-value.ts'
import { deferred } from '../../helpers/deferred.ts'
import { ManualClock, settled } from '../../helpers/manual-clock.ts'
import { ballotOf, bytesOf, callOf, since, VoterSet, wordsIn } from './register-fixture.ts'

const ids = ['a', 'b', 'c']
/** A key that `b` coordinates, then `c`. */
const KEY = keyOrdered('b', 'c', 'a')

function keyOrdered(...order: string[]): string {
  for (let i = 0; ; i++) if (coordinatorsOf(`thing/${i}`, ids).join() === order.join()) return `thing/${i}`
}

t.test('every node agrees on the order, and keys spread over the voters', async (t) => {
  t.strictSame(coordinatorsOf('x', ['a', 'b', 'c']), coordinatorsOf('x', ['c', 'a', 'b']))
  const firsts = Array.from({ length: 300 }, (_, i) => coordinatorsOf(`image/${i}`, ids)[0])
  for (const id of ids) t.ok(firsts.filter((first) => first === id).length > 50, `${id} has its share`)
})

t.test('an operation is proposed by the coordinator of its key', async (t) => {
  const set = new VoterSet(ids)
  await set.coordinator('a').execute(KEY, callOf('create'))
  t.equal(set.network.count('execute', 'b'), 1)
  t.ok(set.network.sent.filter(({ kind }) => kind === 'prepare').every(({ from }) => from === 'b'))
})

t.test('the coordinator itself asks nobody', async (t) => {
  const set = new VoterSet(ids)
  await set.coordinator('b').execute(KEY, callOf('create'))
  t.equal(set.network.count('execute'), 0)
})

t.test('a coordinator believed dead is passed over', async (t) => {
  const set = new VoterSet(ids)
  set.dead.add('b')
  await set.coordinator('a').execute(KEY, callOf('create'))
  t.equal(set.network.count('execute', 'c'), 1)
  t.equal(set.network.count('execute', 'b'), 0)
})

t.test('a refusal comes back as it is', async (t) => {
  const set = new VoterSet(ids)
  await set.coordinator('a').execute(KEY, callOf('create'))
  t.match(await set.coordinator('a').execute(KEY, callOf('create')), {
    done: false,
    refusal: { code: 'CONFLICT' },
  })
})

t.test('a coordinator that cannot be reached is replaced by this node', async (t) => {
  const set = new VoterSet(ids)
  set.network.down.add('b')
  t.match(await set.coordinator('a').execute(KEY, callOf('create')), { done: true })
  t.equal(set.disk('a').learners.get(KEY)?.settled, true)
})

t.test('an answer that was lost does not apply the operation twice', async (t) => {
  const set = new VoterSet(ids)
  await set.coordinator('a').execute(KEY, callOf('create', 'x'))
  await settled()
  set.network.beforeAnswer = ({ kind }) => {
    if (kind === 'execute') throw new ClusterError('RPC_TIMEOUT', 'the answer is lost')
  }
  const outcome = await set.coordinator('a').execute(KEY, callOf('append', 'y'))
  t.strictSame(outcome.done && wordsIn(outcome.value), ['x', 'y'])
})

t.test('an error that says what is wrong is not tried elsewhere', async (t) => {
  const set = new VoterSet(ids)
  await t.rejects(set.coordinator('a').execute(KEY, callOf('create', 'x'.repeat(2 ** 20))), {
    code: 'VALUE_TOO_LARGE',
  })
  t.ok(set.network.sent.every(({ from, kind }) => from === 'b' || kind === 'execute'))
})

t.test('a silent coordinator is overtaken, and the operation applied once', async (t) => {
  const clock = new ManualClock()
  const set = new VoterSet(ids, { clock })
  await set.coordinator('a').execute(KEY, callOf('create', 'x'))
  await settled()
  const silence = deferred()
  set.network.beforeRequest = ({ kind, to }) => {
    if (kind === 'execute') return silence.promise
    if (kind === 'read' && to === 'b') throw new ClusterError('RPC_TIMEOUT', 'silence')
    return undefined
  }
  const outcome = set.coordinator('a').execute(KEY, callOf('append', 'y'))
  await settled()
  t.equal(set.network.sent.filter(({ kind, from }) => kind === 'prepare' && from === 'a').length, 0)
  await clock.advance(300)
  t.match(await outcome, { done: true })
  silence.resolve()
  await clock.advance(1000)
  const read = await set.reader('c').read(KEY)
  t.strictSame(wordsIn(read?.value), ['x', 'y'], 'also after the coordinator woke up')
})

t.test(
  'a busy coordinator is waited for: proposing beside its queue would only make that longer',
  async (t) => {
    const clock = new ManualClock()
    const set = new VoterSet(ids, { clock })
    await set.coordinator('a').execute(KEY, callOf('create', 'x'))
    await settled()
    const queue = deferred()
    set.network.beforeRequest = ({ kind }) => (kind === 'execute' ? queue.promise : undefined)
    const outcome = set.coordinator('a').execute(KEY, callOf('append', 'y'))
    await clock.advance(3000)
    queue.resolve()
    t.match(await outcome, { done: true })
    t.equal(set.network.sent.filter(({ kind, from }) => kind === 'prepare' && from === 'a').length, 0)
    t.equal(clock.pending, 0, 'nothing goes on asking')
  },
)

t.test('a coordinator that fell silent is passed over for two seconds', async (t) => {
  const clock = new ManualClock()
  const set = new VoterSet(ids, { clock })
  const coordinator = set.coordinator('a')
  const held = deferred()
  set.network.beforeRequest = ({ kind, to }) => {
    if (kind === 'execute') return held.promise
    if (to === 'b') throw new ClusterError('RPC_TIMEOUT', 'silence')
    return undefined
  }
  const first = coordinator.execute(KEY, callOf('create', 'x'))
  await clock.advance(300)
  t.match(await first, { done: true }, 'proposed here')
  set.network.beforeRequest = () => {}
  const second = coordinator.execute(KEY, callOf('append', 'y'))
  await clock.advance(500)
  t.match(await second, { done: true })
  t.equal(set.network.count('execute', 'c'), 1, 'the next in order coordinates')
  await clock.advance(1500)
  const third = coordinator.execute(KEY, callOf('append', 'z'))
  await clock.advance(500)
  t.match(await third, { done: true })
  t.equal(set.network.count('execute', 'b'), 2)
  held.resolve()
})

t.test('a forward over a row that is not settled begins with the one before, and asks nobody', async (t) => {
  const set = new VoterSet(ids)
  await set.coordinator('a').execute(KEY, callOf('create', 'x'))
  await settled()
  await set.accept('a', ballotOf(50), bytesOf(['x', 'orphan'], { version: 2 }), KEY)
  await set.coordinator('a').execute(KEY, callOf('append', 'y'))
  t.equal(set.network.count('read'), 0)
  const forwards = set.network.sent.filter(({ kind }) => kind === 'execute').map(({ request }) => request)
  t.match(forwards, [{ since: { version: 0 } }, { since: { version: 1 } }])
})

t.test('a forward over many votes, none of them known to be chosen, asks a majority first', async (t) => {
  const set = new VoterSet(ids)
  await set.coordinator('b').execute(KEY, callOf('create', 'x'))
  await settled()
  const readsAt = async (version: number) => {
    await set.accept('a', ballotOf(50 + version), bytesOf(['x', 'vote'], { version }), KEY)
    const before = set.network.count('read')
    await set.coordinator('a').execute(KEY, callOf('append', version))
    return set.network.count('read') - before
  }
  // Its outcome is kept from this node, so that its row stays as it is.
  set.network.beforeRequest = ({ kind, to }) => {
    if (kind === 'committed' && to === 'a') throw new ClusterError('RPC_TIMEOUT', 'the notice is lost')
  }
  t.equal(await readsAt(5), 0, 'four changes away')
  t.ok((await readsAt(40)) > 0, 'it would count as forgotten by the ring')
})

t.test('a forward over a row of which nothing older is known asks a majority first', async (t) => {
  for (const before of [undefined, null]) {
    const set = new VoterSet(ids)
    await set.coordinator('b').execute(KEY, callOf('create', 'x'))
    await settled()
    await set.accept('a', ballotOf(50), bytesOf(['x', 'orphan'], { version: 2 }), KEY)
    set.storage('a').chosenBefore = () => before
    await set.coordinator('a').execute(KEY, callOf('append', 'y'))
    t.ok(set.network.count('read') > 0, `known: ${before}`)
  }
})

t.test('what waited until nobody waits for it any more is not begun', async (t) => {
  const clock = new ManualClock()
  const set = new VoterSet(ids, { clock })
  const coordinator = set.coordinator('b')
  await coordinator.execute(KEY, callOf('create', 'x'))
  const gate = deferred()
  set.network.beforeRequest = () => gate.promise
  const slow = coordinator.execute(KEY, callOf('append', 'slow'))
  const own = coordinator.execute(KEY, callOf('append', 'own'))
  const forwarded = coordinator.executeForwarded(KEY, callOf('append', 'forwarded'), since(1))
  await clock.advance(4000)
  gate.resolve()
  await slow
  await t.rejects(own, { code: 'NO_QUORUM' })
  await t.rejects(forwarded, { code: 'OUTCOME_UNKNOWN' }, 'another node may have done it')
  t.strictSame(wordsIn((await set.reader('b').read(KEY))?.value), ['x', 'slow'])
})

t.test('operations on one key take turns and so do not collide', async (t) => {
  const set = new VoterSet(ids)
  const coordinator = set.coordinator('b')
  await coordinator.execute(KEY, callOf('create', 0))
  const words = Array.from({ length: 20 }, (_, i) => i + 1)
  await Promise.all(words.map((word) => coordinator.execute(KEY, callOf('append', word))))
  const read = await set.reader('b').read(KEY)
  t.strictSame(wordsIn(read?.value), [0, ...words])
  t.equal(read && decodeValue(read.value).version, 21)
  t.equal(set.network.count('accept'), 21 * 3, 'one round each')
  t.equal(set.network.count('prepare'), 3, 'later ones stand on the promises of the one before')
})

t.test('a failed operation does not hold up the next', async (t) => {
  const set = new VoterSet(ids)
  const coordinator = set.coordinator('b')
  const failing = coordinator.execute(KEY, callOf('no such operation'))
  const next = coordinator.execute(KEY, callOf('create'))
  await t.rejects(failing, { code: 'UNKNOWN_OPERATION' })
  t.match(await next, { done: true })
})

t.test('the queue of a key is bounded', async (t) => {
  const set = new VoterSet(ids)
  const gate = deferred()
  set.network.beforeRequest = () => gate.promise
  const coordinator = set.coordinator('b')
  const waiting = Array.from({ length: 1000 }, () =>
    coordinator.execute(KEY, callOf('nothing')).catch(() => {}),
  )
  await t.rejects(coordinator.execute(KEY, callOf('create')), { code: 'NO_QUORUM' })
  gate.resolve()
  await Promise.all(waiting)
  t.match(await coordinator.execute(KEY, callOf('create')), { done: true })
})
