/** Three real nodes for one file of tests. */
import { createReadStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { DevCluster } from '../../deploy/dev/dev-cluster.ts'
import { PORT_STEP } from '../../deploy/dev/dev-node.ts'
import { GlanceClient } from '../../deploy/dev/glance-client.ts'
import { parseSetting, type Setting } from '../../deploy/dev/node-config.ts'
import { freeBasePort } from '../helpers/free-base-port.ts'
import { PROJECT_ROOT } from '../helpers/test-program.ts'

/** The nodes give no longer page, so that a client must follow links to list some images more. */
export const PAGE_IMAGES_MAX = 2

const NODES = 3
/** The time limit of the whole run is enough. */
const ENDLESS = new AbortController().signal
export const SHORT_PAGES = ['api_limit_max', 'limit_param_default'].map((option) =>
  parseSetting(`DEFAULT.${option}=${PAGE_IMAGES_MAX}`),
)
export const OPTIONS = {
  nodeCommand: [process.execPath, join(PROJECT_ROOT, 'dist/bin/serac.cjs')],
  progress: () => {},
}

/** Starts nodes from dist/, to be ended with `t`; resolves when all are ready. */
export async function clientCluster(
  t: Test,
  settings: readonly Setting[] = SHORT_PAGES,
  nodes = NODES,
): Promise<DevCluster> {
  // Not t.testdir(), which `run` would not find again when this process is killed.
  const directory = await mkdtemp(join(tmpdir(), 'serac-compat-'))
  t.teardown(async () => {
    await (await DevCluster.open(directory, OPTIONS).catch(() => null))?.down()
    await rm(directory, { recursive: true })
  })
  const layout = { nodes, basePort: await freeBasePort(nodes * PORT_STEP) }
  return DevCluster.up(directory, layout, settings, OPTIONS)
}

/** Starts all nodes again, with other settings; what they have stays. */
export async function restartWith(cluster: DevCluster, settings: readonly Setting[]): Promise<void> {
  const { directory, nodes } = cluster
  await cluster.down()
  const layout = { nodes: nodes.length, basePort: cluster.node(0).apiPort }
  await DevCluster.up(directory, layout, settings, OPTIONS)
}

/** Images without data, made by no client under test. */
export async function createQueued(url: string, names: readonly string[]): Promise<void> {
  const client = new GlanceClient(url, ENDLESS)
  for (const name of names) await client.createImage(name)
}

/** An image with the bytes of `file`, made by no client under test; resolves with its id. */
export async function createActive(url: string, name: string, file: string): Promise<string> {
  const client = new GlanceClient(url, ENDLESS)
  const { id } = await client.createImage(name)
  await client.upload(id, createReadStream(file))
  return id
}
