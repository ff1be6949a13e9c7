/**
 * Nodes in network namespaces that are told of no other node: each joins by an invite that names no voter, found in the hash
 * table that the nodes themselves make.
 */
import { rm } from 'node:fs/promises'
import t from 'tap'
import { parseSetting } from '../../deploy/dev/node-config.ts'
import { decodeInvite } from '../../cluster/membership/invite-token.ts'
import { SingleNodes } from '../helpers/single-nodes.ts'
import { TestNetwork } from '../probe/recorder/test-network.ts'

const PORT = 9296
const OPERATOR_TOKEN = 'of this test alone'.replaceAll(' ', '-')

const network = await TestNetwork.create(4)
process.once('exit', () => network.remove())
process.env['SERAC_OPERATOR_TOKEN'] = OPERATOR_TOKEN

const BOOTSTRAP = `${network.place(0).host}:${PORT}`
const settings = ['DEFAULT.insecure_allow_remote=true', `operator.token=${OPERATOR_TOKEN}`]
const rendezvous = `cluster.rendezvous_bootstrap=${BOOTSTRAP}`

t.test('three nodes come together by invites alone; what is wrong with an invite is said', async (t) => {
  const all = [...settings, rendezvous].map(parseSetting)
  const cluster = await SingleNodes.create(t, 4, all, (index) => network.place(index))
  await cluster.found(0)
  // Those that join know where to look from their invite alone.
  for (const index of [1, 2, 3]) await cluster.configure(index, settings.map(parseSetting))
  const first = await cluster.invite(0)
  t.match(decodeInvite(first), { hosts: { length: 0 }, rendezvous: [BOOTSTRAP] })
  t.match(await cluster.offline(1, 'join', first), { exitCode: 0, stdout: /belongs to cluster/ })
  await cluster.configure(1, all)
  await cluster.start(1)

  // The second is found through either node.
  const second = await cluster.invite(1)
  t.match(await cluster.offline(2, 'join', second), { exitCode: 0 })
  await cluster.start(2)
  await cluster.ready(2)
  const ids = await cluster.ids(0, 1, 2)
  t.match(await cluster.ask(2, 'voters', ...ids, '--yes'), { exitCode: 0, stdout: /^Voters: / })

  const stolen = await cluster.offline(3, 'join', second)
  t.match(stolen, { exitCode: 1, stderr: new RegExp(`node ${ids[2]} has joined by this invite already`) })
  const revoked = await cluster.invite(0)
  const [, open = ''] = /^(\w+) open$/m.exec((await cluster.ask(0, 'invites', '-f', 'value')).stdout) ?? []
  t.match(await cluster.ask(1, 'invites', '--revoke', open), { exitCode: 0 })
  const refused = await cluster.offline(3, 'join', revoked)
  t.match(refused, { exitCode: 1, stderr: /an operator has revoked this invite: ask for a new one/ })

  t.match(await cluster.ask(0, 'voters', ids[0]!, '--yes'), { exitCode: 0 })
  const gone = await cluster.ask(0, 'remove', ids[2]!, '--yes')
  t.equal(gone.exitCode, 0, gone.stdout + gone.stderr)
  await cluster.node(2).process.kill()
  for (const name of ['FORMAT', 'PID', 'meta', 'chunks', 'seg', 'ballast'])
    await rm(`${cluster.node(2).directory}/${name}`, { recursive: true, force: true })
  const removed = await cluster.offline(2, 'join', second)
  t.match(
    removed,
    { exitCode: 1, stderr: /the invite is unknown, was used already/ },
    'a node that was removed',
  )
})
