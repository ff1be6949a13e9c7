/** Whether a recorded history is one that a single image store could have given. */
import { isLinearizable } from '../../sim/linearizability.ts'
import type { Listed, RecordedOp } from './history.ts'
import { type ImageInput, imageModel, type ImageOp, type LiveState, nameOf } from './image-model.ts'

export interface Violation {
  /** The image, or null when an answer is wrong whatever the others say. */
  id: string | null
  what: string
}

/** Answers that an image service in order may give, by kind of request; 503 is judged by its verdict. */
const EXPECTED: Readonly<Record<string, readonly number[]>> = {
  create: [201, 409],
  get: [200, 404],
  mark: [200, 404],
  swap: [200, 404, 409],
  delete: [204, 404],
  list: [200],
}

/** All that is wrong with `ops`; empty when nothing is. */
export function judge(ops: readonly RecordedOp[]): Violation[] {
  const unexpected = ops.flatMap((op) => unexpectedAnswer(op))
  const lists = ops.filter(({ input, verdict }) => input.kind === 'list' && verdict === 'ok')
  const histories = [...byImage(ops)]
  return [
    ...unexpected,
    ...histories.flatMap(([id, own]) => wrongInLists(id, own, lists)),
    ...histories.flatMap(([id, own]) => orderOf(id, own, lists)),
  ]
}

function unexpectedAnswer({ input, verdict, status, note, node }: RecordedOp): Violation[] {
  if (verdict !== 'ok' || (status !== null && EXPECTED[input.kind]?.includes(status))) return []
  const id = input.kind === 'list' ? null : input.id
  return [{ id, what: `node ${node} answered ${input.kind} with ${status}: ${note ?? ''}` }]
}

function byImage(ops: readonly RecordedOp[]): Map<string, RecordedOp[]> {
  const histories = new Map<string, RecordedOp[]>()
  for (const op of ops) {
    if (op.input.kind === 'list') continue
    const own = histories.get(op.input.id) ?? []
    own.push(op)
    histories.set(op.input.id, own)
  }
  return histories
}

/** In plain words what lists must hold; the search over the whole history says it again, and more, without a reason. */
function wrongInLists(id: string, own: readonly RecordedOp[], lists: readonly RecordedOp[]): Violation[] {
  const asked = (kind: string) => own.filter(({ input }) => input.kind === kind)
  const createdMs = earliest(asked('create').flatMap(({ status, end }) => (status === 201 ? [end] : [])))
  const deletedMs = earliest(asked('delete').flatMap(({ status, end }) => (status === 204 ? [end] : [])))
  const maybeDeletedMs = earliest(asked('delete').map(({ start }) => start))
  return lists.flatMap((list) => {
    const isIn = seenIn(list, id) !== null
    const where = `in the list of node ${list.node} at ${list.start.toFixed(0)} ms`
    if (!isIn && createdMs < list.start && list.end < maybeDeletedMs)
      return [{ id, what: `missing ${where}` }]
    return isIn && deletedMs < list.start ? [{ id, what: `deleted, but ${where}` }] : []
  })
}

function earliest(times: number[]): number {
  return Math.min(Infinity, ...times)
}

function orderOf(id: string, own: readonly RecordedOp[], lists: readonly RecordedOp[]): Violation[] {
  const firstAskedMs = earliest(own.map(({ start }) => start))
  const listed = lists.filter(({ end }) => end >= firstAskedMs).map((list) => asRead(list, seenIn(list, id)))
  const history = withoutUnseenMarks([...own.flatMap((op) => historyOps(op)), ...listed])
  if (isLinearizable(history, imageModel)) return []
  return [{ id, what: 'no order of its operations explains what clients were told' }]
}

/** An answer that shows the image is a read, too: of some moment while the request was under way. */
function historyOps(op: RecordedOp): ImageOp[] {
  const { verdict, status, seen, start, end } = op
  const input = op.input as ImageInput
  if (verdict === 'ok' && input.kind === 'get') return [asRead(op, seen)]
  if (verdict === 'ok' && status !== null) {
    const change: ImageOp = { input, start, end, output: { status, seen: null } }
    return seen === null ? [change] : [change, asRead(op, seen)]
  }
  if (verdict !== 'ambiguous' || input.kind === 'get') return []
  return [{ input, start, end: Infinity, output: null }]
}

function asRead({ start, end }: RecordedOp, seen: LiveState | null): ImageOp {
  return { input: { kind: 'get' }, start, end, output: { status: seen === null ? 404 : 200, seen } }
}

function seenIn({ listed }: RecordedOp, id: string): Listed | null {
  return listed?.find((image) => image.id === id) ?? null
}

/**
 * Overwriting the mark, when nobody knows whether it happened and nobody ever saw the new one, excludes no order: every
 * order with it is right without it.
 */
function withoutUnseenMarks(history: ImageOp[]): ImageOp[] {
  const seen = new Set(history.map(({ output }) => output?.seen?.mark))
  return history.filter(
    ({ input, output }) => !(output === null && input.kind === 'mark' && !seen.has(input.mark)),
  )
}

/** For people: what is known of an image, in the order in which it was asked. */
export function describeHistory(id: string, ops: readonly RecordedOp[]): string {
  const own = ops.filter(({ input }) => input.kind !== 'list' && input.id === id)
  return own
    .map(({ input, node, start, end, verdict, status, seen }) => {
      const asked = JSON.stringify({ ...input, id: undefined })
      const shown = seen === null ? '' : ` ${nameOf(seen)}`
      return `${start.toFixed(0)}-${end.toFixed(0)} node ${node} ${asked} ${verdict} ${status ?? ''}${shown}`
    })
    .join('\n')
}
