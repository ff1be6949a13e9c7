import { MemoryLevel } from 'memory-level'
import t from 'tap'
import { ZERO_BALLOT } from '../../../cluster/register/ballot.ts'
import type { LearnerRow } from '../../../cluster/register/storage.ts'
import { silentLog, systemRandom } from '../../../cluster/runtime.ts'
import { Database, type LevelHandle, type WriteOp } from '../../../node/store/database.ts'
import { KEYSPACES, rootKey } from '../../../node/store/keyspaces.ts'
import { RegisterStore } from '../../../node/store/register-store.ts'
import { accepted, ballot, registerStorageSuite, row, shown } from '../../suites/register-storage.ts'
import { flipBit, openedStore, openStore, tamper } from './store-fixture.ts'

/** A database in memory that counts syncs and fails on demand. */
class FailingLevel implements LevelHandle {
  fails = false
  syncs = 0
  readonly #level = new MemoryLevel<Buffer, Buffer>({
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    storeEncoding: 'buffer',
  })

  async batch(operations: WriteOp[], { sync }: { sync: boolean }): Promise<void> {
    if (this.fails) throw new Error('IO error: disk on fire')
    if (sync) this.syncs++
    await this.#level.batch(operations)
  }

  /** Behind the back of the store. */
  async lose(tag: number): Promise<void> {
    await this.#level.clear({ gte: Buffer.of(tag), lt: Buffer.of(tag + 1) })
  }

  getSync = (key: Buffer) => this.#level.getSync(key)
  iterator = (range: object) => this.#level.iterator(range)
  keys = (range: object) => this.#level.keys(range)
  close = () => this.#level.close()
  open = () => this.#level.open()
}

registerStorageSuite(t, {
  name: 'LevelDB',
  open: async (t, { logEntriesMax }) =>
    (await openedStore(t, { changeLogEntriesMax: logEntriesMax })).store.registers,
})

void t.test('everything is there after closing and opening', async (t) => {
  const directory = t.testdir()
  const first = await openStore(directory)
  await first.registers.vote('image/a', accepted(2, 'two'), true)
  await first.registers.vote('image/b', { promised: ballot(7), accepted: null }, false)
  await first.registers.learn('image/c', row(4, 'four', true))
  await first.registers.learn('image/a', row(2, 'two', true))
  await first.registers.setCursor('peer', { dbUuid: 'e'.repeat(32), sequence: 5 })
  await first.registers.raiseFloor(ballot(3))
  await first.registers.setOwnerValue('config', Buffer.from('bytes'))
  const identity = first.registers.identity()
  await first.close()

  const found: [string, unknown][] = []
  const onFound = (key: string, known: LearnerRow | null) => found.push([key, shown(known)])
  const { registers } = (await openedStore(t, { directory, onFound })).store
  t.equal(registers.isIntact, true)
  t.same(registers.identity(), identity)
  t.same(registers.acceptorState('image/b'), { promised: ballot(7), accepted: null })
  t.same(shown(registers.learned('image/a')), shown(row(2, 'two', true)))
  t.same(registers.unsettledKeys(), [])
  t.same(registers.learnedKeys(), ['image/a', 'image/c'])
  t.same(found, [
    ['image/a', shown(row(2, 'two', true))],
    ['image/c', shown(row(4, 'four', true))],
  ])
  t.same(registers.cursor('peer'), { dbUuid: 'e'.repeat(32), sequence: 5 })
  t.same(registers.floor(), ballot(3))
  t.equal(Buffer.from(registers.ownerValue('config') ?? []).toString(), 'bytes')
  t.equal(registers.ownerValue('other'), null)
  t.match(registers.changesSince(null, 10), { head: 1, entries: [{ sequence: 1, key: 'image/a' }] })
})

void t.test('the floor is never lowered', async (t) => {
  const { store } = await openedStore(t)
  t.same(store.registers.floor(), ZERO_BALLOT)
  await Promise.all([store.registers.raiseFloor(ballot(5)), store.registers.raiseFloor(ballot(2))])
  t.same(store.registers.floor(), ballot(5))
})

