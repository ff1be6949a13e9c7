/** The cluster status as text for a terminal of 80 columns. */
import { wordWrap } from '../config/word-wrap.ts'
import type { Check, ClusterStatus, FallThrough, NodeStatus } from '../status/status-types.ts'
import { type TextColumn, textTable } from './text-table.ts'

export const STATUS_FORMATS = ['table', 'json', 'value'] as const
export type StatusFormat = (typeof STATUS_FORMATS)[number]

const COLUMNS = 80
/** What tells node ids apart is at their end; all begin alike. */
const ID_TAIL_LENGTH = 8
const KIB = 1024

const NODE_COLUMNS: TextColumn<NodeStatus>[] = [
  { title: 'NODE', cell: ({ id }) => shortId(id) },
  { title: 'ADDRESS', cell: ({ address }) => address },
  { title: 'ROLE', cell: ({ role }) => role },
  { title: 'STATE', cell: describeState },
  { title: 'IMAGES', cell: ({ imagesHeld }) => figure(imagesHeld), alignRight: true },
  { title: 'STORED', cell: ({ storedBytes }) => formatBytes(storedBytes), alignRight: true },
  { title: 'FREE', cell: ({ freeBytes }) => formatBytes(freeBytes), alignRight: true },
]

/** table for people, json for programs, value: the verdict alone, for scripts. */
export function renderStatus(status: ClusterStatus, format: StatusFormat): string {
  if (format === 'json') return `${JSON.stringify(status, null, 2)}\n`
  if (format === 'value') return `${status.verdict}\n`
  const parts = [
    wordWrap(`${status.verdict}: ${status.summary}`, COLUMNS),
    textTable(NODE_COLUMNS, status.nodes),
    describeFigures(status),
    ...status.checks.map((check) => describeCheck(check, status.nodes)),
    [`As of ${status.as_of}.`],
  ]
  return `${parts.map((lines) => lines.join('\n')).join('\n\n')}\n`
}

function describeFigures(status: ClusterStatus): string[] {
  const { quorum, images, redundancy, oldGlance } = status
  const writes = quorum.canWrite ? 'writes go on' : 'writes are refused'
  const copies = redundancy?.copiesMin ?? null
  const figures = {
    Quorum: `${quorum.votersUp} of ${quorum.votersTotal} voters are up, ${quorum.needed} needed: ${writes}`,
    Images:
      images === null
        ? 'unknown'
        : `${images.total}: ${images.active} active, ${images.queued} queued, ${images.saving} saving, ${images.other} other`,
    Copies:
      redundancy === null
        ? 'unknown'
        : `${redundancy.full} full, ${redundancy.underReplicated} under-replicated, ` +
          `${redundancy.unavailable} unavailable, ${redundancy.unknown} unknown` +
          (copies === null ? '' : `; at least ${copies} of each`),
    ...(redundancy && describeRepair(redundancy)),
    ...(oldGlance && { Moving: describeFallThrough(oldGlance) }),
    ...describeStores(status),
    ...describeWork(status),
  }
  return Object.entries(figures).flatMap(([name, text]) => {
    const [first = '', ...rest] = wordWrap(text, COLUMNS - name.length - 2)
    return [`${name}  ${first}`, ...rest.map((line) => `${' '.repeat(name.length + 2)}${line}`)]
  })
}

/** Shown only where there is something to do. */
function describeRepair({ toCopy, misplaced }: NonNullable<ClusterStatus['redundancy']>): {
  Repair?: string
} {
  const parts = [
    ...(toCopy.images > 0 ? [`${toCopy.images} images to copy, ${formatBytes(toCopy.bytes)}`] : []),
    ...(misplaced > 0 ? [`${misplaced} misplaced copies to give up`] : []),
  ]
  return parts.length > 0 ? { Repair: parts.join('; ') } : {}
}

function describeFallThrough({ urls, answers, requests, lastRequestAt, countedSince }: FallThrough): string {
  const last = lastRequestAt === null ? '' : `, the last at ${lastRequestAt}`
  return (
    `unknown ids are read from ${urls.join(', ')}, which ${answers ? 'answers' : 'does not answer every node'}; ` +
    `${requests} requests since ${countedSince}${last}; lists show what was moved`
  )
}

/** Shown only where there is more than the cluster. */
function describeStores({ stores }: ClusterStatus): { Stores?: string } {
  if (!stores || stores.length < 2) return {}
  const parts = stores.map(({ id, images }) => `${id} ${images.images} images, ${formatBytes(images.bytes)}`)
  return { Stores: parts.join('; ') }
}

/** Shown only while there is some. */
function describeWork({ work }: ClusterStatus): { Imports?: string } {
  if (!work) return {}
  const { staged, tasks } = work
  const underWay = tasks.pending + tasks.processing
  const parts = [
    ...(staged.images > 0 ? [`${staged.images} images are staged, ${formatBytes(staged.bytes)}`] : []),
    ...(underWay > 0 ? [`${underWay} tasks under way`] : []),
  ]
  return parts.length > 0 ? { Imports: parts.join('; ') } : {}
}

function describeCheck(check: Check, nodes: readonly NodeStatus[]): string[] {
  const node = nodes.find(({ id }) => id === check.who)
  const who = node === undefined ? check.who : `${shortId(node.id)} (${node.address})`
  const title = [check.severity.toUpperCase(), check.code, ...(who === null ? [] : [who])].join(' ')
  return [
    ...wordWrap(`${title}, since ${check.since}`, COLUMNS),
    ...indented(check.why),
    ...indented(`What to do: ${check.remedy}`),
    ...(check.muted ? indented(`Muted until ${check.muted.until}: ${check.muted.reason}`) : []),
  ]
}

function indented(text: string): string[] {
  return wordWrap(text, COLUMNS - 2).map((line) => `  ${line}`)
}

function describeState({ state, caughtUp, ageSeconds, drain }: NodeStatus): string {
  if (state === 'alive' && drain) return drain.left?.images === 0 ? 'drained' : 'draining'
  if (state === 'unknown' && ageSeconds !== null) return `unknown (${Math.round(ageSeconds)} s)`
  return state === 'alive' && caughtUp === false ? 'catching up' : state
}

/** What tells node ids apart is at their end. */
export function shortId(id: string): string {
  return `…${id.slice(-ID_TAIL_LENGTH)}`
}

function figure(value: number | null): string {
  return value === null ? '?' : String(value)
}

/** `1.5 GiB`; `?` for what is not known. */
export function formatBytes(bytes: number | null): string {
  if (bytes === null) return '?'
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes
  let unit = 0
  while (value >= KIB && unit < units.length - 1) {
    value /= KIB
    unit++
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}
