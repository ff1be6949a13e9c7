import t from 'tap'
import fc from 'fast-check'
import type { ClusterConfig, MemberNode } from '../../../cluster/membership/cluster-config.ts'
import { placedNodes, writeOrder, zonesOf } from '../../../cluster/placement/placement-policy.ts'
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
  const placed = placedNodes(six, 'image', 3)
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

t.test('out nodes are replaced by the next of the order; nobody else changes', async () => {
  fc.assert(
    fc.property(nodes, fc.string(), fc.integer({ min: 1, max: 5 }), fc.nat(), (list, image, copies, pick) => {
      const members = list.map((fields) => node(fields.id, fields))
      const config = configOf(members)
      const out = new Set([members[pick % members.length]!.id])
      const before = placedNodes(config, image, copies)
      const after = placedNodes(config, image, copies, out)
      const wanted = members.length <= 3 ? members.length : Math.min(copies, members.length)
      return (
        before.every((id) => out.has(id) || after.includes(id)) &&
        !after.some((id) => out.has(id)) &&
        after.length === Math.min(wanted, members.length - 1)
      )
    }),
  )
})

t.test('more copies take nothing from those that have one: fewer are the beginning of more', async () => {
  fc.assert(
    fc.property(nodes, fc.string(), fc.integer({ min: 1, max: 5 }), (list, image, copies) => {
      const config = configOf(list.map((fields) => node(fields.id, fields)))
      const more = placedNodes(config, image, copies + 1)
      return placedNodes(config, image, copies).every((id, index) => more[index] === id)
    }),
  )
})

t.test('a node that joins, or becomes heavier, takes copies and gives none back', async (t) => {
  const four = configOf(zoned(4, 4))
  const five = configOf(zoned(5, 5))
  const heavy = configOf(four.nodes.map((n) => (n.id === 'n0' ? { ...n, weight: 3 } : n)))
  let moved = 0
  const strays: string[] = []
  for (let i = 0; i < 1000; i++) {
    const before = placedNodes(four, `image ${i}`, 3)
    const joined = placedNodes(five, `image ${i}`, 3)
    strays.push(...joined.filter((id) => id !== 'n4' && !before.includes(id)))
    const heavier = placedNodes(heavy, `image ${i}`, 3)
    strays.push(...heavier.filter((id) => id !== 'n0' && !before.includes(id)))
    moved += Number(joined.includes('n4'))
  }
  t.strictSame(strays, [])
  t.ok(Math.abs(moved / 1000 - 3 / 5) < 0.05, `${moved} of 1000 images have a copy on the new one of five`)
})

const all = { isAlive: () => true }

t.test('an upload uses this node first, then one of another zone', async () => {
  fc.assert(
    fc.property(nodes, fc.string(), fc.integer({ min: 2, max: 5 }), fc.nat(), (list, image, copies, pick) => {
      const config = configOf(list.map((fields) => node(fields.id, fields)))
      const placed = placedNodes(config, image, copies)
      const self = placed[pick % placed.length]!
      const order = writeOrder(config, image, copies, { self, liveness: all })
      const isFirst = placed.every((id) => order.indexOf(id) < placed.length)
      const zones = Math.min(2, zonesOf(config, placed))
      return (
        order.length === list.length &&
        isFirst &&
        order[0] === self &&
        zonesOf(config, order.slice(0, 2)) === zones
      )
    }),
  )
})

t.test('who is not placed is no target of its own upload, unless it must stand in', async (t) => {
  const config = configOf(zoned(6, 3))
  const placed = placedNodes(config, 'image', 3)
  const self = config.nodes.find(({ id }) => !placed.includes(id))!.id
  const order = writeOrder(config, 'image', 3, { self, liveness: all })
  t.strictSame(order.slice(0, 3).toSorted(), placed.toSorted())
  const liveness = { isAlive: (id: string) => !placed.slice(0, 2).includes(id) }
  const rest = writeOrder(config, 'image', 3, { self, liveness })
  t.equal(rest[0], placed[2])
  t.notOk(placed.includes(rest[1]!), 'another node stands in before one that is believed dead is asked')
  t.strictSame(rest.slice(-2).toSorted(), placed.slice(0, 2).toSorted())
})
