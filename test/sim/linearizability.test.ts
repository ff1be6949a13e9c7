/** The checker itself: right on small histories, where trying every order is possible, and quick on long ones. */
import fc from 'fast-check'
import t from 'tap'
import { type HistoryOp, isLinearizable, type Model } from './linearizability.ts'

type Input =
  { kind: 'write'; value: number } | { kind: 'swap'; from: number; value: number } | { kind: 'read' }
/** What a read saw, or whether a change was made. */
type Op = HistoryOp<Input, number | boolean>

const cell: Model<number, Input, number | boolean> = {
  initial: 0,
  step(state, input, output) {
    if (input.kind === 'read') return output === null || output === state ? state : null
    const fits = input.kind === 'write' || input.from === state
    return output === null || output === fits ? (fits ? input.value : state) : null
  },
  describe: String,
  isRead: (input, output) => input.kind === 'read' || output === false,
}

/** Tries every order of every choice of operations; the definition, for a few operations. */
function someOrderIsRight(ops: readonly Op[], state: number): boolean {
  if (ops.every(({ end }) => end === Infinity)) return true
  return ops.some((op, index) => {
    if (ops.some((other) => other.end < op.start)) return false
    const next = cell.step(state, op.input, op.output)
    return next !== null && someOrderIsRight(ops.toSpliced(index, 1), next)
  })
}

/** Knows no reads: then nothing is taken unasked. */
const blindCell = { initial: cell.initial, step: cell.step.bind(cell), describe: String }

const value = fc.integer({ min: 0, max: 2 })
const change: fc.Arbitrary<Pick<Op, 'input' | 'output'>> = fc.oneof(
  fc.record({ input: fc.record({ kind: fc.constant('write' as const), value }), output: fc.constant(true) }),
  fc.record({
    input: fc.record({ kind: fc.constant('swap' as const), from: value, value }),
    output: fc.boolean(),
  }),
)
const read = fc.record({ input: fc.constant({ kind: 'read' as const }), output: value })
const times = fc.record({ start: fc.integer({ min: 0, max: 12 }), takes: fc.integer({ min: 0, max: 6 }) })
const ended: fc.Arbitrary<Op> = fc
  .tuple(fc.oneof(change, read), times)
  .map(([op, { start, takes }]) => ({ ...op, start, end: start + takes }))
const open: fc.Arbitrary<Op> = fc
  .tuple(change, times)
  .map(([{ input }, { start }]) => ({ input, output: null, start, end: Infinity }))

t.test('says the same as trying every order', async (t) => {
  const histories = fc.array(fc.oneof({ arbitrary: ended, weight: 4 }, open), { maxLength: 7 })
  const verdicts = { right: 0, wrong: 0 }
  fc.assert(
    fc.property(histories, (ops) => {
      const expected = someOrderIsRight(ops, cell.initial)
      verdicts[expected ? 'right' : 'wrong']++
      return isLinearizable(ops, cell) === expected && isLinearizable(ops, blindCell) === expected
    }),
    { numRuns: 5000 },
  )
  t.ok(verdicts.right > 500 && verdicts.wrong > 500, 'both kinds were among them')
})

/** Clients that overlap all the time, on a cell that takes each change at the middle of its operation. */
function longHistory(length: number): Op[] {
  const ops: Op[] = []
  let held = 0
  for (let at = 0; at < length; at++) {
    const isRead = at % 3 > 0
    if (!isRead) held = at
    const input: Input = isRead ? { kind: 'read' } : { kind: 'write', value: at }
    ops.push({ input, output: isRead ? held : true, start: at - 4, end: at + 4 })
    // Lost requests pile up; none of them is ever seen.
    if (at % 50 === 0)
      ops.push({ input: { kind: 'swap', from: at, value: -at }, output: null, start: at, end: Infinity })
  }
  return ops
}

t.test('long histories with many open ends', async (t) => {
  const ops = longHistory(5000)
  t.ok(isLinearizable(ops, cell))
  const last = { input: { kind: 'read' as const }, output: 3, start: 6000, end: 6001 }
  t.notOk(isLinearizable([...ops, last], cell), 'a value from long ago')
})
