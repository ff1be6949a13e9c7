/** `npm run bench -- NAME`: measures the built nodes in dist/. See `--help`. */
import { Command } from 'commander'
import { renderRows, type BenchOptions, type BenchRow } from './bench-report.ts'
import { benchMetadata } from './metadata.ts'
import { benchRescan } from './rescan.ts'

type Benchmark = (options: BenchOptions, report: (row: BenchRow) => void) => Promise<void>

const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  metadata: benchMetadata,
  rescan: benchRescan,
}

interface Flags {
  nodes: string
  images: string
  seconds: string
  runs: string
  only?: string
  nodeFlags?: string
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
  .option('--json', 'one JSON object per line instead of a table')
  .parse()

const flags = program.opts<Flags>()
const [name = ''] = program.args
const benchmark = BENCHMARKS[name]
if (!benchmark) throw new Error(`there is no benchmark ${name}`)

const numbers = (list: string) => list.split(',').map(Number)
const rows: BenchRow[] = []
await benchmark(
  {
    nodes: numbers(flags.nodes),
    images: numbers(flags.images),
    seconds: Number(flags.seconds),
    runs: Number(flags.runs),
    only: flags.only ?? null,
    nodeFlags: flags.nodeFlags?.split(' ') ?? [],
  },
  (row) => {
    rows.push(row)
    if (flags.json) process.stdout.write(`${JSON.stringify(row)}\n`)
    else process.stderr.write(`${renderRows([row]).split('\n')[1]}\n`)
  },
)
if (!flags.json) process.stdout.write(renderRows(rows))
