import t from 'tap'
import { ClusterError, hasCode } from '../../../cluster/errors.ts'
import { Acceptor } from '../../../cluster/register/acceptor.ts'
import { BallotSource } from '../../../cluster/register/ballot-source.ts'
import { justAbove, type Ballot } from '../../../cluster/register/ballot.ts'
import type { ReadAnswer } from '../../../cluster/register/vote-messages.ts'
import { CurrentConfig } from '../../../cluster/register/current-config.ts'
import { EpochFence } from '../../../cluster/register/epoch-fence.ts'
import type { ClusterConfig } from '../../../cluster/membership/cluster-config.ts'
import { MemoryNetwork } from '../../helpers/memory-network.ts'
import { MemoryRegisterDisk, MemoryRegisterStorage } from '../../helpers/memory-register-storage.ts'
import { valueDigest } from '../../../cluster/register/register-value.ts'
import { deferred } from '../../helpers/deferred.ts'
import { settled } from '../../helpers/manual-clock.ts'
import { ballotOf, bytesOf, configOf, KEY } from './register-fixture.ts'

const value = bytesOf('one')
const EPOCH = 1

function readOne(acceptor: Acceptor, known: Ballot | null = null): ReadAnswer | undefined {
  return acceptor.read(EPOCH, [{ key: KEY, known }]).answers[0]
}

interface Options {
  sync?: () => Promise<void>
  abstains?: () => string | null
  config?: ClusterConfig
}

function acceptorOf(options: Options = {}) {
  const disk = new MemoryRegisterDisk('disk')
  const storage = new MemoryRegisterStorage(disk, options)
  const config = new CurrentConfig(storage, options.config ?? configOf(['a', 'b', 'c']))
  const abstains = options.abstains ?? (() => null)
  const damages: Error[] = []
  const onDamage = (error: Error) => void damages.push(error)
  const fence = new EpochFence({ self: 'a', rpc: new MemoryNetwork().join('a'), config, storage })
  const ballots = new BallotSource('a'.repeat(16))
  const parts = { self: 'a', startNonce: 'a', config, fence, storage, ballots, abstains, onDamage }
  return { acceptor: new Acceptor(parts), disk, storage, config, ballots, damages }
}

t.test('the first promise shows an empty register', async (t) => {
  const { acceptor, disk } = acceptorOf()
  const answer = await acceptor.prepare(EPOCH, KEY, ballotOf(1))
  t.match(answer, { promised: true, accepted: null, floor: { counter: 0 } })
  t.strictSame(disk.acceptors.get(KEY), { promised: ballotOf(1), accepted: null })
})

t.test('a promise shows what was accepted before', async (t) => {
  const { acceptor } = acceptorOf()
  await acceptor.accept(EPOCH, { key: KEY, ballot: ballotOf(1), value })
  const answer = await acceptor.prepare(EPOCH, KEY, ballotOf(2))
  t.match(answer, { promised: true, accepted: { ballot: ballotOf(1), value } })
})

t.test('a ballot below the promised one is refused and told which', async (t) => {
  const { acceptor } = acceptorOf()
  await acceptor.prepare(EPOCH, KEY, ballotOf(5))
  t.match(await acceptor.prepare(EPOCH, KEY, ballotOf(4)), { promised: false, highest: ballotOf(5) })
  t.match(await acceptor.accept(EPOCH, { key: KEY, ballot: ballotOf(4), value }), {
    accepted: false,
    highest: ballotOf(5),
  })
})

t.test('nobody is promised the same ballot twice', async (t) => {
  const { acceptor } = acceptorOf()
  await acceptor.prepare(EPOCH, KEY, ballotOf(5))
  t.match(await acceptor.prepare(EPOCH, KEY, ballotOf(5)), { promised: false, highest: ballotOf(5) })
})

t.test('equal counters are ordered by the nonce', async (t) => {
  const { acceptor } = acceptorOf()
  await acceptor.prepare(EPOCH, KEY, ballotOf(5, '7'))
  t.match(await acceptor.prepare(EPOCH, KEY, ballotOf(5, '6')), { promised: false })
  t.match(await acceptor.prepare(EPOCH, KEY, ballotOf(5, '8')), { promised: true })
})

