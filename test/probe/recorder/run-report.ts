/** What a run exercised, in figures for people. */
import type { Fault } from './fault-schedule.ts'
import type { OperationKind, RecordedOp, Verdict } from './history.ts'

const VERDICTS: readonly Verdict[] = ['ok', 'ambiguous', 'unavailable', 'unreached', 'stale']
const KINDS: readonly OperationKind[] = ['create', 'get', 'mark', 'swap', 'delete', 'list']
const KIND_WIDTH = 8
const COUNT_WIDTH = 12
const REFUSED_FROM = 400

/** Lines of text. "ok" counts what was answered, "refused" those of them that were 404 or 409. */
export function reportRun(ops: readonly RecordedOp[], faults: readonly Fault[]): string[] {
  const images = new Set(ops.flatMap(({ input }) => (input.kind === 'list' ? [] : [input.id])))
  return [
    row('', ['all', 'ok', 'refused', ...VERDICTS.slice(1)]),
    ...KINDS.map((kind) => countsOf(kind, ops)),
    `${ops.length} operations on ${images.size} images; faults: ${faultCounts(faults)}`,
    describeGap(longestWriteGap(ops), faults),
  ]
}

export interface Gap {
  fromMs: number
  toMs: number
}

/** The longest time in which no change anywhere was answered with success, between two that were. */
export function longestWriteGap(ops: readonly RecordedOp[]): Gap {
  const ends = ops.flatMap((op) => (isWritten(op) ? [op.end] : [])).sort((a, b) => a - b)
  let longest: Gap = { fromMs: 0, toMs: 0 }
  for (const [index, toMs] of ends.entries()) {
    const fromMs = ends[index - 1] ?? toMs
    if (toMs - fromMs > longest.toMs - longest.fromMs) longest = { fromMs, toMs }
  }
  return longest
}

function isWritten({ input, verdict, status }: RecordedOp): boolean {
  const isChange = input.kind !== 'get' && input.kind !== 'list'
  return isChange && verdict === 'ok' && status !== null && status < REFUSED_FROM
}

function countsOf(kind: OperationKind, ops: readonly RecordedOp[]): string {
  const own = ops.filter(({ input }) => input.kind === kind)
  const refused = own.filter(({ verdict, status }) => verdict === 'ok' && (status ?? 0) >= REFUSED_FROM)
  const counts = VERDICTS.map((verdict) => own.filter((op) => op.verdict === verdict).length)
  const [answered = 0, ...others] = counts
  return row(kind, [own.length, answered, refused.length, ...others])
}

function row(name: string, cells: readonly (string | number)[]): string {
  return name.padEnd(KIND_WIDTH) + cells.map((cell) => String(cell).padStart(COUNT_WIDTH)).join('')
}

function faultCounts(faults: readonly Fault[]): string {
  const counts = new Map<string, number>()
  for (const { kind } of faults) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  return [...counts].map(([kind, count]) => `${count} ${kind}`).join(', ') || 'none'
}

function describeGap({ fromMs, toMs }: Gap, faults: readonly Fault[]): string {
  const during = faults.filter((fault) => fault.fromMs < toMs && fault.toMs > fromMs)
  const causes = during.map(({ kind, node }) => `${kind} of node ${node}`).join(', ')
  return `longest write gap: ${Math.round(toMs - fromMs)} ms (${causes || 'no fault'})`
}
