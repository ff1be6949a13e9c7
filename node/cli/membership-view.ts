/** Members and plans as text for a terminal of 80 columns. */
import { wordWrap } from '../config/word-wrap.ts'
import type { VoterPlan } from '../../cluster/register/membership.ts'
import type { NodesDocument } from '../status/cluster-admin.ts'
import { type TextColumn, textTable } from './text-table.ts'
import { shortId, type StatusFormat } from './status-view.ts'

type Row = NodesDocument['nodes'][number]

const COLUMNS = 80
const NODE_COLUMNS: TextColumn<Row>[] = [
  { title: 'NODE', cell: ({ id }) => id },
  { title: 'ROLE', cell: ({ role }) => role },
  { title: 'STATE', cell: ({ state, drained }) => (drained ? `${state}, drained` : state) },
]
const PLACE_COLUMNS: TextColumn<Row>[] = [
  { title: 'NODE', cell: ({ id }) => shortId(id) },
  { title: 'ADDRESS', cell: ({ address }) => address },
  { title: 'ZONE', cell: ({ zone }) => zone ?? '-' },
  { title: 'WEIGHT', cell: ({ weight }) => String(weight), alignRight: true },
]

/** table for people, json for programs, value: one id a line, for scripts. */
export function renderNodes(document: NodesDocument, format: StatusFormat): string {
  if (format === 'json') return `${JSON.stringify(document, null, 2)}\n`
  if (format === 'value') return document.nodes.map(({ id }) => `${id}\n`).join('')
  const { clusterId, epoch, joint, nodes, invites } = document
  const lines = [
    `Cluster ${clusterId}, epoch ${epoch}, ${invites.open} open invites`,
    ...(joint ? wordWrap(`The voters are changing to ${joint.length}: ${joint.join(', ')}`, COLUMNS) : []),
    '',
    ...textTable(NODE_COLUMNS, nodes),
    '',
    ...textTable(PLACE_COLUMNS, nodes),
  ]
  return `${lines.join('\n')}\n`
}

export function renderPlan(plan: VoterPlan, format: StatusFormat): string {
  if (format === 'json') return `${JSON.stringify(plan, null, 2)}\n`
  if (format === 'value') return plan.to.map((id) => `${id}\n`).join('')
  const sets = { From: plan.from, To: plan.to, Joining: plan.joining, Leaving: plan.leaving }
  const lines = Object.entries(sets).flatMap(([name, ids]) => [
    `${name}: ${ids.length === 0 ? 'none' : `${ids.length}`}`,
    ...ids.map((id) => `  ${id}`),
  ])
  const warnings = plan.warnings.flatMap((text) => wordWrap(`Warning: ${text}`, COLUMNS))
  return `${[...lines, `Registers to look at: ${plan.registers}`, ...warnings].join('\n')}\n`
}