void t.test('a removed register leaves nothing, and the accumulator still fits', async (t) => {
  const directory = t.testdir()
  const first = await openStore(directory)
  await first.registers.vote('image/a', accepted(1, 'one'), true)
  await first.registers.vote('image/b', accepted(1, 'one'), true)
  await first.registers.remove('image/a', ballot(2))
  t.same(first.registers.floor(), ballot(2))
  t.equal(first.registers.acceptorState('image/a'), null)
  t.equal(first.registers.learned('image/a'), null)
  t.same(first.registers.learnedKeys(), ['image/b'])
  await first.close()
  const { store } = await openedStore(t, { directory })
  t.equal(store.registers.isIntact, true)
  t.equal(store.registers.acceptorState('image/a'), null)
})

void t.test(
  'an acceptor row that was changed is refused, and the node knows at the next start',
  async (t) => {
    const directory = t.testdir()
    const first = await openStore(directory)
    await first.registers.vote('image/a', accepted(1, 'one'), true)
    await first.close()
    await tamper(directory, 'meta', KEYSPACES.acceptor.tag, flipBit)
    const { store } = await openedStore(t, { directory })
    t.equal(store.registers.isIntact, false)
    t.throws(() => store.registers.acceptorState('image/a'), { code: 'CORRUPT_VALUE', message: /image\/a/ })
    await t.rejects(store.registers.vote('image/b', accepted(1, 'b'), true), { code: 'NOT_VOTING' })
    await t.rejects(store.registers.remove('image/a', ballot(1)), { code: 'NOT_VOTING' })
  },
)

void t.test('a lost, and a rolled back, acceptor row is noticed', async (t) => {
  for (const kind of ['lost', 'rolled back']) {
    const directory = t.testdir()
    const first = await openStore(directory)
    await first.registers.vote('image/a', accepted(1, 'one'), true)
    await first.close()
    let old: Buffer | null = null
    await tamper(directory, 'meta', KEYSPACES.acceptor.tag, (value) => (old = value))
    const second = await openStore(directory)
    t.equal(second.registers.isIntact, true)
    await second.registers.vote('image/a', accepted(2, 'two'), true)
    await second.close()
    await tamper(directory, 'meta', KEYSPACES.acceptor.tag, () => (kind === 'lost' ? null : old))
    const third = await openStore(directory)
    t.equal(third.registers.isIntact, false, kind)
    await third.close()
  }
})

void t.test('a vote row that goes while the process runs is damage; a removed register is not', async (t) => {
  const level = new FailingLevel()
  const parts = { database: new Database(level), random: systemRandom, log: silentLog }
  const before = await RegisterStore.open(parts)
  for (const key of ['image/a', 'image/b']) await before.vote(key, accepted(1, key), true)
  const store = await RegisterStore.open(parts)
  await store.remove('image/b', ballot(2))
  t.equal(store.acceptorState('image/b'), null)
  await level.lose(KEYSPACES.acceptor.tag)
  t.throws(() => store.acceptorState('image/a'), { code: 'CORRUPT_VALUE' })
  t.equal(store.acceptorState('image/b'), null)
})

void t.test('a vote of this process is known without its row, which the next one brings back', async (t) => {
  const level = new FailingLevel()
  const parts = { database: new Database(level), random: systemRandom, log: silentLog }
  const store = await RegisterStore.open(parts)
  await store.vote('image/a', accepted(1, 'one'), true)
  await level.lose(KEYSPACES.acceptor.tag)
  t.match(store.acceptorState('image/a'), accepted(1, 'one'))
  await store.vote('image/a', accepted(2, 'two'), true)
  t.equal(await store.checkVotes(noPause), true)
  t.match((await RegisterStore.open(parts)).acceptorState('image/a'), accepted(2, 'two'))
})

const noPause = () => Promise.resolve()

void t.test('all votes can be checked while more are written', async (t) => {
  const level = new FailingLevel()
  const store = await RegisterStore.open({
    database: new Database(level),
    random: systemRandom,
    log: silentLog,
  })
  const progress = { votes: 0 }
  const voteOften = async () => {
    while (progress.votes < 3000) {
      const counter = ++progress.votes
      await store.vote(`image/${counter % 1700}`, accepted(counter, 'x'.repeat(200)), true)
    }
  }
  const voting = Promise.all([voteOften(), voteOften(), voteOften()])
  const checks: boolean[] = []
  while (progress.votes < 3000) checks.push(await store.checkVotes(() => new Promise(setImmediate)))
  await voting
  t.ok(checks.length > 1)
  t.notOk(checks.includes(false))
  t.equal(store.isIntact, true)
})

