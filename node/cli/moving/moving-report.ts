/** What came of a move: for each image, and all together. */
import { wordWrap } from '../../config/word-wrap.ts'
import { formatBytes } from '../status-view.ts'
import type { LeftOut } from './image-source.ts'

export const OUTCOMES = [
  /** It was moved by this run. */
  'moved',
  /** It was there already, the same in everything. */
  'present',
  /** It would be moved (`--dry-run`). */
  'to-move',
  /** It is there, but not the same. */
  'differs',
  /** It could not be moved. */
  'failed',
  /** Nothing that could be moved, or nothing yet. */
  'left-out',
] as const
export type Outcome = (typeof OUTCOMES)[number]

export interface MovedLine {
  id: string
  name: string | null
  /** Bytes. */
  size: number | null
  outcome: Outcome
  /** Why, or in what it differs; empty when there is nothing to say. */
  detail: string
  /** Whether somebody should do something about it. */
  needsAttention: boolean
}

export interface MovingReport {
  from: string
  to: string
  startedAt: string
  seconds: number
  /** That were sent by this run, also for images that failed in the end. */
  bytesSent: number
  counts: Record<Outcome, number>
  /** In the order of their ids. */
  images: MovedLine[]
}

const LINES_SHOWN_MAX = 50
const WIDTH = 80

export function reportOf(
  parts: Pick<MovingReport, 'from' | 'to' | 'startedAt' | 'seconds' | 'bytesSent'>,
  lines: readonly MovedLine[],
): MovingReport {
  const counts = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, 0])) as Record<Outcome, number>
  for (const { outcome } of lines) counts[outcome]++
  return { ...parts, counts, images: lines.toSorted((a, b) => (a.id < b.id ? -1 : 1)) }
}

export function leftOutLine({ id, name, why, isLoss }: LeftOut): MovedLine {
  return { id, name, size: null, outcome: 'left-out', detail: why, needsAttention: isLoss }
}

/** Whether everything that could be moved is there now, and the same. */
export function isComplete({ images }: MovingReport): boolean {
  return images.every(({ needsAttention }) => !needsAttention)
}

export function renderReport(report: MovingReport, format: 'table' | 'json' | 'value'): string {
  if (format === 'json') return `${JSON.stringify(report, null, 2)}\n`
  // For scripts: what needs attention.
  const attention = report.images.filter(({ needsAttention }) => needsAttention)
  if (format === 'value') return attention.map(({ id, outcome }) => `${id} ${outcome}\n`).join('')
  const told = report.images.filter(({ detail, needsAttention }) => needsAttention || detail !== '')
  const shown = told.slice(0, LINES_SHOWN_MAX).flatMap(renderLine)
  const more =
    told.length > LINES_SHOWN_MAX ? [`... and ${told.length - LINES_SHOWN_MAX} more: see -f json.`] : []
  return [...headOf(report), ...(shown.length > 0 ? ['', ...shown] : []), ...more, ''].join('\n')
}

function headOf({ from, to, counts, seconds, bytesSent, images }: MovingReport): string[] {
  const all = OUTCOMES.filter((outcome) => counts[outcome] > 0).map(
    (outcome) => `${counts[outcome]} ${outcome}`,
  )
  const rate = seconds > 0 ? `, ${formatBytes(bytesSent / seconds)}/s` : ''
  return [
    `From  ${from}`,
    `To    ${to}`,
    `${images.length} images: ${all.join(', ') || 'none'}`,
    `${formatBytes(bytesSent)} in ${Math.round(seconds)} s${rate}`,
  ]
}

function renderLine({ id, name, outcome, detail }: MovedLine): string[] {
  const head = `${id}  ${outcome.padEnd(8)}  ${name ?? '-'}`.slice(0, WIDTH)
  return detail === '' ? [head] : [head, ...wordWrap(detail, WIDTH - 4).map((line) => `    ${line}`)]
}
