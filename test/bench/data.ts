/**
 * Image data: uploads, downloads, small images, shows and lists, on one node and on three, beside Debian's Glance where that
 * is installed (`test/bench/peers/install`). Clients share the machine with all of them.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { textTable } from '../../node/cli/text-table.ts'
import type { BenchOptions } from './bench-report.ts'
import { DATA_MEASURES, type DataBed, type DataMeasure } from './data-measures.ts'
import { FreshFile } from './fresh-file.ts'
import { createImage, download, uploadFile } from './image-client.ts'
import { GlanceServer, SeracServer, type ImageServer } from './image-server.ts'
import { inRounds, summarize, type DataRow, type Range } from './paired-runs.ts'
import { watched } from './watch.ts'

type Report = (row: DataRow) => void

const MIB = 1024 ** 2
/** So that a page of a list is full. */
const LISTED_IMAGES = 100
const QUIET_MS = 3000

/** A row per measure and server, as soon as all rounds of the measure are over. */
export async function benchData(options: BenchOptions, report: Report): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'serac-bench-files-'))
  const servers: ImageServer[] = []
  const tidy = async () => {
    for (const server of servers.splice(0)) await server.stop()
    await rm(directory, { recursive: true, force: true })
  }
  // They outlive this process if they are let.
  process.once('SIGINT', () => void tidy().then(() => process.exit(1)))
  process.once('SIGTERM', () => void tidy().then(() => process.exit(1)))
  try {
    for (const start of startersOf(options)) {
      const server = await start()
      if (server) servers.push(server)
      else process.stderr.write('Glance or Swift is not installed: see test/bench/peers/install\n')
    }
    await measureAll(servers, directory, options, report)
  } finally {
    await tidy()
  }
}

type Starter = () => Promise<ImageServer | null>

/** Glance first: the others are compared with it. */
function startersOf({ nodes, nodeFlags, swift }: BenchOptions): Starter[] {
  return [
    () => GlanceServer.start('glance'),
    ...(swift ? [() => GlanceServer.start('glance+swift')] : []),
    ...nodes.map((count) => () => SeracServer.start(count, nodeFlags)),
  ]
}

async function measureAll(
  servers: readonly ImageServer[],
  directory: string,
  options: BenchOptions,
  report: Report,
): Promise<void> {
  const isWanted = (name: string) => options.only === null || name.includes(options.only)
  if (isWanted('idle')) for (const server of servers) report(await measureIdle(server))
  const measures = DATA_MEASURES.filter(({ name }) => isWanted(name))
  const files = await makeFiles(directory, measures, options)
  if (isWanted('list'))
    for (const { port } of servers) for (let i = 0; i < LISTED_IMAGES; i++) await createImage(port)
  const hot = new Map<ImageServer, string>()
  for (const server of servers) hot.set(server, await hotImage(server, files[0] as FreshFile))
  const bed: DataBed = { files, seconds: options.seconds, hotImage: (server) => hot.get(server) as string }
  for (const measure of measures) for (const row of await compare(measure, servers, bed, options)) report(row)
}

async function makeFiles(
  directory: string,
  measures: readonly DataMeasure[],
  { sizeMiB }: BenchOptions,
): Promise<FreshFile[]> {
  const count = Math.max(1, ...measures.map(({ uploads }) => uploads))
  const files: FreshFile[] = []
  for (let i = 0; i < count; i++)
    files.push(await FreshFile.create(join(directory, String(i)), sizeMiB * MIB))
  return files
}

/** One whose bytes are in the page cache. */
async function hotImage({ port }: ImageServer, file: FreshFile): Promise<string> {
  const id = await createImage(port)
  await uploadFile(port, id, file.path)
  await download(port, id)
  return id
}

/** Each of ours beside Glance; Glance itself beside nobody. Swift is what three nodes are compared with as well. */
async function compare(
  measure: DataMeasure,
  servers: readonly ImageServer[],
  bed: DataBed,
  { runs }: BenchOptions,
): Promise<DataRow[]> {
  // Once unmeasured: the first run of a process pays for its warm-up.
  for (const server of servers) await measure.run(server, bed)
  const all = await inRounds(servers, runs, (server) => measure.run(server, bed))
  const peers = servers.filter((server) => server instanceof GlanceServer)
  return servers.flatMap((server) => {
    const own = all.get(server) ?? []
    if (server instanceof GlanceServer || peers.length === 0)
      return [summarize({ what: measure.name, where: server.name }, own, null)]
    return peers.map((peer) => {
      const where = `${server.name} : ${peer.name}`
      return summarize({ what: measure.name, where }, own, all.get(peer) ?? [])
    })
  })
}

async function measureIdle(server: ImageServer): Promise<DataRow> {
  const seen = await watched(server, () => new Promise((resolve) => setTimeout(resolve, QUIET_MS)))
  const run = { ...seen, seconds: QUIET_MS / 1000, bytes: 0, operations: 0 }
  return summarize({ what: 'idle', where: server.name }, [run], null)
}

/** Within 80 columns: speed and ratio as median with the range of all runs. */
export function renderDataRows(rows: readonly DataRow[]): string {
  const figure = (value: number) => (value < 10 ? value.toFixed(2) : value.toFixed(0))
  const ranged = ({ median, min, max }: Range) => `${figure(median)} [${figure(min)}-${figure(max)}]`
  const lines = textTable<DataRow>(
    [
      { title: 'WHAT', cell: ({ what }) => what },
      { title: 'WHERE', cell: ({ where }) => where },
      { title: 'SPEED', cell: ({ speed, unit }) => `${figure(speed.median)} ${unit}`, alignRight: true },
      { title: 'RATIO', cell: ({ ratio }) => (ratio ? ranged(ratio) : ''), alignRight: true },
      { title: 'CPU S', cell: ({ cpuSeconds }) => figure(cpuSeconds.median), alignRight: true },
      { title: 'MIB', cell: ({ residentMiB }) => String(residentMiB), alignRight: true },
      { title: 'LOOP', cell: ({ loopDelayMs }) => String(loopDelayMs ?? ''), alignRight: true },
      { title: 'HEALTH', cell: ({ slowestHealthMs }) => String(slowestHealthMs), alignRight: true },
    ],
    rows,
  )
  return `${lines.join('\n')}\n`
}