void t.test('a check finds a vote that was damaged or lost since the start', async (t) => {
  for (const kind of ['flipped', 'lost'] as const) {
    const level = new FailingLevel()
    const database = new Database(level)
    const store = await RegisterStore.open({ database, random: systemRandom, log: silentLog })
    await store.vote('image/a', accepted(1, 'one'), true)
    await store.vote('image/b', accepted(2, 'two'), true)
    t.equal(await store.checkVotes(noPause), true)
    for await (const page of database.pages({
      gte: Buffer.of(KEYSPACES.acceptor.tag),
      lt: Buffer.of(KEYSPACES.acceptor.tag + 1),
    })) {
      const [key, value] = page[0] as [Buffer, Buffer]
      await database.write([
        kind === 'lost' ? { type: 'del', key } : { type: 'put', key, value: flipBit(Buffer.from(value)) },
      ])
    }
    t.equal(await store.checkVotes(noPause), false, kind)
    t.equal(store.isIntact, false)
    await t.rejects(store.vote('image/c', accepted(1, 'x'), true), { code: 'NOT_VOTING' })
    await store.renewIdentity(false)
    t.equal(await store.checkVotes(noPause), true, 'a new identity begins without votes')
  }
})

void t.test('votes that were given up while they were checked prove nothing', async (t) => {
  const store = await RegisterStore.open({
    database: new Database(new FailingLevel()),
    random: systemRandom,
    log: silentLog,
  })
  for (let i = 0; i < 3; i++) await store.vote(`image/${i}`, accepted(1, 'one'), true)
  const checked = store.checkVotes(() => store.renewIdentity(true))
  t.equal(await checked, true)
  t.equal(store.isIntact, true)
})

void t.test('a damaged vote state means that nothing is known about the votes', async (t) => {
  for (const change of [flipBit, () => null]) {
    const directory = t.testdir()
    const first = await openStore(directory)
    const { dbUuid } = first.registers.identity()
    await first.registers.vote('image/a', accepted(1, 'one'), true)
    await first.close()
    await tamper(directory, 'meta', KEYSPACES.singleton.tag, change)
    const second = await openStore(directory)
    t.equal(second.registers.isIntact, false)
    t.not(second.registers.identity().dbUuid, dbUuid)
    await second.close()
  }
})

void t.test('a renewed identity begins without votes, and waits to be admitted', async (t) => {
  const directory = t.testdir()
  const first = await openStore(directory)
  await first.registers.vote('image/a', accepted(1, 'one'), true)
  const before = first.registers.identity()
  await first.close()
  await tamper(directory, 'meta', KEYSPACES.acceptor.tag, flipBit)
  const second = await openStore(directory)
  await second.registers.setCursor('peer', { dbUuid: 'e'.repeat(32), sequence: 5 })
  await second.registers.renewIdentity(false)
  t.equal(
    second.registers.cursor('peer'),
    null,
    'what was compared while the old votes counted is compared again',
  )
  t.equal(second.registers.isIntact, true)
  t.not(second.registers.identity().dbUuid, before.dbUuid)
  t.match(second.registers.changesSince({ dbUuid: before.dbUuid, sequence: 1 }, 10), { trimmed: true })
  await second.registers.vote('image/b', accepted(1, 'b'), true)
  await second.close()
  const { store } = await openedStore(t, { directory })
  t.equal(store.registers.isIntact, true)
  t.equal(store.registers.acceptorState('image/a'), null)
})

void t.test('a damaged learner row is forgotten, and catch-up starts over', async (t) => {
  const directory = t.testdir()
  const first = await openStore(directory)
  await first.registers.learn('image/a', row(1, 'one', true))
  await first.registers.setCursor('peer', { dbUuid: 'e'.repeat(32), sequence: 5 })
  await first.close()
  await tamper(directory, 'meta', KEYSPACES.learner.tag, flipBit)
  const { store } = await openedStore(t, { directory })
  t.equal(store.registers.isIntact, true)
  t.equal(store.registers.learned('image/a'), null)
  t.equal(store.registers.cursor('peer'), null)
  await store.registers.learn('image/a', row(1, 'one', true))
  t.same(shown(store.registers.learned('image/a')), shown(row(1, 'one', true)))
})

