/** Background loops of all nodes, with what an operator may do to them. */
import type { NodeStatus } from '../../../node/status/status-types.ts'
import { make } from './change.ts'
import { DataTable } from './data-table.tsx'
import { Sign, type Tone } from './marks.tsx'
import type { Shown } from './shown.ts'
import { count, rate, seconds, withNames } from './words.ts'

type LoopState = NonNullable<NodeStatus['loops']>[number]

const MIB = 1024 ** 2
const RATES_MIB = [5, 10, 25, 50, 100, 200, 500]
const TONES: Readonly<Record<LoopState['state'], Tone>> = {
  busy: 'info',
  throttled: 'info',
  idle: 'good',
  paused: 'warning',
  failed: 'critical',
  stopped: 'critical',
}

/** Of `ControlCells`. */
export const CONTROL_COLUMNS = ['Rate', { name: 'Pause or resume', isUnseen: true }] as const
const COLUMNS = [
  'Node',
  'Loop',
  'State',
  { name: 'Waiting', class: 'number' },
  { name: 'Oldest', class: 'number' },
  ...CONTROL_COLUMNS,
]

export interface LoopTableProps {
  shown: Shown
  /** Names of the loops to show. */
  names: readonly string[]
  caption: string
}

export function LoopTable({ shown, names, caption }: LoopTableProps) {
  const { nodes } = shown.status
  return (
    <DataTable caption={caption} columns={COLUMNS}>
      {nodes.map((node) => rowsOf(node, names, shown))}
    </DataTable>
  )
}

function rowsOf(node: NodeStatus, names: readonly string[], shown: Shown) {
  if (!node.loops) return <SilentRow key={node.id} address={node.address} columns={COLUMNS.length} />
  const loops = names.flatMap((name) => node.loops?.find((loop) => loop.name === name) ?? [])
  return loops.map((loop, index) => (
    <tr key={`${node.id} ${loop.name}`} class={index > 0 ? 'same' : ''}>
      <th scope="row">
        <span class={index > 0 ? 'unseen' : ''}>{node.address}</span>
      </th>
      <td>{loop.name}</td>
      <td>
        <Sign tone={TONES[loop.state]}>{loop.state}</Sign>
        {loop.lastError ? <p class="small tone-critical">{withNames(loop.lastError, shown.status)}</p> : null}
      </td>
      <td class="number">{loop.queue ? count(loop.queue.depth) : '–'}</td>
      <td class="number">
        {loop.queue && loop.queue.depth > 0 ? seconds(loop.queue.oldestAgeMs / 1000) : '–'}
      </td>
      <ControlCells node={node} loop={loop} shown={shown} />
    </tr>
  ))
}

interface ControlProps {
  node: NodeStatus
  loop: LoopState
  shown: Shown
}

/** A node of which nothing is known, in a table of so many columns. */
export function SilentRow({ address, columns }: { address: string; columns: number }) {
  return (
    <tr>
      <th scope="row">{address}</th>
      <td colSpan={columns - 1}>
        <Sign tone="unknown">unknown: the node does not answer</Sign>
      </td>
    </tr>
  )
}

/** Rate and pause of a loop, the last cells of a row. */
export function ControlCells(props: ControlProps) {
  return (
    <>
      <td>
        <RateChoice {...props} />
      </td>
      <td class="number">
        <PauseButton {...props} />
      </td>
    </>
  )
}

function PauseButton({ node, loop, shown }: ControlProps) {
  const isPaused = loop.state === 'paused'
  const verb = isPaused ? 'Resume' : 'Pause'
  return (
    <button
      type="button"
      disabled={shown.isStale}
      aria-label={`${verb} the ${loop.name} of ${node.address}`}
      onClick={() =>
        void setLoop(node, loop.name, { paused: !isPaused }, shown, isPaused ? 'resumed' : 'paused')
      }
    >
      {verb}
    </button>
  )
}

function RateChoice({ node, loop, shown }: ControlProps) {
  if (!loop.rate) return <span class="quiet">–</span>
  const { fixed, perSecond } = loop.rate
  const choices = new Set(RATES_MIB.map((mib) => mib * MIB))
  if (fixed !== null) choices.add(fixed)
  return (
    <select
      aria-label={`Rate of the ${loop.name} of ${node.address}`}
      disabled={shown.isStale}
      value={fixed === null ? '' : String(fixed)}
      onChange={({ currentTarget: { value } }) =>
        void setLoop(node, loop.name, { rate: value === '' ? null : Number(value) }, shown, 'set')
      }
    >
      <option value="">its own{fixed === null ? `, ${rate(perSecond)}` : ''}</option>
      {[...choices]
        .toSorted((a, b) => a - b)
        .map((each) => (
          <option key={each} value={String(each)}>
            {rate(each)}
          </option>
        ))}
    </select>
  )
}

export function setLoop(
  { id, address }: Pick<NodeStatus, 'id' | 'address'>,
  name: string,
  changes: { paused?: boolean; rate?: number | null },
  shown: Pick<Shown, 'say' | 'refresh'>,
  done: string,
): Promise<void> {
  const path = `/v1/cluster/nodes/${id}/loops/${name}`
  const texts = {
    done: `The ${name} of ${address} is ${done}.`,
    failed: `The ${name} of ${address} could not be set`,
  }
  return make({ method: 'POST', path, body: changes, ...texts }, shown)
}
