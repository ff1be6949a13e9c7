/** What benchmarks are asked for and what they answer. */
import { textTable } from '../../node/cli/text-table.ts'

export interface BenchOptions {
  /** Cluster sizes. */
  nodes: readonly number[]
  /** How many images there are, growing. */
  images: readonly number[]
  /** Of each run. */
  seconds: number
  /** Runs of each measure; the median counts. */
  runs: number
  /** Only measures whose name has this in it. */
  only: string | null
  /** Handed to the node of every node process, e.g. `--cpu-prof`. */
  nodeFlags: readonly string[]
  /** Of each image whose bytes are moved. */
  sizeMiB: number
  /** Beside Glance on Swift as well. */
  swift: boolean
}

/** Either a load's figures or one text of its own. */
export interface BenchRow {
  where: string
  images: number
  name: string
  clients?: number
  perSecond?: number
  p50Ms?: number
  p99Ms?: number
  cpuMs?: number
  valueText?: string
}

const figure = (value: number | undefined, digits: number) => value?.toFixed(digits) ?? ''

/** Within 80 columns. */
export function renderRows(rows: readonly BenchRow[]): string {
  const lines = textTable(
    [
      { title: 'WHERE', cell: ({ where }) => where },
      { title: 'IMAGES', cell: ({ images }) => String(images), alignRight: true },
      { title: 'WHAT', cell: ({ name }) => name },
      { title: 'CLIENTS', cell: ({ clients }) => String(clients ?? ''), alignRight: true },
      {
        title: '/S',
        cell: ({ perSecond, valueText }) => valueText ?? figure(perSecond, 0),
        alignRight: true,
      },
      { title: 'P50 MS', cell: ({ p50Ms }) => figure(p50Ms, 2), alignRight: true },
      { title: 'P99 MS', cell: ({ p99Ms }) => figure(p99Ms, 1), alignRight: true },
      { title: 'CPU MS', cell: ({ cpuMs }) => figure(cpuMs, 2), alignRight: true },
    ],
    rows,
  )
  return `${lines.join('\n')}\n`
}
