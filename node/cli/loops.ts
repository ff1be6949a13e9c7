/** `serac loops`: shows the background loops of the node that is asked, and sets one of them. */
import type { LoopState } from '../loops/loop.ts'
import type { LoopChanges, LoopsDocument } from '../status/loop-admin.ts'
import { type CliIo, EXIT_OK } from './cli-io.ts'
import { OperatorClient } from './operator-client.ts'
import { formatBytes, type StatusFormat } from './status-view.ts'
import { type TextColumn, textTable } from './text-table.ts'

const COLUMNS: TextColumn<LoopState>[] = [
  { title: 'LOOP', cell: ({ name }) => name },
  { title: 'STATE', cell: ({ state }) => state },
  { title: 'RUNS', cell: ({ runs }) => String(runs), alignRight: true },
  { title: 'LAST RUN', cell: ({ lastRunAt }) => lastRunAt ?? 'never' },
  { title: 'QUEUE', cell: ({ queue }) => (queue ? String(queue.depth) : '-'), alignRight: true },
  { title: 'OLDEST', cell: ({ queue }) => (queue ? seconds(queue.oldestAgeMs) : '-'), alignRight: true },
  { title: 'RATE', cell: describeRate, alignRight: true },
]

/** Without `changes` it only shows. Throws an Error with what the node said, NotAskedError. */
export async function loopsCommand(
  name: string | undefined,
  changes: LoopChanges,
  asking: { url: string; format: StatusFormat },
  io: CliIo,
): Promise<number> {
  const client = new OperatorClient(asking.url)
  const isChange = Object.keys(changes).length > 0
  if (isChange && name === undefined) throw new Error('say which loop: serac loops NAME')
  if (isChange) await client.send('POST', `/v1/cluster/loops/${encodeURIComponent(name!)}`, changes)
  const { loops } = (await client.send('GET', '/v1/cluster/loops')) as LoopsDocument
  const shown = loops.filter((loop) => name === undefined || loop.name === name)
  if (shown.length === 0)
    throw new Error(`there is no loop ${name}, only ${loops.map((loop) => loop.name).join(', ')}`)
  io.print(renderLoops(shown, asking.format))
  return EXIT_OK
}

/** value: name and state of each, for scripts. */
export function renderLoops(loops: readonly LoopState[], format: StatusFormat): string {
  if (format === 'json') return `${JSON.stringify(loops, null, 2)}\n`
  if (format === 'value') return loops.map(({ name, state }) => `${name} ${state}\n`).join('')
  const details = loops.flatMap(describeDetails)
  return [...textTable(COLUMNS, loops), ...(details.length > 0 ? ['', ...details] : []), ''].join('\n')
}

function describeDetails({ name, lastError, progress }: LoopState): string[] {
  const figures = Object.entries(progress ?? {}).map(
    ([figure, value]) => `${figure} ${JSON.stringify(value)}`,
  )
  return [
    ...(figures.length > 0 ? [`${name}: ${figures.join(', ')}`] : []),
    ...(lastError === null ? [] : [`${name} failed: ${lastError}`]),
  ]
}

function describeRate({ rate }: LoopState): string {
  if (!rate) return '-'
  const perSecond = rate.unit === 'bytes' ? formatBytes(rate.perSecond) : `${rate.perSecond} ${rate.unit}`
  return `${perSecond}/s${rate.fixed === null ? '' : ' (set)'}`
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`
}
