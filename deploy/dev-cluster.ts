/**
 * `deploy/dev-cluster`: several nodes on this machine. Tests, documents and benchmarks lean on these commands and on
 * stdout of `up` being the API URLs and nothing else.
 */
// oxlint-disable-next-line import/no-unassigned-import -- it only adds what Node 20 lacks
import '../cluster/polyfill.ts'
import { Command, InvalidArgumentError } from 'commander'
import { printStatus } from '../node/cli/status.ts'
import { textTable } from '../node/cli/text-table.ts'
import { BASE_PORT_DEFAULT, DevCluster, type DevClusterOptions } from './dev/dev-cluster.ts'
import { interruptSignal } from './dev/interrupt-signal.ts'
import { builtNodeCommand } from './dev/node-command.ts'
import { parseSetting, type Setting } from './dev/node-config.ts'

interface NodeFlags {
  dir: string
  node: number
}

interface UpFlags {
  dir: string
  nodes: number
  basePort: number
  set: Setting[]
}

const options: DevClusterOptions = {
  nodeCommand: builtNodeCommand(),
  progress: (line) => process.stderr.write(`${line}\n`),
  signal: interruptSignal(),
}

const program = new Command('dev-cluster').description('Several Serac nodes on this machine.')

program
  .command('up')
  .description('Start nodes, wait until all are ready, and print one API URL per line.')
  .requiredOption('--nodes <n>', 'how many: 1, 3, 5 or 7', wholeNumber)
  .requiredOption('--dir <dir>', 'where their data goes')
  .option('--base-port <port>', 'API port of node 0; node I is 10·I above', wholeNumber, BASE_PORT_DEFAULT)
  .option('--set <section.option=value>', 'any option of serac.conf; may be repeated', collectSetting, [])
  .action(async ({ dir, nodes, basePort, set }: UpFlags) => {
    const cluster = await DevCluster.up(dir, { nodes, basePort }, set, options)
    for (const { apiUrl } of cluster.nodes) process.stdout.write(`${apiUrl}\n`)
  })

addNodeCommand('kill', 'Kill a node with SIGKILL.', (cluster, index) => cluster.node(index).process.kill())
addNodeCommand('stop', 'End a node in order.', (cluster, index) => cluster.stop(index))
addNodeCommand('start', 'Start a dead node again.', (cluster, index) => cluster.start(index))
addNodeCommand('pause', 'Freeze a node with SIGSTOP.', (cluster, index) =>
  cluster.node(index).process.pause(),
)
addNodeCommand('resume', 'Let a frozen node go on.', (cluster, index) => cluster.node(index).process.resume())

program
  .command('down')
  .description('End all nodes. Their data stays.')
  .requiredOption('--dir <dir>', 'where their data is')
  .action(async ({ dir }: { dir: string }) => {
    await (await DevCluster.open(dir, options)).down()
  })

program
  .command('status')
  .description('Show the processes, and what the cluster says of itself.')
  .requiredOption('--dir <dir>', 'where their data is')
  .action(async ({ dir }: { dir: string }) => {
    process.exitCode = await showStatus(await DevCluster.open(dir, options))
  })

try {
  await program.parseAsync()
} catch (error) {
  process.stderr.write(`dev-cluster: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}

function addNodeCommand(
  name: string,
  description: string,
  run: (cluster: DevCluster, index: number) => Promise<void>,
): void {
  program
    .command(name)
    .description(description)
    .requiredOption('--dir <dir>', 'where their data is')
    .requiredOption('--node <index>', 'which node, counted from 0', wholeNumber)
    .action(async ({ dir, node }: NodeFlags) => run(await DevCluster.open(dir, options), node))
}

async function showStatus(cluster: DevCluster): Promise<number> {
  const rows = await Promise.all(
    cluster.nodes.map(async (node) => ({
      node,
      state: await node.process.state(),
      pid: await node.process.pid(),
    })),
  )
  const table = textTable(
    [
      { title: 'NODE', cell: ({ node }) => String(node.index) },
      { title: 'STATE', cell: ({ state }) => state },
      { title: 'PID', cell: ({ pid }) => String(pid ?? '-'), alignRight: true },
      { title: 'API', cell: ({ node }) => node.apiUrl },
      { title: 'OPERATOR', cell: ({ node }) => node.operatorUrl },
    ],
    rows,
  )
  process.stdout.write(`${table.join('\n')}\n`)
  const running = rows.find(({ state }) => state === 'running')
  if (running === undefined) return 1
  process.stdout.write('\n')
  const io = {
    print: (text: string) => process.stdout.write(text),
    complain: (text: string) => process.stderr.write(text),
  }
  return printStatus(running.node.operatorUrl, 'table', io)
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It must be a whole number.')
  return Number(text)
}

function collectSetting(text: string, earlier: Setting[]): Setting[] {
  try {
    return [...earlier, parseSetting(text)]
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message)
  }
}
