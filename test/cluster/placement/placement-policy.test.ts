import t from 'tap'
import fc from 'fast-check'
import type { ClusterConfig, MemberNode } from '../../../cluster/membership/cluster-config.ts'
import { COPIES_DEFAULT, placedNodes, writeOrder } from '../../../cluster/placement/placement-policy.ts'
import { rendezvousOrder } from '../../../cluster/placement/rendezvous.ts'

function node(id: string, fields: Partial<MemberNode> = {}): MemberNode {
  return { id, address: `${id}:9293`, role: 'voter', zone: null, weight: 1, ...fields }
}

function configOf(nodes: MemberNode[]): ClusterConfig {
  return {
    clusterId: '0'.repeat(32),
    epoch: 1,
    voters: [],
    joint: null,
    nodes,
    databases: {},
    invites: [],
    removed: [],
    featureLevel: 1,
  }
}

const zoned = (count: number, zones: number) =>
  Array.from({ length: count }, (_, i) => node(`n${i}`, { zone: `z${i % zones}` }))

const nodes = fc.uniqueArray(
  fc.record({
    id: fc.string({ minLength: 1, maxLength: 8 }).filter((id) => !id.includes('\n')),
    zone: fc.option(fc.constantFrom('a', 'b', 'c')),
    weight: fc.double({ min: 0.1, max: 10, noNaN: true }),
  }),
  { selector: ({ id }) => id, minLength: 1, maxLength: 9 },
)

t.test('the same nodes in any order give the same placement', async () => {
  fc.assert(
    fc.property(nodes, fc.string(), fc.integer({ min: 1, max: 5 }), (list, image, copies) => {
      const members = list.map((fields) => node(fields.id, fields))
      const once = placedNodes(configOf(members), image, copies)
      const again = placedNodes(configOf(members.toReversed()), image, copies)
      return once.join('\n') === again.join('\n') && new Set(once).size === once.length
    }),
  )
})

t.test('a node that leaves moves only its own copies', async () => {
  fc.assert(
    fc.property(nodes, fc.string(), fc.integer({ min: 1, max: 5 }), fc.nat(), (list, image, copies, pick) => {
      const members = list.map((fields) => node(fields.id, fields))
      const gone = members[pick % members.length]?.id
      const before = placedNodes(configOf(members), image, copies)
      const after = placedNodes(configOf(members.filter(({ id }) => id !== gone)), image, copies)
      return before.every((id) => id === gone || after.includes(id))
    }),
  )
})

t.test('zones are used evenly as far as they go', async () => {
  fc.assert(
    fc.property(nodes, fc.string(), fc.integer({ min: 1, max: 5 }), (list, image, copies) => {
      const members = list.map((fields) => node(fields.id, fields))
      const placed = placedNodes(configOf(members), image, copies)
      const zoneOf = (id: string) => members.find((member) => member.id === id)?.zone ?? id
      const zones = new Set(members.map(({ id }) => zoneOf(id)))
      return new Set(placed.map(zoneOf)).size === Math.min(placed.length, zones.size)
    }),
  )
})

t.test('up to three storage nodes hold everything, more hold three copies in three zones', async (t) => {
  const three = configOf([...zoned(3, 1), node('edge', { role: 'edge' })])
  t.strictSame(placedNodes(three, 'image', 1).sort(), ['n0', 'n1', 'n2'])
  const six = configOf(zoned(6, 3))
  const placed = placedNodes(six, 'image', COPIES_DEFAULT)
  t.equal(new Set(placed.map((id) => six.nodes.find((n) => n.id === id)?.zone)).size, 3)
  t.equal(placedNodes(six, 'image', null).length, 6)
})

t.test('the share of first places follows the weights', async (t) => {
  const weighted = [node('light', { weight: 1 }), node('middle', { weight: 2 }), node('heavy', { weight: 5 })]
  const keys = 4000
  const first = new Map<string, number>()
  for (let i = 0; i < keys; i++) {
    const [winner] = rendezvousOrder(`image ${i}`, weighted)
    if (winner) first.set(winner.id, (first.get(winner.id) ?? 0) + 1)
  }
  for (const { id, weight } of weighted) {
    const share = (first.get(id) ?? 0) / keys
    t.ok(Math.abs(share - weight / 8) < 0.03, `${id} has ${share}`)
  }
})

t.test('an upload uses this node, then other zones, then its own, then the dead', async (t) => {
  const config = configOf(zoned(6, 3))
  const liveness = { isAlive: (id: string) => id !== 'n1' }
  t.strictSame(writeOrder(config, ['n1', 'n3', 'n2', 'n0'], 'n0', liveness), ['n0', 'n2', 'n3', 'n1'])
  t.strictSame(writeOrder(config, ['n1', 'n3', 'n2'], 'n0', liveness), ['n2', 'n3', 'n1'])
})
