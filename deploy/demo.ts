/** `npm run demo`: see dev/demonstration.ts. */
// oxlint-disable-next-line import/no-unassigned-import -- it only adds what Node 20 lacks
import '../cluster/polyfill.ts'
import { createReadStream } from 'node:fs'
import { access, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { printStatus } from '../node/cli/status.ts'
import { size } from '../node/config/option-types.ts'
import { Demonstration } from './dev/demonstration.ts'
import { BASE_PORT_DEFAULT, DevCluster } from './dev/dev-cluster.ts'
import { interruptSignal } from './dev/interrupt-signal.ts'
import { builtNodeCommand } from './dev/node-command.ts'
import { randomImage } from './dev/random-image.ts'

interface DemoFlags {
  once: boolean
  image?: string
  size: number
  basePort: number
}

const NODES = 3
/** Some dozens of chunks, and done in seconds. */
const SIZE_DEFAULT = '256 MiB'
/** The upload while a node is dead; small, since the first one has shown the speed. */
const SECOND_IMAGE_BYTES = 64 * 1024 ** 2

const say = (line: string) => process.stdout.write(`${line}\n`)
const signal = interruptSignal()

await new Command('demo')
  .description('Three nodes on this machine: upload, kill, read on, catch up.')
  .option('--once', 'take the cluster down and remove its data at the end', false)
  .option('--image <file>', 'upload this file in place of random bytes')
  .option('--size <size>', 'how many random bytes', parseSize, parseSize(SIZE_DEFAULT))
  .option('--base-port <port>', 'API port of node 0', Number, BASE_PORT_DEFAULT)
  .action(async (flags: DemoFlags) => {
    try {
      await demo(flags)
    } catch (error) {
      // What an interruption broke is of no interest.
      const cause: unknown = signal.aborted ? signal.reason : error
      process.stderr.write(`demo: ${cause instanceof Error ? cause.message : String(cause)}\n`)
      process.exitCode = 1
    }
  })
  .parseAsync()

async function demo({ once, image, size: sizeBytes, basePort }: DemoFlags): Promise<void> {
  if (image !== undefined) await access(image)
  const directory = await mkdtemp(join(tmpdir(), 'serac-demo-'))
  try {
    await withCluster(directory, basePort, once, async (cluster) => {
      const bytes = () => (image === undefined ? randomImage(sizeBytes) : createReadStream(image))
      const secondImage = () => randomImage(SECOND_IMAGE_BYTES)
      await new Demonstration(cluster, { image: bytes, secondImage, say, signal }).run()
      say('\nThe same bytes from every node, before and after. The cluster says:\n')
      await printStatus(cluster.node(1).operatorUrl, 'table', {
        print: (text) => process.stdout.write(text),
        complain: (text) => process.stderr.write(text),
      })
      if (!once) sayHowToGoOn(cluster)
    })
  } finally {
    if (once) await rm(directory, { recursive: true, force: true })
  }
}

/** Ends the cluster afterwards when it is to run once, whatever happens in between. */
async function withCluster(
  directory: string,
  basePort: number,
  once: boolean,
  run: (cluster: DevCluster) => Promise<void>,
): Promise<void> {
  const layout = { nodes: NODES, basePort }
  const cluster = await DevCluster.up(directory, layout, [], {
    nodeCommand: builtNodeCommand(),
    progress: say,
    signal,
  })
  try {
    await run(cluster)
  } catch (error) {
    if (!once) say(`The cluster is left as it is; end it with: deploy/dev-cluster down --dir ${directory}`)
    throw error
  } finally {
    if (once) await cluster.down()
  }
}

function sayHowToGoOn(cluster: DevCluster): void {
  say('\nThe cluster is up for you to look at:')
  say(`  curl ${cluster.node(0).apiUrl}/v2/images`)
  say(`  deploy/dev-cluster status --dir ${cluster.directory}`)
  say(`  deploy/dev-cluster kill --dir ${cluster.directory} --node 2`)
  say(`  deploy/dev-cluster down --dir ${cluster.directory}`)
}

function parseSize(text: string): number {
  try {
    return size(1).parse(text)
  } catch (error) {
    throw new InvalidArgumentError(`It must be ${(error as Error).message}.`)
  }
}
