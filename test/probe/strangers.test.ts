/** Who does not belong to the cluster: strangers get nothing, members of another cluster get told. */
import { once } from 'node:events'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect, type ConnectionOptions } from 'node:tls'
import t from 'tap'
import { LOOPBACK } from '../../deploy/dev/dev-node.ts'
import { createIdentity } from '../../cluster/network/identity.ts'
import { systemRandom } from '../../cluster/runtime.ts'
import { createBulkCredentials } from '../../cluster/transfer/bulk-certificate.ts'
import { bareNode } from '../helpers/control-nodes.ts'
import { eventually, ProbeCluster } from '../helpers/probe-cluster.ts'

const CHUNK_REQUEST = `GET /chunks/${'0'.repeat(64)} HTTP/1.1\r\nHost: stranger\r\n\r\n`

t.test('strangers', async (t) => {
  const cluster = await ProbeCluster.start(t)
  const node = cluster.dev.node(0)
  const { nodes, clusterId } = await cluster.status(0)
  const nodeId = nodes.find(({ api }) => api === node.apiUrl)!.id

  await t.test('bulk plane', async (t) => {
    const credentials: Record<string, ConnectionOptions> = {
      'without a certificate': {},
      'with the certificate of an unknown key': createBulkCredentials(createIdentity(systemRandom)),
    }
    for (const [what, options] of Object.entries(credentials))
      t.equal(await ask(node.bulkPort, options), '', `${what}: cut without a byte of HTTP`)
  })

  await t.test('control plane', async (t) => {
    const stranger = await bareNode(
      createIdentity(systemRandom),
      () => [nodeId],
      () => clusterId,
    )
    t.teardown(() => stranger.host.stop())
    const link = await stranger.host.dial(nodeId, `${LOOPBACK}:${node.controlPort}`).catch(() => null)
    // TLS 1.3 ends for the dialler before the other side has seen its key: then the link is cut, and nothing answers.
    if (link) await t.rejects(stranger.rpc.requestOn(link, 'hello', null, { timeoutMs: 5000 }))
    if (link) await eventually('the link is cut', async () => !link.open)
    t.pass('no protocol answered')
  })

  t.match(await cluster.client(0).create(), { status: 201 }, 'the node goes on')
})

t.test('a member key that comes with another list of members', async (t) => {
  const cluster = await ProbeCluster.start(t)
  const [, , astray] = cluster.dev.nodes
  await cluster.dev.stop(2)
  // Its key stays, its store goes, and a node that the others do not know takes the place of node 1.
  const config = await readFile(astray!.configFile, 'utf8')
  const [, second = ''] = config.match(/^initial_members = (.*)$/gm)!
  const unknown = `initial_members = ${createIdentity(systemRandom).id}@${LOOPBACK}:9`
  await writeFile(astray!.configFile, config.replace(second, unknown))
  for (const name of ['FORMAT', 'meta', 'chunks', 'seg', 'ballast'])
    await rm(join(astray!.directory, name), { recursive: true })
  await cluster.dev.start(2)

  const { clusterId: ours } = await cluster.status(0)
  const { clusterId: theirs } = await cluster.status(2)
  t.not(ours, theirs)
  await eventually('both sides say why', async () => {
    const checks = await Promise.all([0, 2].map(async (index) => (await cluster.status(index)).checks))
    return checks.every((list) => list.some(({ code }) => code === 'PEER_REFUSED'))
  })
  const { checks } = await cluster.status(0)
  t.match(
    checks.find(({ code }) => code === 'PEER_REFUSED'),
    {
      why: new RegExp(`belongs to cluster ${theirs}, this node to cluster ${ours}`),
      remedy: /initial members/,
    },
  )
  t.match(await cluster.log(0), /"code":"FOREIGN_CLUSTER".*link refused: node \w+ belongs to cluster/)
  t.equal(await astray!.probe('/ready'), 503)
  t.match(await cluster.client(0).create(), { status: 201 }, 'the cluster goes on')
})

/** What a server says to a chunk request before it cuts the connection. */
async function ask(port: number, options: ConnectionOptions): Promise<string> {
  const socket = connect({ port, host: LOOPBACK, rejectUnauthorized: false, ...options })
  let said = ''
  // A reset and an alert are ways to cut, too.
  socket.on('error', () => {})
  socket.on('data', (bytes: Buffer) => (said += bytes.toString('latin1')))
  socket.write(CHUNK_REQUEST)
  await once(socket, 'close')
  return said
}