void t.test('a damaged entry of the change log ends what can be followed', async (t) => {
  const directory = t.testdir()
  const first = await openStore(directory)
  for (let i = 1; i <= 3; i++) await first.registers.vote(`image/${i}`, accepted(1, 'x'), true)
  await first.close()
  await tamper(directory, 'meta', KEYSPACES.change.tag, (value) =>
    value.includes('image/2') ? flipBit(value) : value,
  )
  const { store } = await openedStore(t, { directory })
  const page = store.registers.changesSince(null, 10)
  t.match(page, { trimmed: true, head: 3 })
  t.match(store.registers.changesSince({ dbUuid: page.dbUuid, sequence: 2 }, 10), {
    entries: [{ key: 'image/3' }],
  })
})

void t.test('a log that lost its newest rows gives no sequence out twice', async (t) => {
  const directory = t.testdir()
  const first = await openStore(directory)
  for (let i = 1; i <= 3; i++) await first.registers.vote(`image/${i}`, accepted(1, 'x'), true)
  const { dbUuid } = first.registers.identity()
  await first.close()
  await tamper(directory, 'meta', KEYSPACES.change.tag, () => null)
  const { store } = await openedStore(t, { directory })
  t.match(store.registers.changesSince({ dbUuid, sequence: 2 }, 10), { trimmed: true, head: 3 })
  await store.registers.vote('image/4', accepted(1, 'x'), true)
  t.match(store.registers.changesSince({ dbUuid, sequence: 3 }, 10), {
    entries: [{ sequence: 4, key: 'image/4' }],
  })
})

void t.test('what is forgotten up to a ballot is not learned again up to it', async (t) => {
  const { store } = await openedStore(t)
  const { registers } = store
  const learn = (counter: number) => registers.learn('image/a', row(counter, `at ${counter}`, true))
  await learn(5)
  await registers.forget('image/a', row(4, '', true).ballot)
  t.match(registers.learned('image/a'), { ballot: { counter: 5 } }, 'it moved on')
  await registers.forget('image/a', row(7, '', true).ballot)
  await learn(6)
  t.equal(registers.learned('image/a'), null)
  await learn(8)
  t.match(registers.learned('image/a'), { ballot: { counter: 8 } })
})

void t.test('what was witnessed is written with the next vote', async (t) => {
  const directory = t.testdir()
  const first = await openStore(directory)
  const [old, current] = ['a'.repeat(32), 'b'.repeat(32)]
  first.registers.noteWitness('peer', { dbUuid: old, voteSequence: 90 })
  first.registers.noteWitness('peer', { dbUuid: current, voteSequence: 5 })
  first.registers.noteWitness('peer', { dbUuid: current, voteSequence: 4 })
  await first.registers.vote('image/a', accepted(1, 'one'), true)
  await first.close()
  const { store } = await openedStore(t, { directory })
  t.same(store.registers.witnessed('peer'), [
    { dbUuid: old, voteSequence: 90 },
    { dbUuid: current, voteSequence: 5 },
  ])
  t.same(store.registers.witnessed('stranger'), [])
})

void t.test(
  'listeners hear of a row when it is durable and when it is settled, never before they can see it',
  async (t) => {
    const { store } = await openedStore(t)
    const heard: [string, number, boolean][] = []
    store.registers.onLearned((key, learned) => {
      t.equal(store.registers.learned(key)?.settled, learned?.settled)
      if (learned) heard.push([key, learned.ballot.counter, learned.settled])
    })
    await store.registers.vote('image/a', accepted(1, 'one'), true)
    const settling = store.registers.learn('image/a', row(1, 'one', true))
    t.same(heard.at(-1), ['image/a', 1, true], 'in the same turn')
    await settling
    await store.registers.learn('image/a', row(1, 'one', true))
    await Promise.all([
      store.registers.vote('image/a', accepted(2, 'two'), true),
      store.registers.learn('image/a', row(2, 'two', true)),
    ])
    t.same(heard, [
      ['image/a', 1, false],
      ['image/a', 1, true],
      ['image/a', 2, true],
    ])
  },
)

void t.test('one ballot with two values is corruption', async (t) => {
  const { store } = await openedStore(t)
  await store.registers.learn('image/a', row(1, 'one'))
  await t.rejects(store.registers.learn('image/a', row(1, 'other', true)), { code: 'CORRUPT_VALUE' })
  t.same(shown(store.registers.learned('image/a')), shown(row(1, 'one')))
})

