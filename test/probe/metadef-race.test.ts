/** One namespace is edited, renamed and created through three nodes at the same time: nothing that was acknowledged is lost. */
import t from 'tap'
import { describe, jsonOf, type Reply } from '../helpers/image-client.ts'
import { ProbeCluster } from '../helpers/probe-cluster.ts'

const EDITS = 8
const RENAMES = 6
const NAMES = ['a', 'b']

const cluster = await ProbeCluster.start(t)
const nodes = [...cluster.clients.keys()]
const SPACES = '/v2/metadefs/namespaces'

function send(node: number, method: string, path: string, value?: unknown): Promise<Reply> {
  const body = value === undefined ? {} : { body: Buffer.from(JSON.stringify(value)) }
  return cluster.client(node).send(method, `${SPACES}${path}`, body)
}

async function shown(node: number, path: string): Promise<Record<string, unknown>> {
  return jsonOf(await send(node, 'GET', path)) as Record<string, unknown>
}

t.test('edits of one namespace through every node lose nothing', async (t) => {
  t.equal((await send(0, 'POST', '', { namespace: 'edited' })).status, 201)
  const failures: string[] = []
  await Promise.all(
    nodes.map(async (node) => {
      for (let edit = 0; edit < EDITS; edit++) {
        const name = `p-${node}-${edit}`
        const replies = [
          await send(node, 'POST', '/edited/properties', { name, title: name, type: 'string' }),
          await send(node, 'POST', `/edited/tags/${name}`),
          await send(node, 'POST', '/edited/objects', { name }),
        ]
        failures.push(...replies.filter(({ status }) => status !== 201).map(describe))
      }
    }),
  )
  t.strictSame(failures, [])
  for (const node of nodes) {
    const { properties, tags, objects } = await shown(node, '/edited')
    const counts = [Object.keys(properties as object), tags, objects].map((all) => (all as unknown[]).length)
    t.strictSame(counts, Array<number>(3).fill(nodes.length * EDITS), `node ${node}`)
  }
})

t.test('a name never has two namespaces, whoever renames and creates', async (t) => {
  t.equal((await send(0, 'POST', '', { namespace: 'a', description: 'the first' })).status, 201)
  const unexpected: string[] = []
  let tags = 0
  const rename = async (node: number) => {
    for (let turn = 0; turn < RENAMES; turn++)
      for (const [from, to] of [NAMES, NAMES.toReversed()]) {
        const reply = await send(node, 'PUT', `/${from}`, { namespace: to, description: 'the first' })
        if (![200, 404, 409].includes(reply.status)) unexpected.push(`rename: ${describe(reply)}`)
      }
  }
  const create = async (node: number) => {
    for (let turn = 0; turn < RENAMES; turn++) {
      const reply = await send(node, 'POST', '', { namespace: NAMES[turn % 2], description: 'another' })
      if (![201, 409].includes(reply.status)) unexpected.push(`create: ${describe(reply)}`)
    }
  }
  const edit = async (node: number) => {
    for (let turn = 0; turn < RENAMES; turn++) {
      const reply = await send(node, 'POST', `/${NAMES[turn % 2]}/tags/t${turn}`)
      if (reply.status === 201) tags++
      else if (reply.status !== 404 && reply.status !== 409) unexpected.push(`edit: ${describe(reply)}`)
    }
  }
  await Promise.all([rename(0), rename(1), create(1), create(2), edit(0), edit(2)])
  t.strictSame(unexpected, [])
  for (const node of nodes) {
    const found = await Promise.all(NAMES.map((name) => shown(node, `/${name}`)))
    const lists = ((await shown(node, ''))['namespaces'] as { namespace: string }[]).map(
      ({ namespace }) => namespace,
    )
    t.strictSame(lists.filter((name) => NAMES.includes(name)).toSorted(), NAMES, `node ${node}: each once`)
    t.equal(
      found.filter(({ description }) => description === 'the first').length,
      1,
      'the first is still there',
    )
    t.equal(
      found.flatMap(({ tags = [] }) => tags as unknown[]).length,
      tags,
      'with every edit that was acknowledged',
    )
  }
})
