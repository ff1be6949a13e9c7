/**
 * What every RegisterStorage must do, whatever it is made of. Run it with a factory:
 *
 *     registerStorageSuite(t, { name: 'LevelDB', open: (t) => openStorage(t) })
 */
import type { Test } from 'tap'
import { sameBallot, ZERO_BALLOT, type Ballot } from '../../cluster/register/ballot.ts'
import { valueDigest } from '../../cluster/register/register-value.ts'
import type {
  AcceptorState,
  ChangePage,
  LearnerRow,
  RegisterStorage,
} from '../../cluster/register/storage.ts'

export interface RegisterStorageSuite {
  name: string
  /** A new, empty storage whose change log keeps this many entries; closed by the factory when the test ends. */
  open(t: Test, options: { logEntriesMax: number }): Promise<RegisterStorage>
}

const LOG_ENTRIES_MAX = 8

export function ballot(counter: number, nonce = 'aaaaaaaaaaaaaaaa'): Ballot {
  return { counter, nonce }
}

export function row(counter: number, text: string, settled = false): LearnerRow {
  const value = Buffer.from(text)
  return { ballot: ballot(counter), value, digest: valueDigest(value), settled }
}

export function accepted(counter: number, text: string): AcceptorState {
  const { ballot: at, value, digest } = row(counter, text)
  return { promised: at, accepted: { ballot: at, value, digest } }
}

/** The parts of a row that count, comparable whatever kind of bytes the storage hands out. */
export function shown(held: LearnerRow | null): object | null {
  return held && { ...held, value: Buffer.from(held.value).toString() }
}

function logged(page: ChangePage): [number, string, number][] {
  return page.entries.map(({ sequence, key, ballot: at }) => [sequence, key, at.counter])
}

