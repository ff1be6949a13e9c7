/** `npm run bench -- NAME`: measures the built nodes in dist/. See `--help`. */
import { Command } from 'commander'
import { renderRows, type BenchOptions } from './bench-report.ts'
import { benchData, renderDataRows } from './data.ts'
import { benchMetadata } from './metadata.ts'
import { benchRepair } from './repair.ts'
import { benchRescan } from './rescan.ts'

/** Measures, reports row by row, and renders the rows. */
interface Benchmark {
  run: (options: BenchOptions, report: (row: object) => void) => Promise<void>
  render: (rows: readonly object[]) => string
}

function benchmark<Row extends object>(
  run: (options: BenchOptions, report: (row: Row) => void) => Promise<void>,
  render: (rows: readonly Row[]) => string,
): Benchmark {
  return { run, render: (rows) => render(rows as readonly Row[]) }
}

const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  data: benchmark(benchData, renderDataRows),
  metadata: benchmark(benchMetadata, renderRows),
  repair: benchmark(benchRepair, renderRows),
  rescan: benchmark(benchRescan, renderRows),
}

interface Flags {
  nodes: string
  images: string
  seconds: string
  runs: string
  only?: string
  nodeFlags?: string
  size: string
  swift?: true
  json?: true
}

const program = new Command('bench')
  .argument('<name>', `one of: ${Object.keys(BENCHMARKS).join(', ')}`)
  .option('--nodes <list>', 'sizes of the cluster', '1,3')
  .option('--images <list>', 'how many images there are, growing', '1000,100000')
  .option('--seconds <n>', 'of each run', '3')
  .option('--runs <n>', 'of each measure; the median counts', '3')
  .option('--only <text>', 'only measures whose name has this in it')
  .option('--node-flags <flags>', 'handed to the node of every process, e.g. --cpu-prof')
  .option('--size <MiB>', 'of each image whose bytes are moved; repair: of all', '1024')
  .option('--swift', 'data: beside Glance on Swift with 3 replicas as well; root')
  .option('--json', 'one JSON object per line instead of a table')
  .parse()

const flags = program.opts<Flags>()
const [name = ''] = program.args
const chosen = BENCHMARKS[name]
if (!chosen) throw new Error(`there is no benchmark ${name}`)

const numbers = (list: string) => list.split(',').map(Number)
const rows: object[] = []
await chosen.run(
  {
    nodes: numbers(flags.nodes),
    images: numbers(flags.images),
    seconds: Number(flags.seconds),
    runs: Number(flags.runs),
    only: flags.only ?? null,
    nodeFlags: flags.nodeFlags?.split(' ') ?? [],
    sizeMiB: Number(flags.size),
    swift: flags.swift === true,
  },
  (row) => {
    rows.push(row)
    if (flags.json) process.stdout.write(`${JSON.stringify(row)}\n`)
    else process.stderr.write(`${chosen.render([row]).split('\n')[1]}\n`)
  },
)
if (!flags.json) process.stdout.write(chosen.render(rows))