void t.test('projected rows follow the learner row in its batch', async (t) => {
  const roots = { one: '11'.repeat(32), two: '22'.repeat(32) }
  const rootOf = (learned: LearnerRow | null) =>
    roots[Buffer.from(learned?.value ?? []).toString() as 'one' | 'two']
  const { store } = await openedStore(t, {
    project: (key, learned, before) => [
      ...(before ? [{ type: 'del' as const, key: rootKey(rootOf(before), key) }] : []),
      { type: 'put', key: rootKey(rootOf(learned), key), value: Buffer.alloc(0) },
    ],
  })
  const { registers } = store
  await registers.vote('image/a', accepted(1, 'one'), true)
  t.strictSame(await registers.imagesWithRoot(roots.one), ['image/a'])
  await registers.learn('image/a', row(2, 'two', true))
  t.strictSame(await registers.imagesWithRoot(roots.one), [])
  t.strictSame(await registers.imagesWithRoot(roots.two), ['image/a'])
})

void t.test('many votes at once share batches', async (t) => {
  const { store } = await openedStore(t)
  const before = store.registers.identity().voteSequence
  await Promise.all(
    Array.from({ length: 500 }, (_, i) => store.registers.vote(`image/${i}`, accepted(1, 'x'), true)),
  )
  t.ok(store.registers.identity().voteSequence - before <= 2, 'the vote sequence counts batches')
  t.equal(store.registers.changesSince(null, 0).head, 500)
})

void t.test('a vote that could not be written is not acknowledged, and changes nothing', async (t) => {
  const disk = new FailingLevel()
  const database = new Database(disk)
  const registers = await RegisterStore.open({ database, random: systemRandom, log: silentLog })
  await registers.vote('image/a', accepted(1, 'one'), true)
  const before = registers.identity()
  disk.fails = true
  await t.rejects(registers.vote('image/a', accepted(2, 'two'), true), { code: 'STORE_NOT_WRITABLE' })
  disk.fails = false
  await t.rejects(
    registers.vote('image/a', accepted(3, 'three'), true),
    { code: 'STORE_NOT_WRITABLE' },
    'nor any later one',
  )
  t.equal(registers.acceptorState('image/a')?.accepted?.ballot.counter, 1)
  t.same(registers.identity(), before)
  t.same(shown(registers.learned('image/a')), shown(row(1, 'one')))
  t.equal(registers.changesSince(null, 0).head, 1)
})

void t.test('a removal that could not be written has removed nothing, and is taken back', async (t) => {
  const disk = new FailingLevel()
  const database = new Database(disk, { openAgain: () => disk.open().then(() => disk) })
  const registers = await RegisterStore.open({ database, random: systemRandom, log: silentLog })
  const takeAway = {
    removed: (key: string) => registers.remove(key, ballot(4)),
    forgotten: (key: string) => registers.forget(key, ballot(3)),
  }
  for (const [key, begin] of Object.entries(takeAway)) {
    await registers.vote(key, accepted(3, 'deleted'), true)
    disk.fails = true
    const failing = t.rejects(begin(key), { code: 'STORE_NOT_WRITABLE' })
    await t.rejects(registers.learn(key, row(3, 'deleted', true)), { code: 'STORE_NOT_WRITABLE' })
    await failing
    disk.fails = false
    await database.reopen()
    t.equal(registers.acceptorState(key)?.accepted?.ballot.counter, 3)
    await registers.learn(key, row(3, 'deleted', true))
    t.equal(registers.isSettled(key), true)
  }
})

void t.test('a cursor and a settled row cost no sync; a vote costs one', async (t) => {
  const disk = new FailingLevel()
  const registers = await RegisterStore.open({
    database: new Database(disk),
    random: systemRandom,
    log: silentLog,
  })
  const syncsOf = async (work: () => Promise<void>) => {
    const before = disk.syncs
    await work()
    return disk.syncs - before
  }
  t.equal(await syncsOf(() => registers.vote('image/a', accepted(1, 'one'), true)), 1)
  t.equal(await syncsOf(() => registers.learn('image/a', row(1, 'one', true))), 0)
  t.equal(await syncsOf(() => registers.setCursor('peer', { dbUuid: 'e'.repeat(32), sequence: 1 })), 0)
  t.equal(await syncsOf(() => registers.learn('image/b', row(1, 'b', true))), 1)
})
