/** What a node does when it is told to stop, and what is there when it starts again. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import { GatedBytes } from '../helpers/gated-bytes.ts'
import { type Digest, digestOf, patternImage } from '../helpers/pattern-image.ts'
import { isFullForm } from '../helpers/probe-form.ts'
import { eventually, ProbeCluster, SERAC } from '../helpers/probe-cluster.ts'
import { runCommand } from '../helpers/run-command.ts'

const MIB = 1024 ** 2
/** Far more than socket buffers hold: a client that does not read keeps the download open. */
const LONG_BYTES = 96 * MIB
/** For which it serves on. */
const DELAY_S = 2
const SIZES_BYTES = [0, 1, 4 * MIB, 9 * MIB + 1]

t.test(
  'at SIGTERM the health checks say so first; what runs comes to its end, then the node exits with 0',
  async (t) => {
    const cluster = await ProbeCluster.start(t)
    const node = cluster.dev.node(0)
    const id = await cluster.client(0).newImage()
    t.match(await cluster.client(0).put(id, patternImage(LONG_BYTES, 1)), { status: 204 })
    await cluster.dev.stop(0)
    // A child of this process, whose exit code can be seen.
    const command = [SERAC, 'start', '--config-file', node.configFile]
    const { NODE_OPTIONS: _, ...rest } = process.env
    const env = { ...rest, OS_DEFAULT__SHUTDOWN_DELAY: String(DELAY_S) }
    const child = spawn(process.execPath, command, { env, stdio: ['ignore', 'pipe', 'inherit'] })
    t.teardown(() => child.kill('SIGKILL'))
    let log = ''
    child.stdout.setEncoding('utf8').on('data', (piece: string) => (log += piece))
    await cluster.ready(0)

    const answer = await cluster.client(0).open('GET', `/v2/images/${id}/file`)
    t.equal(answer.statusCode, 200)
    const bytes = new GatedBytes(patternImage(LONG_BYTES, 2), LONG_BYTES / 2)
    const uploadId = await cluster.client(0).newImage()
    const upload = cluster.client(0).put(uploadId, bytes)
    await bytes.reached
    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    await eventually('the node has seen the signal', async () => log.includes('"msg":"stopping"'))
    t.equal(await node.probe('/healthcheck'), 503, 'whoever balances load is told')
    const late = await cluster
      .client(0)
      .send('GET', `/v2/images/${id}`, { headers: { connection: 'keep-alive' } })
    t.match(late, { status: 200, headers: { connection: 'close' } }, 'whoever was not told yet is served')
    await eventually('no new connections', async () => (await node.probe('/healthcheck')) === null)
    bytes.open()
    t.match(await upload, { status: 204 })
    t.strictSame(await digestOf(answer), await digestOf(patternImage(LONG_BYTES, 1)))
    t.strictSame(await exited, [0, null])
    t.throws(() => process.kill(child.pid!, 0), { code: 'ESRCH' })
    t.equal(await node.probe('/healthcheck'), null)
    t.match(log, /"msg":"stopped"\}\n$/)
    await cluster.dev.start(0)
    const stored = await cluster.client(0).open('GET', `/v2/images/${uploadId}/file`)
    t.strictSame(await digestOf(stored), await digestOf(patternImage(LONG_BYTES, 2)))
  },
)

t.test('a second start on the directory of a running node is refused', async (t) => {
  const cluster = await ProbeCluster.start(t, { nodes: 1 })
  const [node] = cluster.dev.nodes
  const pid = await node!.process.pid()
  const command = [SERAC, 'start', '--config-file', node!.configFile]
  const { exitCode, stderr } = await runCommand(process.execPath, command)
  t.equal(exitCode, 1)
  t.match(stderr, `could not start: ${node!.directory}`)
  t.match(stderr, new RegExp(`in use by another .*${pid}`))
  t.equal(await node!.process.pid(), pid, 'the first goes on')
  t.match(await cluster.client(0).create(), { status: 201 })
})

for (const signal of ['SIGTERM', 'SIGKILL']) {
  const skip = signal === 'SIGTERM' && !isFullForm
  t.test(`all three nodes restarted after ${signal} have every image and its bytes`, { skip }, async (t) => {
    const cluster = await ProbeCluster.start(t)
    const stored = new Map<string, Digest>()
    for (const [index, sizeBytes] of SIZES_BYTES.entries()) {
      const id = await cluster.client(index).newImage()
      t.match(await cluster.client(index + 1).put(id, patternImage(sizeBytes, index)), { status: 204 })
      stored.set(id, await digestOf(patternImage(sizeBytes, index)))
    }

    const { nodes } = cluster.dev
    if (signal === 'SIGTERM') for (const { index } of nodes) await cluster.dev.stop(index)
    else await Promise.all(nodes.map(({ process }) => process.kill()))
    t.strictSame(await cluster.pids(), [null, null, null], 'no process is left')
    for (const { index } of nodes) await cluster.dev.start(index)
    for (const { index } of nodes) await cluster.ready(index)

    for (const { index } of nodes) {
      for (const [id, wanted] of stored) {
        const answer = await cluster.client(index).open('GET', `/v2/images/${id}/file`)
        t.equal(answer.statusCode, 200)
        t.strictSame(await digestOf(answer), wanted, `${wanted.sizeBytes} bytes on node ${index}`)
      }
    }
    await cluster.full(0)
  })
}
