/** `serac scrub`: shows how far each node has read its chunks back, and with --now has all of them read back at once. */
import { sleep, type Clock } from '../../cluster/runtime.ts'
import type { NodeStatus } from '../status/status-types.ts'
import { type CliIo, EXIT_FAILED, EXIT_OK } from './cli-io.ts'
import { resolveNode } from './membership.ts'
import type { OperatorClient } from './operator-client.ts'
import { ProgressLine } from './progress-line.ts'
import { shortId, type StatusFormat } from './status-view.ts'
import { type TextColumn, textTable } from './text-table.ts'

export interface ScrubFlags {
  format: StatusFormat
  /** Ids or their ends; none: all nodes. */
  node?: string[]
  now?: true
  /** Bytes a second and node. */
  rate: number
}

export interface ScrubTerms {
  clock: Clock
  /** Somebody does not want to wait any more: the auditors go at their own pace again. */
  stop: AbortSignal
}

/** A pass whose beginning is certain to come after now, and how far everything was when it was asked for. */
interface Goal {
  id: string
  pass: number
  /** Of one pass, left of the pass that is under way. */
  remainder: number
}

const LOOK_EVERY_MS = 1000
const PERCENT = 100

const COLUMNS: TextColumn<NodeStatus>[] = [
  { title: 'NODE', cell: ({ id }) => shortId(id) },
  { title: 'PASS', cell: ({ integrity }) => (integrity ? String(integrity.pass) : '-'), alignRight: true },
  {
    title: 'READ',
    cell: ({ integrity }) => (integrity ? percent(integrity.position) : '-'),
    alignRight: true,
  },
  {
    title: 'LAST PASS ENDED',
    cell: ({ integrity }) => (integrity ? (integrity.lastPassEndedAt ?? 'never') : '-'),
  },
  { title: 'FOUND', cell: ({ integrity }) => String(integrity?.found ?? '-'), alignRight: true },
  { title: 'HEALED', cell: ({ integrity }) => String(integrity?.healed ?? '-'), alignRight: true },
  { title: 'DAMAGED', cell: ({ integrity }) => String(integrity?.quarantined ?? '-'), alignRight: true },
]

/**
 * Exit code: 0 when no node that was asked about is silent or has damage. Throws an Error with what a node said, NotAskedError.
 */
export async function scrubCommand(
  client: OperatorClient,
  flags: ScrubFlags,
  io: CliIo,
  terms: ScrubTerms,
): Promise<number> {
  const wanted = await wantedNodes(client, flags.node)
  if (flags.now) await readBack(client, wanted, flags.rate, io, terms)
  const nodes = await statusOf(client, wanted)
  io.print(renderScrub(nodes, flags.format))
  return nodes.every(({ integrity }) => integrity?.quarantined === 0) ? EXIT_OK : EXIT_FAILED
}

/** value: node, pass and how much of it is done, for scripts. */
export function renderScrub(nodes: readonly NodeStatus[], format: StatusFormat): string {
  const rows = nodes.map(({ id, integrity }) => ({ node: id, integrity }))
  if (format === 'json') return `${JSON.stringify(rows, null, 2)}\n`
  if (format === 'value')
    return rows
      .map(
        ({ node, integrity }) =>
          `${node} ${integrity?.pass ?? '-'} ${integrity ? percent(integrity.position) : '-'}\n`,
      )
      .join('')
  return [...textTable(COLUMNS, nodes), ''].join('\n')
}

async function wantedNodes(client: OperatorClient, names: readonly string[] = []): Promise<string[]> {
  const document = await client.nodes()
  return names.length > 0
    ? names.map((name) => resolveNode(name, document))
    : document.nodes.map(({ id }) => id)
}

async function statusOf(client: OperatorClient, ids: readonly string[]): Promise<NodeStatus[]> {
  return (await client.status()).nodes.filter(({ id }) => ids.includes(id))
}

/** What it set it takes back, however it ends. */
async function readBack(
  client: OperatorClient,
  ids: readonly string[],
  rate: number,
  io: CliIo,
  { clock, stop }: ScrubTerms,
): Promise<void> {
  const nodesNow = await statusOf(client, ids)
  requireAwake(nodesNow)
  const goals = nodesNow.flatMap(goalOf)
  const set: string[] = []
  const progress = new ProgressLine(io)
  try {
    for (const { id } of goals) {
      await client.send('POST', auditorOf(id), { rate })
      set.push(id)
    }
    for (;;) {
      const nodes = await statusOf(client, ids)
      const shares = goals.map((goal) =>
        shareOf(
          goal,
          nodes.find(({ id }) => id === goal.id),
        ),
      )
      if (shares.every((share) => share === 1) || stop.aborted) break
      const share = shares.reduce((sum, each) => sum + each, 0) / shares.length
      progress.show(`${percent(share)} is read back, of ${goals.length} nodes`)
      await sleep(clock, LOOK_EVERY_MS, stop).catch(() => {})
    }
  } finally {
    progress.end()
    for (const id of set)
      await client.send('POST', auditorOf(id), { rate: null }).catch((error: Error) => {
        io.complain(`serac: the auditor of ${shortId(id)} goes on at that rate: ${error.message}\n`)
      })
  }
}

/** Throws an Error: nobody would ever see the end. */
function requireAwake(nodes: readonly NodeStatus[]): void {
  const paused = nodes.find(({ loops }) =>
    loops?.some(({ name, state }) => name === 'auditor' && state === 'paused'),
  )
  if (paused)
    throw new Error(
      `the auditor of ${paused.id} is paused: resume it first ("serac loops auditor --resume" there)`,
    )
}

/** A chunk that the pass under way has read already is read by the next one again. */
function goalOf({ id, integrity }: NodeStatus): Goal[] {
  return integrity ? [{ id, pass: integrity.pass + 1, remainder: 1 - integrity.position }] : []
}

/** How much is done, 0 to 1. Of a node that is silent now nothing more is known. */
function shareOf({ pass, remainder }: Goal, node: NodeStatus | undefined): number {
  const integrity = node?.integrity
  if (!integrity) return 0
  if (integrity.pass > pass) return 1
  const done = integrity.pass === pass ? remainder + integrity.position : remainder - (1 - integrity.position)
  return Math.max(0, done / (remainder + 1))
}

function auditorOf(id: string): string {
  return `/v1/cluster/nodes/${id}/loops/auditor`
}

function percent(share: number): string {
  return `${Math.floor(share * PERCENT)} %`
}