t.test('an accept at the promised ballot is taken, and one above it as well', async (t) => {
  const { acceptor, disk } = acceptorOf()
  await acceptor.prepare(EPOCH, KEY, ballotOf(1))
  t.match(await acceptor.accept(EPOCH, { key: KEY, ballot: ballotOf(1), value }), { accepted: true })
  t.match(await acceptor.accept(EPOCH, { key: KEY, ballot: ballotOf(3), value: bytesOf('two') }), {
    accepted: true,
  })
  t.strictSame(disk.acceptors.get(KEY)?.promised, ballotOf(3), 'an accept is a promise too')
})

t.test('an accept promises the ballot that is asked for along with it, in the same write', async (t) => {
  const { acceptor, disk } = acceptorOf()
  const request = { key: KEY, ballot: ballotOf(1), value, next: ballotOf(4) }
  t.match(await acceptor.accept(EPOCH, request), { accepted: true, hasPromised: true })
  t.equal(acceptor.read(EPOCH, []).identity.voteSequence, 1)
  t.match(disk.acceptors.get(KEY), { promised: ballotOf(4), accepted: { ballot: ballotOf(1) } })
  t.match(await acceptor.prepare(EPOCH, KEY, ballotOf(3)), { promised: false, highest: ballotOf(4) })
  t.match(await acceptor.accept(EPOCH, request), { accepted: true, hasPromised: true }, 'asked once more')
  await acceptor.prepare(EPOCH, KEY, ballotOf(5))
  t.match(await acceptor.accept(EPOCH, request), { accepted: true, hasPromised: false }, 'promised on since')
})

t.test('what was accepted without a promise promises nothing when it is asked for again', async (t) => {
  const { acceptor } = acceptorOf()
  const request = { key: KEY, ballot: ballotOf(1), value }
  t.match(await acceptor.accept(EPOCH, request), { accepted: true, hasPromised: false })
  t.match(await acceptor.accept(EPOCH, { ...request, next: ballotOf(4) }), { hasPromised: false })
  t.match(await acceptor.prepare(EPOCH, KEY, ballotOf(3)), { promised: true })
})

t.test('a ballot below the accepted one lowers no promise', async (t) => {
  const { acceptor, disk } = acceptorOf()
  await acceptor.accept(EPOCH, { key: KEY, ballot: ballotOf(4), value, next: ballotOf(2) })
  t.match(disk.acceptors.get(KEY), { promised: ballotOf(4) })
})

t.test('what this node proposes next is above what it has promised others', async (t) => {
  const { acceptor, ballots } = acceptorOf()
  await acceptor.accept(EPOCH, { key: KEY, ballot: ballotOf(6), value, next: ballotOf(7) })
  t.equal(ballots.next().counter, 8)
})

t.test('the same accept twice is a success that writes once', async (t) => {
  const { acceptor, disk } = acceptorOf()
  await acceptor.accept(EPOCH, { key: KEY, ballot: ballotOf(1), value })
  t.match(await acceptor.accept(EPOCH, { key: KEY, ballot: ballotOf(1), value }), { accepted: true })
  t.equal(disk.voteSequence, 1)
})

t.test('a repeated accept is a success even when a higher ballot was promised since', async (t) => {
  const { acceptor } = acceptorOf()
  await acceptor.accept(EPOCH, { key: KEY, ballot: ballotOf(1), value })
  await acceptor.prepare(EPOCH, KEY, ballotOf(2))
  t.match(await acceptor.accept(EPOCH, { key: KEY, ballot: ballotOf(1), value }), { accepted: true })
})

t.test('two values under one ballot are damage', async (t) => {
  const { acceptor, disk } = acceptorOf()
  await acceptor.accept(EPOCH, { key: KEY, ballot: ballotOf(1), value })
  await t.rejects(acceptor.accept(EPOCH, { key: KEY, ballot: ballotOf(1), value: bytesOf('another') }), {
    code: 'CORRUPT_VALUE',
  })
  t.strictSame(disk.acceptors.get(KEY)?.accepted?.value, value, 'the first stays')
})

t.test('keys do not know of each other', async (t) => {
  const { acceptor } = acceptorOf()
  await acceptor.prepare(EPOCH, 'one', ballotOf(9))
  t.match(await acceptor.prepare(EPOCH, 'two', ballotOf(1)), { promised: true })
})

