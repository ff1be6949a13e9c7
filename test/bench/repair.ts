/**
 * What it takes until a node that lost its disk holds everything again, and what clients of the others notice of it at the
 * default throttle. Idle and repair follow each other in each run, so that their ratio is one of the same minute.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BenchCluster } from './bench-cluster.ts'
import type { BenchOptions, BenchRow } from './bench-report.ts'
import { FreshFile } from './fresh-file.ts'
import { createImage, uploadFile } from './image-client.ts'
import { NO_AUTH } from './image-server.ts'
import { rangeOf, type Range } from './paired-runs.ts'
import { patchRequest, showRequest } from './requests.ts'
import { SteadyLoad, type RequestKind, type SteadyResult } from './steady-load.ts'

const MIB = 1024 ** 2
const NODES = 3
const WIPED = 2
/** What `--size` is cut into. */
const IMAGES = 8
const CLIENTS = 4
/** Some 100 reads and as many changes each second at most. */
const PAUSE_MS = 20
const KINDS: readonly RequestKind[] = ['read', 'write']

type Loads = Record<RequestKind, SteadyResult>

interface Repair {
  idle: Loads
  during: Loads
  seconds: number
}

/** One row for each figure: the median of all runs, with their range. */
export async function benchRepair(options: BenchOptions, report: (row: BenchRow) => void): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'serac-bench-files-'))
  const cluster = await BenchCluster.up(NODES, options.nodeFlags, NO_AUTH)
  try {
    const ids: string[] = []
    const file = await FreshFile.create(join(directory, 'image'), (options.sizeMiB * MIB) / IMAGES)
    for (let i = 0; i < IMAGES; i++) {
      await file.refresh()
      ids.push(await createImage(cluster.ports[0] as number))
      await uploadFile(cluster.ports[0] as number, ids[i] as string, file.path)
    }
    await cluster.full()
    const alone: number[] = []
    const served: Repair[] = []
    for (let run = 0; run < options.runs; run++) {
      alone.push(await wipedSeconds(cluster))
      served.push(await repairUnderLoad(cluster, ids, options.seconds))
    }
    for (const row of rowsOf(options.sizeMiB, alone, served)) report(row)
  } finally {
    await cluster.down()
    await rm(directory, { recursive: true, force: true })
  }
}

/** From the moment at which the node is there again until every image is full. */
async function wipedSeconds(cluster: BenchCluster): Promise<number> {
  await cluster.wipe(WIPED)
  const beganMs = performance.now()
  await cluster.full()
  return (performance.now() - beganMs) / 1000
}

/** The clients talk to those that stay. */
async function repairUnderLoad(
  cluster: BenchCluster,
  ids: readonly string[],
  idleSeconds: number,
): Promise<Repair> {
  const anyId = () => ids[Math.floor(Math.random() * ids.length)] as string
  const load = new SteadyLoad({
    ports: cluster.ports.filter((_, index) => index !== WIPED),
    clients: CLIENTS,
    pauseMs: PAUSE_MS,
    next: (kind) => (kind === 'read' ? showRequest(anyId()) : patchRequest(anyId())),
  })
  try {
    await new Promise((resolve) => setTimeout(resolve, idleSeconds * 1000))
    const idle = load.take()
    await cluster.wipe(WIPED)
    load.take()
    const beganMs = performance.now()
    await cluster.full()
    return { idle, during: load.take(), seconds: (performance.now() - beganMs) / 1000 }
  } finally {
    await load.stop()
  }
}

function rowsOf(sizeMiB: number, alone: readonly number[], served: readonly Repair[]): BenchRow[] {
  const row = (name: string, valueText: string) => ({
    where: `${NODES} nodes`,
    images: IMAGES,
    name,
    valueText,
  })
  const speed = (seconds: readonly number[]) =>
    ranged(rangeOf(seconds.map((each) => sizeMiB / each)), 'MiB/s')
  const seconds = served.map((each) => each.seconds)
  const ratios = KINDS.flatMap((kind) =>
    (['p50Ms', 'p99Ms'] as const).flatMap((quantile) => {
      const of = (when: 'idle' | 'during') => served.map((each) => each[when][kind][quantile])
      const ratio = served.map(({ idle, during }) => during[kind][quantile] / idle[kind][quantile])
      const name = `${kind} ${quantile.slice(0, 3)}`
      return [
        row(`${name} idle`, ranged(rangeOf(of('idle')), 'ms')),
        row(`${name} during`, ranged(rangeOf(of('during')), 'ms')),
        row(`${name} ratio`, ranged(rangeOf(ratio), '×')),
      ]
    }),
  )
  const failures = served.flatMap(({ during }) => KINDS.map((kind) => during[kind].failures))
  return [
    row('repair alone', ranged(rangeOf(alone), 's')),
    row('repair alone', speed(alone)),
    row('repair, clients', ranged(rangeOf(seconds), 's')),
    row('repair, clients', speed(seconds)),
    ...ratios,
    row('failed requests', String(failures.reduce((sum, count) => sum + count, 0))),
  ]
}

function ranged({ median, min, max }: Range, unit: string): string {
  const figure = (value: number) => value.toFixed(value < 100 ? 2 : 0)
  return `${figure(median)} [${figure(min)}-${figure(max)}] ${unit}`
}
