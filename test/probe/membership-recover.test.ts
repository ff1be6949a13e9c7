/** A lost majority, a removed node, a cloned one, and directories that are not what they were. */
import { cp, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { CONFIG_KEY } from '../../cluster/register/config-register.ts'
import { imageKey } from '../../node/images/image-operations.ts'
import { eventually } from '../helpers/probe-cluster.ts'
import { SingleNodes } from '../helpers/single-nodes.ts'
import { flipVote } from '../helpers/stored-registers.ts'

const PARTS = ['FORMAT', 'meta', 'chunks', 'seg', 'ballast']

t.test('two inits make two clusters, and neither is repeated', async (t) => {
  const cluster = await SingleNodes.create(t, 2)
  t.match(await cluster.failedStart(0), /belongs to no cluster: found one with "serac init", join one with/)
  t.match(await cluster.offline(0, 'init'), { exitCode: 0, stdout: /^Founded cluster [0-9a-f]{32}/ })
  t.match(await cluster.offline(0, 'init'), { exitCode: 1, stderr: /belongs to cluster \w+ already/ })
  await cluster.found(1)
  await cluster.start(0)
  await cluster.ready(0)
  t.not((await cluster.nodesOf(0)).clusterId, (await cluster.nodesOf(1)).clusterId)
  const joined = await cluster.offline(1, 'join', await cluster.invite(0))
  t.match(joined, { exitCode: 1, stderr: /in use by another process/ })
  await cluster.node(1).process.kill()
  const other = await cluster.offline(1, 'join', await cluster.invite(0))
  t.match(other, { exitCode: 1, stderr: /belongs to cluster \w+, the invite to cluster/ })
})

t.test('a lost majority: the node that is left recovers alone; a removed node is told', async (t) => {
  const cluster = await SingleNodes.create(t, 3)
  await cluster.found(0)
  for (const index of [1, 2]) await cluster.join(0, index)
  const voters = await cluster.ids(0, 1, 2)
  t.match(await cluster.ask(0, 'voters', ...voters, '--yes'), { exitCode: 0 })
  const id = await cluster.client(1).newImage({ name: 'kept' })
  await eventually('node 0 knows it', async () => (await cluster.client(0).show(id)).id === id)

  const { clusterId } = await cluster.nodesOf(0)
  t.match(await cluster.offline(0, 'recover', '--from-this-node'), {
    exitCode: 1,
    stderr: /in use by another process/,
  })
  for (const index of [0, 1, 2]) await cluster.node(index).process.kill()
  const unsure = await cluster.offline(0, 'recover', '--from-this-node', '--yes-i-may-lose-data', 'x')
  t.match(unsure, { exitCode: 1, stdout: /Changes of images that this node never heard of are lost/ })
  t.match(unsure.stderr, /nothing was changed/)
  const args = ['recover', '--from-this-node', '--yes-i-may-lose-data', clusterId]
  t.match(await cluster.offline(0, ...args), { exitCode: 0, stdout: /of this node alone/ })
  await cluster.start(0)
  await cluster.ready(0)
  t.match(await cluster.client(0).show(id), { name: 'kept' })
  t.match(await cluster.client(0).create(), { status: 201 }, 'it serves alone')
  const recovered = await cluster.nodesOf(0)
  t.not(recovered.clusterId, clusterId)

  await cluster.start(1)
  await eventually('a node of the old cluster says why it is refused', async () =>
    (await cluster.status(1)).checks.some(
      ({ code, why }) => code === 'PEER_REFUSED' && why.includes(`cluster ${recovered.clusterId}`),
    ),
  )
  await cluster.node(1).process.kill()
  for (const name of PARTS) await rm(join(cluster.node(1).directory, name), { recursive: true })
  await cluster.join(0, 1)
  t.match(await cluster.client(1).show(id), { name: 'kept' }, 'it joins anew')

  await cluster.node(1).process.kill()
  t.match(await cluster.ask(0, 'remove', voters[1]!, '--yes'), { exitCode: 0 })
  await cluster.start(1)
  await eventually('a node that was removed while it was away is told', async () =>
    (await cluster.status(1)).checks.some(({ why }) => /is no member of this cluster any more/.test(why)),
  )
})

t.test('a copied directory, and a voter without its votes', async (t) => {
  const cluster = await SingleNodes.create(t, 3)
  await cluster.found(0)
  for (const index of [1, 2]) await cluster.join(0, index)
  t.match(await cluster.ask(0, 'voters', ...(await cluster.ids(0, 1, 2)), '--yes'), { exitCode: 0 })
  const id = await cluster.client(0).newImage({ name: 'kept' })
  await cluster.node(2).process.kill()
  const { directory } = cluster.node(2)
  await rename(directory, `${directory}-original`)
  await cp(`${directory}-original`, directory, { recursive: true })
  t.match(await cluster.failedStart(2), /is a copy or was restored.*serac repair --forget-votes/s)
  t.match(await cluster.offline(2, 'repair', '--forget-votes'), { exitCode: 0 })
  await cluster.start(2)
  await cluster.ready(2)
  await cluster.node(2).process.kill()
  await rm(join(directory, 'meta'), { recursive: true })
  t.match(await cluster.failedStart(2), /meta is gone/, 'a lost meta directory is no new store')
  for (const name of PARTS) await rm(join(directory, name), { recursive: true, force: true })
  t.match(await cluster.failedStart(2), /belongs to no cluster/)
  t.match(await cluster.client(1).show(id), { name: 'kept' })
})

t.test('a lone voter with damaged votes serves what it has, flagged, until it is recovered', async (t) => {
  const cluster = await SingleNodes.create(t, 1)
  await cluster.found(0)
  const [client] = cluster.clients
  const id = await client!.newImage({ name: 'kept' })
  t.match(await client!.put(id, Buffer.from('its bytes')), { status: 204 })
  const { clusterId } = await cluster.nodesOf(0)
  await cluster.node(0).process.kill()
  for (const key of [imageKey(id), CONFIG_KEY]) await flipVote(cluster.node(0).directory, key)

  await cluster.start(0)
  await eventually('the status says what to do', async () =>
    (await cluster.status(0)).checks.some(
      ({ code, severity, why }) =>
        code === 'NOT_VOTING' &&
        severity === 'critical' &&
        why.includes('run "serac recover --from-this-node"'),
    ),
  )
  t.match(await client!.create(), { status: 503 })
  t.match(await client!.data(id), {
    status: 200,
    headers: { 'x-serac-consistency': 'stale' },
    body: Buffer.from('its bytes'),
  })
  await cluster.node(0).process.kill()

  const args = ['recover', '--from-this-node', '--yes-i-may-lose-data', clusterId]
  t.match(await cluster.offline(0, ...args), { exitCode: 0, stdout: /cannot be read: 2\./ })
  await cluster.start(0)
  await cluster.ready(0)
  t.match(await client!.show(id), { name: 'kept', status: 'active' })
  const { headers, body } = await client!.data(id)
  t.match(
    { headers, body: body.toString() },
    { headers: { 'x-serac-consistency': undefined }, body: 'its bytes' },
  )
  t.match(await client!.create(), { status: 201 })
  const { checks } = await cluster.status(0)
  t.notOk(checks.some(({ code }) => code === 'NOT_VOTING'))
})
