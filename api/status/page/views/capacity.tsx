/** How full the disks are, when they will be, and what goes with a node. */
import type { ImageSum } from '../../../../node/status/image-sum.ts'
import type { CapacityDocument } from '../../../../node/status/cluster-history.ts'
import type { NodeStatus } from '../../../../node/status/status-types.ts'
import { Chart, type ChartLine } from '../chart.tsx'
import { DataTable } from '../data-table.tsx'
import { Lead, type Sentence } from '../lead.tsx'
import { useLive } from '../live.ts'
import { Sign } from '../marks.tsx'
import type { Shown } from '../shown.ts'
import { bytes, countOf, days, nodeName, UNKNOWN } from '../words.ts'
import { DiskMeter } from './nodes.tsx'

const EVERY_MS = 15_000
/** A week is enough to buy a disk, hardly to get one. */
const SOON_DAYS = 14
const COLUMNS = [
  'Node',
  { name: 'Disk', class: 'wide' },
  { name: 'Growth a day', class: 'number' },
  'Full',
  'If this node is lost',
]

export function Capacity({ status }: Shown) {
  const { document: history } = useLive<CapacityDocument>('/v1/cluster/capacity', EVERY_MS)
  return (
    <>
      <Lead {...sentenceOf(status.nodes)} />
      <DataTable caption="Disks" columns={COLUMNS}>
        {status.nodes.map((node) => (
          <tr key={node.id}>
            <th scope="row">{node.address}</th>
            <td class="wide">
              <DiskMeter node={node} />
            </td>
            <td class="number">{growthOf(node)}</td>
            <td>{fullWhen(node)}</td>
            <td>
              <Loss node={node} onlyOn={status.redundancy?.onlyOn ?? null} />
            </td>
          </tr>
        ))}
      </DataTable>
      <section aria-labelledby="free-title">
        <h2 id="free-title">
          Free space <small>since each node started</small>
        </h2>
        {history ? (
          <FreeChart history={history} nodes={status.nodes} />
        ) : (
          <p class="empty">Asking the nodes…</p>
        )}
      </section>
    </>
  )
}

function growthOf({ forecast }: NodeStatus): string {
  if (!forecast) return UNKNOWN
  return forecast.growthBytesPerDay === null ? 'after an hour' : bytes(forecast.growthBytesPerDay)
}

function fullWhen({ forecast, store }: NodeStatus) {
  if (!forecast || !store) return <Sign tone="unknown">{UNKNOWN}</Sign>
  if (store.isFull) return <Sign tone="critical">now</Sign>
  if (forecast.growthBytesPerDay === null) return <span class="quiet">no trend yet</span>
  const isSoon = forecast.daysUntilFull !== null && forecast.daysUntilFull < SOON_DAYS
  return <Sign tone={isSoon ? 'warning' : 'good'}>{days(forecast.daysUntilFull)}</Sign>
}

type OnlyOn = Record<string, ImageSum>

function Loss({ node, onlyOn }: { node: NodeStatus; onlyOn: OnlyOn | null }) {
  if (!onlyOn || node.state !== 'alive') return <Sign tone="unknown">{UNKNOWN}</Sign>
  const last = onlyOn[node.id]
  if (!last) return <Sign tone="good">no image is lost</Sign>
  return (
    <Sign tone="critical">
      {countOf(last.images, 'image')} lost, {bytes(last.bytes)}
    </Sign>
  )
}

function FreeChart({ history, nodes }: { history: CapacityDocument; nodes: readonly NodeStatus[] }) {
  const known = history.nodes.flatMap(({ id, samples }) => (samples ? [{ id, samples }] : []))
  const times = [
    ...new Set(known.flatMap(({ samples }) => samples.map(({ atMs }) => Math.round(atMs / 1000)))),
  ]
  times.sort((a, b) => a - b)
  const lines: ChartLine[] = known.map(({ id, samples }) => {
    const at = new Map(samples.map(({ atMs, freeBytes }) => [Math.round(atMs / 1000), freeBytes]))
    return { label: nodeName(nodes, id), values: filled(times.map((time) => at.get(time) ?? null)) }
  })
  const label = known
    .map(({ id, samples }) => `${nodeName(nodes, id)} ${bytes(samples.at(-1)?.freeBytes)} free`)
    .join(', ')
  return <Chart times={times} lines={lines} label={label} />
}

/** Nodes look at different moments: between two looks of one, the earlier holds; before the first, nothing does. */
function filled(values: readonly (number | null)[]): (number | null)[] {
  let last: number | null = null
  const lastKnown = values.findLastIndex((value) => value !== null)
  return values.map((value, index) => (index > lastKnown ? null : (last = value ?? last)))
}

function sentenceOf(nodes: readonly NodeStatus[]): Sentence {
  const full = nodes.filter(({ store }) => store?.isFull)
  if (full.length > 0)
    return {
      sentence: `${full.map(({ address }) => address).join(', ')} takes no more image data.`,
      tone: 'critical',
    }
  const soon = nodes.filter(({ forecast }) => (forecast?.daysUntilFull ?? Infinity) < SOON_DAYS)
  if (soon.length > 0)
    return {
      sentence: `${soon.map(({ address }) => address).join(', ')} will be full within two weeks.`,
      tone: 'warning',
    }
  const silent = nodes.filter(({ freeBytes }) => freeBytes === null).length
  if (silent > 0)
    return {
      sentence: `Of ${countOf(silent, 'node')} the disk is unknown; the others have room.`,
      tone: 'unknown',
    }
  return { sentence: 'Every disk has room.', tone: 'good' }
}
