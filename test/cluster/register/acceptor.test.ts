import t from 'tap'
import { hasCode } from '../../../cluster/errors.ts'
import { Acceptor } from '../../../cluster/register/acceptor.ts'
import { MemoryRegisterDisk, MemoryRegisterStorage } from '../../helpers/memory-register-storage.ts'
import { deferred } from '../../helpers/deferred.ts'
import { settled } from '../../helpers/manual-clock.ts'
import { ballotOf, bytesOf, configOf, KEY } from './register-fixture.ts'

const value = bytesOf('one')

function acceptorOf(options: { sync?: () => Promise<void>; abstains?: () => string | null } = {}) {
  const disk = new MemoryRegisterDisk('disk')
  const storage = new MemoryRegisterStorage(disk, options)
  const config = configOf(['a', 'b', 'c'])
  const abstains = options.abstains ?? (() => null)
  const acceptor = new Acceptor({ self: 'a', config: { current: () => config }, storage, abstains })
  return { acceptor, disk, storage, config }
}

t.test('the first promise shows an empty register', async (t) => {
  const { acceptor, disk } = acceptorOf()
  const answer = await acceptor.prepare(KEY, ballotOf(1))
  t.match(answer, { promised: true, accepted: null, floor: { counter: 0 } })
  t.strictSame(disk.acceptors.get(KEY), { promised: ballotOf(1), accepted: null })
})

t.test('a promise shows what was accepted before', async (t) => {
  const { acceptor } = acceptorOf()
  await acceptor.accept(KEY, ballotOf(1), value)
  const answer = await acceptor.prepare(KEY, ballotOf(2))
  t.match(answer, { promised: true, accepted: { ballot: ballotOf(1), value } })
})

t.test('a ballot below the promised one is refused and told which', async (t) => {
  const { acceptor } = acceptorOf()
  await acceptor.prepare(KEY, ballotOf(5))
  t.match(await acceptor.prepare(KEY, ballotOf(4)), { promised: false, highest: ballotOf(5) })
  t.match(await acceptor.accept(KEY, ballotOf(4), value), { accepted: false, highest: ballotOf(5) })
})

t.test('nobody is promised the same ballot twice', async (t) => {
  const { acceptor } = acceptorOf()
  await acceptor.prepare(KEY, ballotOf(5))
  t.match(await acceptor.prepare(KEY, ballotOf(5)), { promised: false, highest: ballotOf(5) })
})

t.test('equal counters are ordered by the nonce', async (t) => {
  const { acceptor } = acceptorOf()
  await acceptor.prepare(KEY, ballotOf(5, '7'))
  t.match(await acceptor.prepare(KEY, ballotOf(5, '6')), { promised: false })
  t.match(await acceptor.prepare(KEY, ballotOf(5, '8')), { promised: true })
})

t.test('an accept at the promised ballot is taken, and one above it as well', async (t) => {
  const { acceptor, disk } = acceptorOf()
  await acceptor.prepare(KEY, ballotOf(1))
  t.match(await acceptor.accept(KEY, ballotOf(1), value), { accepted: true })
  t.match(await acceptor.accept(KEY, ballotOf(3), bytesOf('two')), { accepted: true })
  t.strictSame(disk.acceptors.get(KEY)?.promised, ballotOf(3), 'an accept is a promise too')
})

t.test('the same accept twice is a success that writes once', async (t) => {
  const { acceptor, disk } = acceptorOf()
  await acceptor.accept(KEY, ballotOf(1), value)
  t.match(await acceptor.accept(KEY, ballotOf(1), value), { accepted: true })
  t.equal(disk.voteSequence, 1)
})

t.test('a repeated accept is a success even when a higher ballot was promised since', async (t) => {
  const { acceptor } = acceptorOf()
  await acceptor.accept(KEY, ballotOf(1), value)
  await acceptor.prepare(KEY, ballotOf(2))
  t.match(await acceptor.accept(KEY, ballotOf(1), value), { accepted: true })
})

t.test('two values under one ballot are damage', async (t) => {
  const { acceptor, disk } = acceptorOf()
  await acceptor.accept(KEY, ballotOf(1), value)
  await t.rejects(acceptor.accept(KEY, ballotOf(1), bytesOf('another')), { code: 'CORRUPT_VALUE' })
  t.strictSame(disk.acceptors.get(KEY)?.accepted?.value, value, 'the first stays')
})