export function registerStorageSuite(t: Test, suite: RegisterStorageSuite): void {
  void t.test(`${suite.name}: RegisterStorage`, async (t) => {
    const open = (t: Test) => suite.open(t, { logEntriesMax: LOG_ENTRIES_MAX })

    await t.test('an empty storage knows nothing', async (t) => {
      const storage = await open(t)
      t.equal(storage.acceptorState('image/a'), null)
      t.equal(storage.learned('image/a'), null)
      t.same(storage.floor(), ZERO_BALLOT)
      t.same(storage.unsettledKeys(), [])
      t.same(storage.learnedDigests('', 10), [])
      t.match(storage.changesSince(null, 10), { head: 0, entries: [], trimmed: false })
      t.equal(storage.cursor('peer'), null)
    })

    await t.test('a promise changes acceptor state and nothing else', async (t) => {
      const storage = await open(t)
      await storage.vote('image/a', { promised: ballot(3), accepted: null }, false)
      t.same(storage.acceptorState('image/a'), { promised: ballot(3), accepted: null })
      t.equal(storage.learned('image/a'), null)
      t.equal(storage.changesSince(null, 10).head, 0)
    })

    await t.test('an accept is learned, unsettled, and logged', async (t) => {
      const storage = await open(t)
      await storage.vote('image/a', accepted(3, 'one'), true)
      const state = storage.acceptorState('image/a')
      t.same(state?.promised, ballot(3))
      t.equal(Buffer.from(state?.accepted?.value ?? '').toString(), 'one')
      t.same(shown(storage.learned('image/a')), shown(row(3, 'one')))
      t.same(storage.unsettledKeys(), ['image/a'])
      t.same(logged(storage.changesSince(null, 10)), [[1, 'image/a', 3]])
    })

    await t.test('what is accepted is told without its value, whatever was asked before', async (t) => {
      const storage = await open(t)
      t.equal(storage.accepted('image/a'), null)
      await storage.vote('image/a', { promised: ballot(3), accepted: null }, false)
      t.equal(storage.accepted('image/a'), null)
      for (const counter of [3, 4]) {
        const { promised, accepted: value } = accepted(counter, `value ${counter}`)
        await storage.vote('image/a', { promised, accepted: value }, true)
        t.match(storage.accepted('image/a'), { ballot: ballot(counter), digest: value?.digest })
      }
      await storage.vote('image/a', { ...accepted(4, 'value 4'), promised: ballot(9) }, false)
      t.match(storage.accepted('image/a'), { ballot: ballot(4) }, 'a promise does not change it')
    })

    await t.test('a promise after an accept does not log it again', async (t) => {
      const storage = await open(t)
      await storage.vote('image/a', accepted(3, 'one'), true)
      await storage.vote('image/a', { ...accepted(3, 'one'), promised: ballot(5) }, false)
      t.equal(storage.changesSince(null, 10).head, 1)
      t.same(storage.acceptorState('image/a')?.promised, ballot(5))
    })

    await t.test('what was settled before a vote is known until the vote is settled', async (t) => {
      const storage = await open(t)
      const before = () => shown(storage.chosenBefore('image/a') ?? null)
      t.equal(storage.chosenBefore('image/a'), undefined)
      await storage.vote('image/a', accepted(3, 'one'), true)
      t.equal(storage.chosenBefore('image/a'), null, 'there was none')
      await storage.vote('image/a', accepted(4, 'four'), true)
      t.equal(storage.chosenBefore('image/a'), null, 'a vote is nothing chosen')
      await storage.learn('image/a', row(4, 'four', true))
      t.equal(storage.chosenBefore('image/a'), undefined)
      for (const counter of [5, 6]) {
        await storage.vote('image/a', accepted(counter, `vote ${counter}`), true)
        t.same(before(), shown(row(4, 'four', true)), 'also after several votes')
      }
      await storage.learn('image/a', row(7, 'seven', true))
      t.equal(storage.chosenBefore('image/a'), undefined)
      await storage.vote('image/a', accepted(8, 'eight'), true)
      t.same(before(), shown(row(7, 'seven', true)))
      await storage.remove('image/a', ballot(9))
      t.equal(storage.chosenBefore('image/a'), undefined)
      await storage.vote('image/a', accepted(10, 'ten'), true)
      t.equal(storage.chosenBefore('image/a'), null, 'what was removed is no more')
    })

    await t.test('the vote sequence grows with votes, and the database keeps its name', async (t) => {
      const storage = await open(t)
      const before = storage.identity()
      await storage.vote('image/a', accepted(1, 'one'), true)
      const after = storage.identity()
      t.equal(after.dbUuid, before.dbUuid)
      t.ok(after.voteSequence > before.voteSequence)
      await storage.learn('image/b', row(1, 'b', true))
      t.equal(storage.identity().voteSequence, after.voteSequence, 'learning is no vote')
    })

    await t.test('a vote for the next config leaves the one that is in force', async (t) => {
      const storage = await open(t)
      t.equal(storage.configInForce(), null)
      await storage.keepConfig(row(3, 'epoch 1', true))
      await storage.vote('config', accepted(4, 'epoch 2'), true)
      t.same(shown(storage.configInForce()), shown(row(3, 'epoch 1', true)))
      await storage.keepConfig(row(4, 'epoch 2', true))
      t.same(shown(storage.configInForce()), shown(row(4, 'epoch 2', true)))
    })

    await t.test('learning never touches acceptor state', async (t) => {
      const storage = await open(t)
      await storage.vote('image/a', accepted(1, 'one'), true)
      await storage.learn('image/a', row(5, 'five', true))
      t.equal(storage.acceptorState('image/a')?.accepted?.ballot.counter, 1)
      t.same(shown(storage.learned('image/a')), shown(row(5, 'five', true)))
      t.equal(storage.changesSince(null, 10).head, 1, 'nor the log: it says what was accepted here')
    })

    await t.test('a lower ballot is ignored, the same one may only become settled', async (t) => {
      const storage = await open(t)
      await storage.learn('image/a', row(5, 'five', false))
      await storage.learn('image/a', row(4, 'four', true))
      t.same(shown(storage.learned('image/a')), shown(row(5, 'five', false)))
      await storage.learn('image/a', row(5, 'five', true))
      t.same(shown(storage.learned('image/a')), shown(row(5, 'five', true)))
      t.same(storage.unsettledKeys(), [])
      await storage.learn('image/a', row(5, 'five', false))
      t.equal(storage.learned('image/a')?.settled, true)
    })

    await t.test('an own accept below the learned ballot leaves the learner row', async (t) => {
      const storage = await open(t)
      await storage.learn('image/a', row(9, 'nine', true))
      await storage.vote('image/a', accepted(4, 'four'), true)
      t.same(shown(storage.learned('image/a')), shown(row(9, 'nine', true)))
      t.equal(storage.acceptorState('image/a')?.accepted?.ballot.counter, 4)
    })

    await t.test('equal counters are told apart by their nonces', async (t) => {
      const storage = await open(t)
      const low = { ...row(2, 'low', true), ballot: ballot(2, '00000000000000aa') }
      const high = { ...row(2, 'high', true), ballot: ballot(2, 'ff00000000000000') }
      await storage.learn('image/a', high)
      await storage.learn('image/a', low)
      t.ok(sameBallot(storage.learned('image/a')?.ballot ?? ZERO_BALLOT, high.ballot))
    })

    await t.test('calls in one turn land in their order', async (t) => {
      const storage = await open(t)
      await Promise.all([
        storage.vote('image/a', { promised: ballot(1), accepted: null }, false),
        storage.vote('image/a', accepted(2, 'two'), true),
        storage.learn('image/a', row(2, 'two', true)),
        storage.vote('image/a', accepted(3, 'three'), true),
        storage.learn('image/a', row(1, 'late', true)),
      ])
      t.same(storage.acceptorState('image/a')?.promised, ballot(3))
      t.same(shown(storage.learned('image/a')), shown(row(3, 'three')))
      t.same(logged(storage.changesSince(null, 10)), [
        [1, 'image/a', 2],
        [2, 'image/a', 3],
      ])
    })

    await t.test('digests come in key order, after a key, in pages', async (t) => {
      const storage = await open(t)
      for (const key of ['image/c', 'config', 'image/a', 'image/b'])
        await storage.learn(key, row(1, key, true))
      const pages = [
        storage.learnedDigests('', 2),
        storage.learnedDigests('image/a', 2),
        storage.learnedDigests('image/c', 2),
      ]
      t.same(
        pages.map((page) => page.map(({ key }) => key)),
        [['config', 'image/a'], ['image/b', 'image/c'], []],
      )
      t.same(pages[0]?.[1], {
        key: 'image/a',
        ballot: ballot(1),
        digest: row(1, 'image/a').digest,
        settled: true,
      })
    })

    await t.test('the log is read in pages, from a cursor on', async (t) => {
      const storage = await open(t)
      for (let i = 1; i <= 5; i++) await storage.vote(`image/${i}`, accepted(i, 'x'), true)
      const first = storage.changesSince(null, 2)
      t.same(logged(first), [
        [1, 'image/1', 1],
        [2, 'image/2', 2],
      ])
      t.equal(first.head, 5)
      const { dbUuid } = first
      t.same(logged(storage.changesSince({ dbUuid, sequence: 4 }, 10)), [[5, 'image/5', 5]])
      t.match(storage.changesSince({ dbUuid, sequence: 5 }, 10), { entries: [], trimmed: false })
      t.match(storage.changesSince(null, 0), { dbUuid: storage.identity().dbUuid, head: 5, entries: [] })
    })

    await t.test('the log is bounded, and a cursor before its beginning is told so', async (t) => {
      const storage = await open(t)
      const added = LOG_ENTRIES_MAX + 3
      for (let i = 1; i <= added; i++) await storage.vote(`image/${i}`, accepted(1, 'x'), true)
      const { dbUuid, head, trimmed } = storage.changesSince(null, 100)
      t.equal(head, added)
      t.equal(trimmed, true)
      t.match(storage.changesSince({ dbUuid, sequence: 2 }, 100), { entries: [], trimmed: true })
      const rest = storage.changesSince({ dbUuid, sequence: 3 }, 100)
      t.equal(rest.trimmed, false)
      t.equal(rest.entries.length, LOG_ENTRIES_MAX)
    })

    await t.test('a cursor of another database is told so', async (t) => {
      const storage = await open(t)
      await storage.vote('image/a', accepted(1, 'x'), true)
      const page = storage.changesSince({ dbUuid: 'f'.repeat(32), sequence: 0 }, 10)
      t.match(page, { entries: [], trimmed: true, head: 1 })
    })

    await t.test('cursors are kept by peer', async (t) => {
      const storage = await open(t)
      const cursor = { dbUuid: 'e'.repeat(32), sequence: 7 }
      await storage.setCursor('peer-1', cursor)
      t.same(storage.cursor('peer-1'), cursor)
      t.equal(storage.cursor('peer-2'), null)
      await storage.setCursor('peer-1', { ...cursor, sequence: 9 })
      t.equal(storage.cursor('peer-1')?.sequence, 9)
    })

    await t.test('a row that is settled in one turn is seen as settled in the same turn', async (t) => {
      const storage = await open(t)
      await storage.vote('image/a', accepted(1, 'one'), true)
      const done = storage.learn('image/a', row(1, 'one', true))
      await done
      t.equal(storage.learned('image/a')?.settled, true)
      t.same(storage.unsettledKeys(), [])
    })

    await t.test('whoever learns of a register that is being removed finds it removed', async (t) => {
      const storage = await open(t)
      const takeAway = {
        removed: (key: string) => storage.remove(key, ballot(4)),
        forgotten: (key: string) => storage.forget(key, ballot(3)),
      }
      for (const [key, begin] of Object.entries(takeAway)) {
        await storage.vote(key, accepted(3, 'deleted'), true)
        const isGone = begin(key)
        await storage.learn(key, row(3, 'deleted', true))
        t.equal(storage.learned(key), null, key)
        await isGone
      }
    })
  })
}
