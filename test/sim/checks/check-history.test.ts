/** The checks themselves: what they must let pass, and what they must not. */
import t from 'tap'
import type { NotedOp } from '../cluster/clients.ts'
import { checkHistory } from './check-history.ts'
import type { Input, Output } from './log-model.ts'

const KEY = 'record/0'

/** Operations that follow one another; `output` null: without an answer. */
function history(...ops: readonly (readonly [Input, Output | null])[]): NotedOp[] {
  return ops.map(([input, output], i) => ({
    key: KEY,
    node: 'node-0',
    input,
    output,
    start: 2 * i,
    end: output ? 2 * i + 1 : Infinity,
    startMs: i,
    endMs: i,
    error: null,
  }))
}

const create = (id: number): Input => ({ kind: 'create', id, expected: null })
const append = (id: number): Input => ({ kind: 'append', id, expected: null })
const remove = (id: number): Input => ({ kind: 'delete', id, expected: null })
const done = (log: string): Output => ({ answer: 'DONE', log })
const read: Input = { kind: 'read' }
const list: Input = { kind: 'list' }
const collect: Input = { kind: 'collect' }
const saw = (log: string): Output => ({ answer: 'READ', log })

/** Kinds of what is found. */
const kinds = (ops: readonly NotedOp[]) => new Set(checkHistory(ops).map(({ kind }) => kind))

t.test('what a register may do passes', (t) => {
  const right = history(
    [read, saw('')],
    [create(1), done('+1')],
    [append(2), null],
    [append(3), done('+1,2,3')],
    [list, saw('+1,2,3')],
    [create(4), { answer: 'CONFLICT' }],
    [remove(5), done('-1,2,3,5')],
    [append(6), { answer: 'NOT_FOUND' }],
    [create(7), { answer: 'CONFLICT' }],
    [collect, { answer: 'COLLECTED' }],
    [create(8), done('+8')],
    [read, saw('+8')],
  )
  t.strictSame(checkHistory(right), [])
  t.end()
})

t.test('a change of unknown outcome may show late, or never', (t) => {
  t.strictSame(
    checkHistory(history([create(1), done('+1')], [append(2), null], [read, saw('+1')], [read, saw('+1,2')])),
    [],
  )
  t.strictSame(kinds(history([create(1), done('+1')], [append(2), null], [read, saw('+1')])), new Set())
  t.ok(
    kinds(history([create(1), done('+1')], [append(2), null], [read, saw('+1,2')], [read, saw('+1')])).has(
      'history',
    ),
    'but not vanish again',
  )
  t.end()
})

t.test('each broken promise is named', (t) => {
  const lost = history([create(1), done('+1')], [append(2), done('+1,2')], [read, saw('+1')])
  t.strictSame(kinds(lost), new Set(['invariant', 'history']))
  const back = history([create(1), done('+1')], [remove(2), done('-1,2')], [read, saw('+1')])
  t.strictSame(kinds(back), new Set(['invariant', 'history']))
  const owners = history([create(1), done('+1')], [create(2), done('+2')])
  t.strictSame(kinds(owners), new Set(['invariant', 'history']))
  const missing = history([create(1), done('+1')], [list, saw('')])
  t.strictSame(kinds(missing), new Set(['invariant', 'history']))
  t.end()
})

t.test('a removal that was not asked for frees no id', (t) => {
  const ops = history([create(1), done('+1')], [remove(2), done('-1,2')], [create(3), done('+3')])
  t.strictSame(kinds(ops), new Set(['invariant', 'history']))
  const asked = history(
    [create(1), done('+1')],
    [remove(2), done('-1,2')],
    [collect, null],
    [create(3), done('+3')],
  )
  t.strictSame(checkHistory(asked), [])
  t.end()
})

t.test('two may remove one tombstone, and nobody what is alive', (t) => {
  const collected: [Input, Output] = [collect, { answer: 'COLLECTED' }]
  const deleted = [
    [create(1), done('+1')],
    [remove(2), done('-1,2')],
  ] as const
  const again = [
    [create(3), done('+3')],
    [read, saw('+3')],
  ] as const
  t.strictSame(checkHistory(history(...deleted, collected, collected, ...again)), [])
  t.strictSame(kinds(history([create(1), done('+1')], collected)), new Set(['history']))
  t.strictSame(
    kinds(history(...deleted, collected, ...again, collected, [read, saw('+3')])),
    new Set(['history']),
  )
  t.end()
})

t.test('an operation that was applied twice shows', (t) => {
  const ops = history([create(1), done('+1')], [append(2), null], [read, saw('+1,2,2')])
  t.strictSame(kinds(ops), new Set(['history']))
  t.end()
})