t.test('nothing is answered before its sync', async (t) => {
  const disk = deferred()
  const { acceptor } = acceptorOf({ sync: () => disk.promise })
  let answers = 0
  const count = () => answers++
  const promise = acceptor.prepare(EPOCH, KEY, ballotOf(1)).then(count)
  const accept = acceptor.accept(EPOCH, { key: KEY, ballot: ballotOf(1), value }).then(count)
  const again = acceptor.accept(EPOCH, { key: KEY, ballot: ballotOf(1), value }).then(count)
  await settled()
  t.equal(answers, 0)
  disk.resolve()
  await Promise.all([promise, accept, again])
})

t.test('a decision sees the ones before it that are still being written', async (t) => {
  const disk = deferred()
  const { acceptor } = acceptorOf({ sync: () => disk.promise })
  const accepted = acceptor.accept(EPOCH, { key: KEY, ballot: ballotOf(5), value })
  t.match(await acceptor.prepare(EPOCH, KEY, ballotOf(4)), { promised: false, highest: ballotOf(5) })
  const promised = acceptor.prepare(EPOCH, KEY, ballotOf(6))
  disk.resolve()
  await accepted
  t.match(await promised, { promised: true, accepted: { ballot: ballotOf(5) } })
})

t.test('a read sees only what is durable', async (t) => {
  const disk = deferred()
  const { acceptor } = acceptorOf({ sync: () => disk.promise })
  const accepted = acceptor.accept(EPOCH, { key: KEY, ballot: ballotOf(1), value })
  await settled()
  t.strictSame(readOne(acceptor), { held: null })
  disk.resolve()
  await accepted
  t.match(readOne(acceptor), { held: { ballot: ballotOf(1), value } })
})

t.test('a read leaves out a value that the asker knows', async (t) => {
  const { acceptor } = acceptorOf()
  await acceptor.accept(EPOCH, { key: KEY, ballot: ballotOf(1), value })
  t.equal(readOne(acceptor, ballotOf(1))?.held?.value, null)
  t.strictSame(readOne(acceptor, ballotOf(2))?.held?.value, value)
})

t.test('a read promises nothing and writes nothing', async (t) => {
  const { acceptor, disk } = acceptorOf()
  readOne(acceptor)
  t.equal(disk.voteSequence, 0)
})

t.test('a failed write is no vote', async (t) => {
  let isBroken = true
  const sync = () => (isBroken ? Promise.reject(new Error('I/O error')) : Promise.resolve())
  const { acceptor, disk } = acceptorOf({ sync })
  await t.rejects(acceptor.accept(EPOCH, { key: KEY, ballot: ballotOf(5), value }), { message: 'I/O error' })
  isBroken = false
  t.equal(disk.acceptors.size, 0)
  t.match(await acceptor.prepare(EPOCH, KEY, ballotOf(1)), { promised: true, accepted: null })
})

t.test('who abstains neither promises, accepts nor answers reads', async (t) => {
  const { acceptor, disk } = acceptorOf({ abstains: () => 'amnesia' })
  await t.rejects(acceptor.prepare(EPOCH, KEY, ballotOf(1)), { code: 'NOT_VOTING' })
  await t.rejects(acceptor.accept(EPOCH, { key: KEY, ballot: ballotOf(1), value }), { code: 'NOT_VOTING' })
  t.throws(() => readOne(acceptor), { code: 'NOT_VOTING' })
  t.equal(disk.voteSequence, 0)
})

t.test('a node outside the voters does not vote; a voter to come does', async (t) => {
  const outside = acceptorOf({ config: configOf(['b', 'c', 'd']) })
  const error = await outside.acceptor.prepare(EPOCH, KEY, ballotOf(1)).catch((reason: unknown) => reason)
  t.ok(hasCode(error, 'NOT_VOTING'))
  const { acceptor } = acceptorOf({ config: configOf(['b', 'c', 'd'], { joint: ['a', 'b', 'c'] }) })
  t.match(await acceptor.prepare(EPOCH, KEY, ballotOf(1)), { promised: true })
})

t.test('every vote carries the database and its growing sequence', async (t) => {
  const { acceptor } = acceptorOf()
  const first = await acceptor.prepare(EPOCH, KEY, ballotOf(1))
  const second = await acceptor.accept(EPOCH, { key: KEY, ballot: ballotOf(1), value })
  t.equal(first.identity.dbUuid, 'disk')
  t.equal(second.identity.voteSequence, first.identity.voteSequence + 1)
})

