/** The judge must see what it is there for: each history here is one that a broken store would give. */
import t from 'tap'
import type { RecordedInput, RecordedOp, RecordedResult } from './history.ts'
import type { LiveState } from './image-model.ts'
import { judge } from './judge.ts'

const ID = 'a'
const NEW: LiveState = { mark: 'm0', token: 't0' }

let now = 0

/** An operation that begins and ends after all before it. */
function op(input: RecordedInput, result: Partial<RecordedResult>): RecordedOp {
  now += 10
  const answer = { verdict: 'ok', status: null, seen: null, listed: null, note: null } as const
  return { input, node: 0, start: now, end: now + 5, ...answer, ...result }
}

const create = (result: Partial<RecordedResult> = { status: 201 }) =>
  op({ kind: 'create', id: ID, state: NEW }, result)
const get = (seen: LiveState | null) => op({ kind: 'get', id: ID }, { status: seen ? 200 : 404, seen })
const mark = (mark: string, result: Partial<RecordedResult> = { status: 200 }) =>
  op({ kind: 'mark', id: ID, mark }, result)
const swap = (from: string, to: string, status: number) => op({ kind: 'swap', id: ID, from, to }, { status })
const remove = (result: Partial<RecordedResult> = { status: 204 }) => op({ kind: 'delete', id: ID }, result)
const list = (listed: (LiveState & { id: string })[], result: Partial<RecordedResult> = {}) =>
  op({ kind: 'list' }, { status: 200, listed, ...result })

const AMBIGUOUS = { verdict: 'ambiguous' } as const
const UNAVAILABLE = { verdict: 'unavailable', status: 503 } as const

const RIGHT: Record<string, () => RecordedOp[]> = {
  'a life': () => [
    get(null),
    create(),
    list([{ id: ID, ...NEW }]),
    mark('m1'),
    get({ ...NEW, mark: 'm1' }),
    swap('t0', 't1', 200),
    swap('t0', 't2', 409),
    get({ mark: 'm1', token: 't1' }),
    remove(),
    list([]),
    create({ status: 409 }),
    get(null),
  ],
  'an ambiguous change that came': () => [create(), mark('m1', AMBIGUOUS), get({ ...NEW, mark: 'm1' })],
  'an ambiguous change that came late': () => [
    create(),
    mark('m1', AMBIGUOUS),
    get(NEW),
    get({ ...NEW, mark: 'm1' }),
  ],
  'an ambiguous change that never came': () => [create(), mark('m1', AMBIGUOUS), get(NEW)],
  'a stale read of long ago': () => [
    create(),
    remove(),
    op({ kind: 'get', id: ID }, { verdict: 'stale', status: 200, seen: NEW }),
    list([{ id: ID, ...NEW }], { verdict: 'stale' }),
  ],
  'an ambiguous delete and a list without it': () => [create(), remove(AMBIGUOUS), list([])],
}

const WRONG: Record<string, () => RecordedOp[]> = {
  'a lost create': () => [create(), get(null)],
  'a lost change': () => [create(), mark('m1'), get(NEW)],
  'a change that comes and goes': () => [
    create(),
    mark('m1', AMBIGUOUS),
    get({ ...NEW, mark: 'm1' }),
    get(NEW),
  ],
  'a refused change that came': () => [create(), mark('m1', UNAVAILABLE), get({ ...NEW, mark: 'm1' })],
  'two that swapped the same token': () => [create(), swap('t0', 't1', 200), swap('t0', 't2', 200)],
  'two creates of one id': () => [create(), create()],
  'an id created again after its delete': () => [create(), remove(), create()],
  'a deleted image that is back': () => [create(), remove(), get(NEW)],
  'a list without a created image': () => [create(), list([])],
  'a list with a deleted image': () => [create(), remove(), list([{ id: ID, ...NEW }])],
  'a list with what was overwritten': () => [create(), mark('m1'), list([{ id: ID, ...NEW }])],
  'an answer that shows what nobody wrote': () => [
    create(),
    mark('m1', { status: 200, seen: { ...NEW, mark: 'm9' } }),
  ],
  'an internal error': () => [create({ status: 500 })],
}

for (const [name, ops] of Object.entries(RIGHT))
  t.test(`right: ${name}`, async (t) => {
    t.strictSame(judge(ops()), [])
  })

for (const [name, ops] of Object.entries(WRONG))
  t.test(`wrong: ${name}`, async (t) => {
    t.not(judge(ops()).length, 0)
  })