t.test('keys do not know of each other', async (t) => {
  const { acceptor } = acceptorOf()
  await acceptor.prepare('one', ballotOf(9))
  t.match(await acceptor.prepare('two', ballotOf(1)), { promised: true })
})

t.test('nothing is answered before its sync', async (t) => {
  const disk = deferred()
  const { acceptor } = acceptorOf({ sync: () => disk.promise })
  let answers = 0
  const count = () => answers++
  const promise = acceptor.prepare(KEY, ballotOf(1)).then(count)
  const accept = acceptor.accept(KEY, ballotOf(1), value).then(count)
  const again = acceptor.accept(KEY, ballotOf(1), value).then(count)
  await settled()
  t.equal(answers, 0)
  disk.resolve()
  await Promise.all([promise, accept, again])
})

t.test('a decision sees the ones before it that are still being written', async (t) => {
  const disk = deferred()
  const { acceptor } = acceptorOf({ sync: () => disk.promise })
  const accepted = acceptor.accept(KEY, ballotOf(5), value)
  t.match(await acceptor.prepare(KEY, ballotOf(4)), { promised: false, highest: ballotOf(5) })
  const promised = acceptor.prepare(KEY, ballotOf(6))
  disk.resolve()
  await accepted
  t.match(await promised, { promised: true, accepted: { ballot: ballotOf(5) } })
})

t.test('a read sees only what is durable', async (t) => {
  const disk = deferred()
  const { acceptor } = acceptorOf({ sync: () => disk.promise })
  const accepted = acceptor.accept(KEY, ballotOf(1), value)
  await settled()
  t.strictSame(acceptor.read(KEY, null), { held: null })
  disk.resolve()
  await accepted
  t.match(acceptor.read(KEY, null), { held: { ballot: ballotOf(1), value } })
})

t.test('a read leaves out a value that the asker knows', async (t) => {
  const { acceptor } = acceptorOf()
  await acceptor.accept(KEY, ballotOf(1), value)
  t.equal(acceptor.read(KEY, ballotOf(1)).held?.value, null)
  t.strictSame(acceptor.read(KEY, ballotOf(2)).held?.value, value)
})

t.test('a read promises nothing and writes nothing', async (t) => {
  const { acceptor, disk } = acceptorOf()
  acceptor.read(KEY, null)
  t.equal(disk.voteSequence, 0)
})

t.test('a failed write is no vote', async (t) => {
  let isBroken = true
  const sync = () => (isBroken ? Promise.reject(new Error('I/O error')) : Promise.resolve())
  const { acceptor, disk } = acceptorOf({ sync })
  await t.rejects(acceptor.accept(KEY, ballotOf(5), value), { message: 'I/O error' })
  isBroken = false
  t.equal(disk.acceptors.size, 0)
  t.match(await acceptor.prepare(KEY, ballotOf(1)), { promised: true, accepted: null })
})

t.test('who abstains neither promises, accepts nor answers reads', async (t) => {
  const { acceptor, disk } = acceptorOf({ abstains: () => 'amnesia' })
  await t.rejects(acceptor.prepare(KEY, ballotOf(1)), { code: 'NOT_VOTING' })
  await t.rejects(acceptor.accept(KEY, ballotOf(1), value), { code: 'NOT_VOTING' })
  t.throws(() => acceptor.read(KEY, null), { code: 'NOT_VOTING' })
  t.equal(disk.voteSequence, 0)
})

t.test('a node outside the voters does not vote; a voter to come does', async (t) => {
  const { acceptor, config } = acceptorOf()
  config.voters = ['b', 'c', 'd']
  const error = await acceptor.prepare(KEY, ballotOf(1)).catch((reason: unknown) => reason)
  t.ok(hasCode(error, 'NOT_VOTING'))
  config.joint = ['a', 'b', 'c']
  t.match(await acceptor.prepare(KEY, ballotOf(1)), { promised: true })
})

t.test('every vote carries the database and its growing sequence', async (t) => {
  const { acceptor } = acceptorOf()
  const first = await acceptor.prepare(KEY, ballotOf(1))
  const second = await acceptor.accept(KEY, ballotOf(1), value)
  t.equal(first.identity.dbUuid, 'disk')
  t.equal(second.identity.voteSequence, first.identity.voteSequence + 1)
})
