import { Worker } from 'node:worker_threads'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { contentHashHex } from '../../../cluster/content-hash.ts'
import type { LearnerRow } from '../../../cluster/register/storage.ts'
import { KEYSPACES } from '../../../node/store/keyspaces.ts'
import type { RegisterStore } from '../../../node/store/register-store.ts'
import { scanInThread } from '../../../node/store/scan-thread.ts'
import { accepted, ballot, row } from '../../suites/register-storage.ts'
import { flipBit, openedStore, openStore, tamper, type Overrides } from './store-fixture.ts'

/** Together far more than the pages that the thread may be ahead. */
const IMAGES = 400
const VALUE_LENGTH = 16 * 1024

const inThread: Overrides = { scan: (path) => scanInThread(path) }

/** A closed store with all that can be there: votes with and without a row of the same kind, promises, open rows. */
async function filled(t: Test): Promise<string> {
  const directory = t.testdir()
  const { registers, close } = await opened(directory)
  await Promise.all(
    Array.from({ length: IMAGES }, (_, i) =>
      registers.vote(`image/${i}`, accepted(1 + (i % 3), `${i} `.padEnd(VALUE_LENGTH, 'x')), true),
    ),
  )
  await registers.vote('image/promised', { promised: ballot(7), accepted: null }, false)
  await registers.learn('image/learned', row(4, 'four', true))
  await registers.learn('image/3', row(9, 'nine', true))
  await registers.learn('image/é', row(9, 'nine', false))
  await close()
  return directory
}

async function opened(directory: string, overrides: Overrides = {}) {
  const store = await openStore(directory, overrides)
  return { registers: store.registers, close: () => store.close() }
}

/** All that a start can have found, and what the listener was told. */
async function found(directory: string, overrides: Overrides) {
  const told: unknown[] = []
  const onFound = (key: string, known: LearnerRow | null) =>
    void told.push({ ...known, key, value: contentHashHex(known?.value ?? new Uint8Array()) })
  const { registers, close } = await opened(directory, { ...overrides, onFound })
  const seen = { ...shownBy(registers), told }
  await close()
  return seen
}

function shownBy(registers: RegisterStore) {
  const keys = [...registers.learnedKeys(), 'image/promised']
  return {
    isIntact: registers.isIntact,
    keys,
    unsettled: registers.unsettledKeys(),
    learned: registers.learnedDigests('', keys.length),
    accepted: keys.map((key) => registers.accepted(key)),
  }
}

/** The registers of a filled store in which the short rows of a kind are damaged. */
async function openedDamaged(t: Test, tag: number): Promise<RegisterStore> {
  const directory = await filled(t)
  await tamper(directory, 'meta', tag, (value) => (value.length > 100 ? value : flipBit(value)))
  return (await openedStore(t, { directory, ...inThread })).store.registers
}

t.test('a thread finds what the event loop finds', async (t) => {
  const directory = await filled(t)
  const seen = await found(directory, inThread)
  t.equal(seen.isIntact, true)
  t.equal(seen.told.length, IMAGES + 2)
  t.same(seen, await found(directory, {}))
})

t.test('a thread finds the same damage', async (t) => {
  const registers = await openedDamaged(t, KEYSPACES.acceptor.tag)
  t.equal(registers.isIntact, false)
  t.throws(() => registers.acceptorState('image/promised'), { code: 'CORRUPT_VALUE' })
  await t.rejects(registers.vote('image/new', accepted(1, 'x'), true), { code: 'NOT_VOTING' })
})

t.test('a learner row that a thread finds damaged is forgotten', async (t) => {
  const registers = await openedDamaged(t, KEYSPACES.learner.tag)
  t.equal(registers.isIntact, true)
  t.equal(registers.learned('image/learned'), null)
  t.equal(registers.registerCount(), IMAGES - 1)
})

t.test('an empty store opens', async (t) => {
  const { store } = await openedStore(t, inThread)
  t.equal(store.registers.isIntact, true)
  await store.registers.vote('image/a', accepted(1, 'one'), true)
})

t.test('a start that fails in the middle of a scan leaves nothing open', async (t) => {
  const directory = await filled(t)
  const onFound = (key: string) => {
    if (key === 'image/200') throw new Error('no such record')
  }
  await t.rejects(openStore(directory, { ...inThread, onFound }), { message: 'no such record' })
  const { store } = await openedStore(t, { directory, ...inThread })
  t.equal(store.registers.isIntact, true)
})

t.test('a thread that cannot read, and one that dies, fail the scan', async (t) => {
  const nowhere = join(t.testdir(), 'nowhere')
  await t.rejects(
    scanInThread(nowhere)(() => {}),
    { message: /nowhere is gone/ },
  )
  const dying = () => new Worker('process.exit(1)', { eval: true, execArgv: [] })
  await t.rejects(
    scanInThread(nowhere, dying)(() => {}),
    { message: /has died/ },
  )
})
