import t from 'tap'
import { checkUpgrade, type Release } from '../../../node/cli/upgrade-check.ts'
import type { ClusterStatus, NodeStatus } from '../../../node/status/status-types.ts'

type Facts = Parameters<typeof checkUpgrade>[1]

const RELEASE: Release = { version: '0.4.0', featureLevel: 3, diskVersion: 2 }
const nothing = { images: 0, bytes: 0 }

function nodeOf(id: string, fields: Partial<NodeStatus> = {}): NodeStatus {
  const own = { version: '0.3.2', featureLevel: 2, diskVersion: 1, state: 'alive', caughtUp: true }
  return { id, address: `${id}:9293`, ...own, ...fields } as NodeStatus
}

function factsOf(fields: Partial<Facts> = {}, third: Partial<NodeStatus> = {}): Facts {
  const redundancy = { onlyOn: {} } as NonNullable<ClusterStatus['redundancy']>
  return {
    nodes: [nodeOf('a'), nodeOf('b'), nodeOf('c', third)],
    quorum: { votersUp: 3, votersTotal: 3, needed: 2, canWrite: true },
    redundancy,
    featureLevel: 2,
    voterChange: null,
    ...fields,
  }
}

const obstacles = (facts: Facts, release = RELEASE) => checkUpgrade(release, facts).obstacles

t.test('N goes to N+1, one node after the other, and says what is new', (t) => {
  t.match(checkUpgrade(RELEASE, factsOf()), { obstacles: [], remarks: [/no way back/], nodes: { length: 3 } })
  const mixed = factsOf({}, { version: '0.4.0', featureLevel: 3, diskVersion: 2 })
  t.strictSame(obstacles(mixed), [], 'one has gone before')
  const all = factsOf({
    nodes: ['a', 'b', 'c'].map((id) => nodeOf(id, { version: '0.4.1', featureLevel: 3 })),
  })
  t.match(checkUpgrade(RELEASE, all), { obstacles: [], remarks: [] }, 'a patch release either way')
  t.end()
})

t.test('releases that are no neighbours do not work together', (t) => {
  for (const [from, to, isFine] of [
    ['0.2.0', '0.4.0', false],
    ['0.4.0', '0.3.0', true],
    ['0.9.3', '1.0.0', true],
    ['0.9.3', '1.1.0', false],
    ['1.0.0', '3.0.0', false],
    ['1.4.0', '1.5.2', true],
    ['unknown', '0.4.0', false],
  ] as const) {
    const found = obstacles(factsOf({}, { version: from }), { ...RELEASE, version: to })
    const own = found.filter((text) => text.startsWith('c:9293'))
    t.equal(own.length === 0, isFine, `${from} to ${to}`)
  }
  t.end()
})

t.test('there is no way back behind a disk format or a feature level', (t) => {
  t.match(obstacles(factsOf({}, { version: '0.5.0', diskVersion: 3 })), [/c:9293 has disk format 3/])
  t.match(obstacles(factsOf({ featureLevel: 4 })), [/uses feature level 4, and 0.4.0 understands up to 3/])
  t.end()
})

t.test('a node that cannot be missed now is not restarted', (t) => {
  t.match(obstacles(factsOf({}, { state: 'dead', version: null, caughtUp: null })), [
    /does not say what it runs/,
    /do not answer: c:9293/,
  ])
  t.match(obstacles(factsOf({}, { caughtUp: false })), [/not caught up: c:9293/])
  const two = { votersUp: 2, votersTotal: 3, needed: 2, canWrite: true }
  t.match(obstacles(factsOf({ quorum: two })), [/2 of 3 voters vote/])
  t.match(obstacles(factsOf({ voterChange: { from: ['a'], to: ['b'], progress: null } })), [
    /voters are changing/,
  ])
  t.match(obstacles(factsOf({ redundancy: null })), [/does not know the images/])
  const redundancy = { onlyOn: { a: { ...nothing, images: 2 } } } as unknown as Facts['redundancy']
  t.match(obstacles(factsOf({ redundancy })), [/2 images have only one full copy/])
  const alone = { votersUp: 1, votersTotal: 1, needed: 1, canWrite: true }
  t.strictSame(
    obstacles(factsOf({ quorum: alone, redundancy, nodes: [nodeOf('a')] })),
    [],
    'one node is what it is',
  )
  t.end()
})
