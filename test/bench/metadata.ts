/**
 * Metadata: single images, changes and lists, on one node and on three, with few images and with many. Nodes and load
 * generator share the machine, so what counts is ratios within one run: to the bare server, and between sizes.
 */
import { BareServer } from './bare-server.ts'
import { BenchCluster } from './bench-cluster.ts'
import type { BenchOptions, BenchRow } from './bench-report.ts'
import { requestBytes } from './http-connection.ts'
import { medianRun, runLoad, type LoadPlan, type LoadResult } from './load.ts'
import { ADMIN, createRequest, MEMBER, patchRequest, showRequest } from './requests.ts'
import { seededId } from './seeded-image.ts'
import type { UsageMeter } from './usage.ts'

const CLIENTS = [1, 8, 64]
/** Far more than a few cores can serve: changes wait then, and none may fail. */
const CROWD = 240
const LIST_CLIENTS = 8
const MIB = 1024 ** 2

interface Measure {
  name: string
  clients: number
  next: () => Buffer
  expectedStatus?: number
}

/** One row per measure and size; `report` is told each as soon as it is there. */
export async function benchMetadata(options: BenchOptions, report: (row: BenchRow) => void): Promise<void> {
  await measureBare(options, report)
  for (const nodes of options.nodes) await measureCluster(nodes, options, report)
}

async function measureBare(options: BenchOptions, report: (row: BenchRow) => void): Promise<void> {
  const bare = await BareServer.start()
  try {
    const plan = { ports: [bare.port], usage: bare.usage, options }
    const show: Measure = { name: 'show', clients: 64, next: () => requestBytes('GET', `/${bare.anyKey()}`) }
    const list: Measure = { name: 'list 100', clients: LIST_CLIENTS, next: () => requestBytes('GET', '/') }
    for (const measure of [show, list].filter(isWanted(options)))
      report({ where: 'bare fastify', images: bare.size, ...rowOf(measure, await medianOf(measure, plan)) })
  } finally {
    await bare.stop()
  }
}

async function measureCluster(
  nodes: number,
  options: BenchOptions,
  report: (row: BenchRow) => void,
): Promise<void> {
  const where = nodes === 1 ? 'one node' : `${nodes} nodes`
  const cluster = await BenchCluster.up(nodes, options.nodeFlags)
  try {
    let seeded = 0
    for (const images of options.images) {
      await cluster.seed(seeded, images)
      seeded = images
      await measureAmong(images, cluster, options, (row) => report({ where, images, ...row }))
    }
  } finally {
    await cluster.down()
  }
}

async function measureAmong(
  images: number,
  cluster: BenchCluster,
  options: BenchOptions,
  report: (row: Omit<BenchRow, 'where' | 'images'>) => void,
): Promise<void> {
  report({ name: 'start until ready', valueText: `${Math.round(await cluster.restartMs())} ms` })
  const usage = await cluster.usage()
  const target = { ports: cluster.ports, usage, options }
  const reportResident = async (name: string) =>
    report({ name, valueText: `${(await usage.residentBytes()).map(mebibytes).join(' ')} MiB` })
  const measureAll = async (measures: Measure[]) => {
    for (const measure of measures.filter(isWanted(options)))
      report(rowOf(measure, await medianOf(measure, target)))
  }
  await reportResident('resident after start')
  await measureAll(readsAmong(images))
  await reportResident('resident after reads')
  await measureAll(writesAmong(images))
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / MIB)}`
}

function isWanted({ only }: BenchOptions): (measure: Measure) => boolean {
  return ({ name }) => only === null || name.includes(only)
}

interface Target {
  ports: readonly number[]
  usage: UsageMeter
  options: BenchOptions
}

/** A first run warms up and does not count. */
async function medianOf(measure: Measure, { ports, usage, options }: Target): Promise<LoadResult> {
  const plan: LoadPlan = { expectedStatus: 200, ...measure, ports, seconds: options.seconds }
  await runLoad({ ...plan, seconds: options.seconds / 2 }, usage)
  const runs: LoadResult[] = []
  for (let run = 0; run < options.runs; run++) runs.push(await runLoad(plan, usage))
  return medianRun(runs)
}

function rowOf({ name, clients }: Measure, result: LoadResult) {
  return { name, clients, ...result }
}

function readsAmong(images: number): Measure[] {
  const anyImage = anyOf(images)
  const fixed = (path: string, caller = ADMIN) => {
    const request = requestBytes('GET', path, caller)
    return () => request
  }
  const list = (name: string, path: string, caller = ADMIN): Measure => ({
    name,
    clients: LIST_CLIENTS,
    next: fixed(path, caller),
  })
  const hundred = '/v2/images?limit=100'
  return [
    { name: 'show one', clients: 64, next: fixed(`/v2/images/${seededId(1)}`) },
    ...CLIENTS.map((clients) => ({
      name: 'show any',
      clients,
      next: () => showRequest(anyImage()),
    })),
    list('list 100', hundred),
    {
      name: 'list 100 marker',
      clients: LIST_CLIENTS,
      next: () => requestBytes('GET', `${hundred}&marker=${anyImage()}`, ADMIN),
    },
    list('list 100 sort=name', `${hundred}&sort=name:asc`),
    list('list 100 sort=2 keys', `${hundred}&sort=disk_format:asc,size:desc`),
    list('list 100 status=', `${hundred}&status=active`),
    list('list 100 public', `${hundred}&visibility=public`),
    list('list 100 member', hundred, MEMBER),
    list('list 100 tag=', `${hundred}&tag=debian`),
    list('list 100 os_distro=', `${hundred}&os_distro=debian`),
    list('list build= (1/1000)', `${hundred}&build=build-77`),
    {
      name: 'list name=',
      clients: LIST_CLIENTS,
      next: () => {
        const number = 6 * Math.floor((Math.random() * images) / 6)
        return requestBytes('GET', `/v2/images?name=debian-${String(number).padStart(6, '0')}`, ADMIN)
      },
    },
  ]
}

/** Tens of thousands of images more, so they come after whatever is measured among a known number. */
function writesAmong(images: number): Measure[] {
  const anyImage = anyOf(images)
  return [
    ...CLIENTS.map((clients) => ({ name: 'create', clients, next: createRequest, expectedStatus: 201 })),
    ...[...CLIENTS, CROWD].map((clients) => ({
      name: 'patch',
      clients,
      next: () => patchRequest(anyImage()),
    })),
  ]
}

/** The id of any of the seeded images. */
function anyOf(images: number): () => string {
  return () => seededId(Math.floor(Math.random() * images))
}