t.test('a vote of another epoch than the one in force is refused, with the newer config', async (t) => {
  const { acceptor, config } = acceptorOf()
  const newer = bytesOf({ ...configOf(['a', 'b', 'c']), epoch: 2 })
  await config.adopt({ ballot: ballotOf(9), value: newer, digest: valueDigest(newer), settled: true })
  await t.rejects(acceptor.prepare(EPOCH, KEY, ballotOf(1)), {
    code: 'STALE_EPOCH',
    fields: { config: { ballot: ballotOf(9) } },
  })
  t.match(await acceptor.prepare(2, KEY, ballotOf(1)), { promised: true })
})

t.test(
  'a register is removed only while it holds the very ballot; what is absent behaves as promised',
  async (t) => {
    const { acceptor, disk } = acceptorOf()
    await acceptor.accept(EPOCH, { key: KEY, ballot: ballotOf(5), value })
    t.equal(await acceptor.remove(EPOCH, KEY, ballotOf(4)), false, 'it moved on')
    t.equal(await acceptor.remove(EPOCH, KEY, ballotOf(5)), true)
    t.equal(disk.acceptors.size, 0)
    t.equal(await acceptor.remove(EPOCH, KEY, ballotOf(5)), true, 'again, after a lost answer')
    t.match(await acceptor.accept(EPOCH, { key: KEY, ballot: ballotOf(4), value }), {
      accepted: false,
      highest: justAbove(ballotOf(5)),
    })
    t.match(
      await acceptor.accept(EPOCH, { key: KEY, ballot: ballotOf(5), value }),
      { accepted: false },
      'a duplicate of the last accept',
    )
    t.match(
      await acceptor.prepare(EPOCH, 'other', ballotOf(5)),
      { promised: false },
      'the floor is of the node',
    )
    t.match(await acceptor.prepare(EPOCH, KEY, ballotOf(6)), {
      promised: true,
      accepted: null,
      floor: justAbove(ballotOf(5)),
    })
  },
)

t.test('a register that somebody else was promised stays: its tombstone was told', async (t) => {
  const { acceptor } = acceptorOf()
  await acceptor.accept(EPOCH, { key: KEY, ballot: ballotOf(5), value })
  t.match(await acceptor.prepare(EPOCH, KEY, ballotOf(6)), { promised: true, accepted: { value } })
  t.equal(await acceptor.remove(EPOCH, KEY, ballotOf(5)), false)
  t.match(await acceptor.accept(EPOCH, { key: KEY, ballot: ballotOf(6), value }), { accepted: true })
})

t.test(
  'the last accept that comes a second time, while the register is being removed, is refused',
  async (t) => {
    const { acceptor } = acceptorOf()
    await acceptor.accept(EPOCH, { key: KEY, ballot: ballotOf(5), value })
    const removal = acceptor.remove(EPOCH, KEY, ballotOf(5))
    const repeated = acceptor.accept(EPOCH, { key: KEY, ballot: ballotOf(5), value })
    t.equal(await removal, true)
    t.match(await repeated, { accepted: false })
    t.match(acceptor.read(EPOCH, [{ key: KEY, known: null }]), { answers: [{ held: null }] })
  },
)

t.test('nothing is removed while the voters change', async (t) => {
  const { acceptor } = acceptorOf({ config: configOf(['a', 'b', 'c'], { joint: ['a', 'b', 'd'] }) })
  await acceptor.accept(EPOCH, { key: KEY, ballot: ballotOf(5), value })
  await t.rejects(acceptor.remove(EPOCH, KEY, ballotOf(5)), { code: 'MEMBERSHIP_REFUSED' })
})

t.test('a damaged vote is told to whoever decides about voting', async (t) => {
  const { acceptor, disk, damages } = acceptorOf()
  disk.acceptors.get = () => {
    throw new ClusterError('CORRUPT_VALUE', 'its checksum fails')
  }
  await t.rejects(acceptor.prepare(EPOCH, KEY, ballotOf(1)), { code: 'CORRUPT_VALUE' })
  t.equal(damages.length, 1)
})
