import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { DevCluster, type DevClusterOptions } from '../../../deploy/dev/dev-cluster.ts'
import { lookUpProcess } from '../../../deploy/dev/process-table.ts'
import type { Setting } from '../../../deploy/dev/node-config.ts'
import { freeBasePort } from '../../helpers/free-base-port.ts'
import { testProgram } from '../../helpers/test-program.ts'

const FAKE_NODE = [process.execPath, ...testProgram(join(import.meta.dirname, '../../helpers'), 'fake-node')]
const PORTS_PER_NODE = 10

async function up(
  t: Test,
  nodes: number,
  settings: Setting[] = [],
  options: Partial<DevClusterOptions> = {},
) {
  const all = { nodeCommand: FAKE_NODE, progress: () => {}, ...options }
  // Before testdir(), or else the directory with the pid files goes first and the processes stay.
  t.teardown(async () => (await DevCluster.open(t.testdirName, all).catch(() => null))?.down())
  const directory = t.testdir()
  const basePort = await freeBasePort(PORTS_PER_NODE * nodes)
  return DevCluster.up(directory, { nodes, basePort }, settings, all)
}

function states(cluster: DevCluster): Promise<string[]> {
  return Promise.all(cluster.nodes.map((node) => node.process.state()))
}

t.test('nodes come up with ports, members and settings of their own, and go down', async (t) => {
  const cluster = await up(t, 3, [{ section: 'DEFAULT', name: 'limit_param_default', value: '7' }])
  const [first] = cluster.nodes
  const base = first!.apiPort
  t.strictSame(
    cluster.nodes.map(({ ports }) => ports),
    [0, 10, 20].map((step) => [0, 1, 2, 3].map((port) => base + step + port)),
  )
  t.strictSame(await states(cluster), ['running', 'running', 'running'])
  for (const node of cluster.nodes) {
    const answer = await fetch(`${node.apiUrl}/ready`)
    t.strictSame(await answer.json(), { limit: 7 })
    const text = await readFile(node.configFile, 'utf8')
    t.equal(text.match(/^initial_members = 12D3KooW\w{44}@127\.0\.0\.1:\d+$/gm)?.length, 3)
    t.match(text, `state_path = ${node.directory}\n`)
  }
  await cluster.down()
  t.strictSame(await states(cluster), ['dead', 'dead', 'dead'])
  await cluster.down()
})

t.test('kill, start, pause, resume and stop, also from another command', async (t) => {
  const { directory } = await up(t, 3)
  const cluster = await DevCluster.open(directory, { nodeCommand: FAKE_NODE, progress: () => {} })
  await cluster.node(0).process.kill()
  await cluster.node(1).process.pause()
  t.strictSame(await states(cluster), ['dead', 'paused', 'running'])
  await t.rejects(cluster.start(2), { message: 'node 2 runs already' })
  await cluster.start(0)
  await cluster.node(1).process.resume()
  t.equal(await cluster.node(1).probe('/ready'), 200)
  await cluster.stop(2)
  t.strictSame(await states(cluster), ['running', 'running', 'dead'])
  t.throws(() => cluster.node(3), { message: 'there is no node 3, only 0 to 2' })
})

t.test('down ends running, paused and dead nodes alike, and up starts them again', async (t) => {
  const cluster = await up(t, 3)
  const pids = await Promise.all(cluster.nodes.map((node) => node.process.pid()))
  await cluster.node(0).process.kill()
  await cluster.node(1).process.pause()
  await cluster.down()
  for (const pid of pids) t.equal(await lookUpProcess(pid!), null)

  const keys = await readFile(join(cluster.node(0).directory, 'node.key'), 'utf8')
  const layout = { nodes: 3, basePort: cluster.node(0).apiPort }
  const options = { nodeCommand: FAKE_NODE, progress: () => {} }
  await t.rejects(DevCluster.up(cluster.directory, { ...layout, nodes: 1 }, [], options), {
    message: /holds a cluster of 3 nodes from port/,
  })
  const again = await DevCluster.up(cluster.directory, layout, [], options)
  t.equal(await readFile(join(again.node(0).directory, 'node.key'), 'utf8'), keys)
  await t.rejects(DevCluster.up(cluster.directory, layout, [], options), { message: /runs already/ })
  t.strictSame(await states(again), ['running', 'running', 'running'], 'the refused up has ended nothing')
})

t.test('a stale pid file never leads to another process', async (t) => {
  const cluster = await up(t, 1)
  await cluster.node(0).process.kill()
  const other = cluster.node(0).process
  for (const startTicks of ['1', '']) {
    await writeFile(
      join(cluster.node(0).directory, 'serac.pid'),
      JSON.stringify({ pid: process.pid, startTicks }),
    )
    t.equal(await other.pid(), null)
    await other.kill()
  }
  for (const content of ['-1', '{"pid":-1,"startTicks":"1"}', '{"pid":0,"startTicks":"1"}', 'x', '']) {
    await writeFile(join(cluster.node(0).directory, 'serac.pid'), content)
    t.equal(await other.state(), 'dead', content)
    await other.kill()
  }
})

t.test('ports in use are named before anything starts', async (t) => {
  const port = await freeBasePort(PORTS_PER_NODE)
  const server = createServer().listen(port, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const directory = t.testdir()
  await t.rejects(
    DevCluster.up(directory, { nodes: 1, basePort: port }, [], {
      nodeCommand: FAKE_NODE,
      progress: () => {},
    }),
    { message: `these ports are in use: ${port}; choose others with --base-port` },
  )
  await t.rejects(DevCluster.open(directory, { nodeCommand: FAKE_NODE, progress: () => {} }), {
    message: `there is no development cluster in ${directory}`,
  })
})

t.test('wrong settings and layouts are refused in plain words', async (t) => {
  await t.rejects(up(t, 1, [{ section: 'DEFAULT', name: 'debg', value: 'true' }]), {
    message: /did you mean debug/,
  })
  await t.rejects(up(t, 2), { message: /there must be 1, 3, 5, 7 voters, not 2/ })
  const options = { nodeCommand: FAKE_NODE, progress: () => {} }
  for (const layout of [
    { nodes: 0, basePort: 1 },
    { nodes: 21, basePort: 1 },
    { nodes: 1, basePort: 65_530 },
  ]) {
    await t.rejects(DevCluster.up(t.testdir(), layout, [], options), { message: /must be|has 1 to/ })
  }
})

t.test('a node that ends while it starts is reported with its last words', async (t) => {
  const nodeCommand = [process.execPath, '-e', 'console.log("no disk"); process.exit(1)', '--']
  await t.rejects(up(t, 1, [], { nodeCommand }), { message: /node 0 ended while it started:\nno disk/ })
})

t.test('an interrupted up leaves nothing behind', async (t) => {
  const controller = new AbortController()
  const pids: number[] = []
  const nodeCommand = [process.execPath, '-e', 'setInterval(() => {}, 1000)', '--']
  const directory = t.testdir()
  const basePort = await freeBasePort(PORTS_PER_NODE)
  const progress = (line: string) => {
    if (!line.startsWith('node 0 starts')) return
    void readFile(join(directory, 'node-0/serac.pid'), 'utf8').then((text) => {
      pids.push((JSON.parse(text) as { pid: number }).pid)
      controller.abort(new Error('interrupted'))
    })
  }
  await t.rejects(
    DevCluster.up(directory, { nodes: 1, basePort }, [], {
      nodeCommand,
      progress,
      signal: controller.signal,
    }),
    { message: 'interrupted' },
  )
  t.equal(await lookUpProcess(pids[0]!), null)
})
