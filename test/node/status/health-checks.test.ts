import t from 'tap'
import { findFaults, summaryOf, verdictOf } from '../../../node/status/health-checks.ts'
import type { ClusterStatus, NodeStatus } from '../../../node/status/status-types.ts'
import type { StoreCondition } from '../../../node/store/store.ts'

type Facts = Parameters<typeof findFaults>[0]

function nodeOf(id: string, fields: Partial<NodeStatus> = {}): NodeStatus {
  return {
    id,
    address: `${id}:9293`,
    role: 'voter',
    zone: null,
    state: 'alive',
    version: '0.1.0',
    featureLevel: 2,
    diskVersion: 1,
    api: `http://${id}:9292`,
    uptimeSeconds: 1,
    imagesHeld: 1,
    caughtUp: true,
    hashing: 'native',
    readmission: null,
    storedBytes: 1,
    freeBytes: 1,
    totalBytes: 4,
    forecast: null,
    store: null,
    integrity: null,
    records: null,
    loops: [],
    backends: [],
    eventLoopDelay: null,
    oldGlance: null,
    cache: null,
    drain: null,
    ageSeconds: 0,
    ...fields,
  }
}

const allFull = {
  full: 4,
  underReplicated: 0,
  unavailable: 0,
  unknown: 0,
  copiesMin: 3,
  misplaced: 0,
  oneZone: 0,
  toCopy: { images: 0, bytes: 0 },
  onlyOn: {},
  onDrained: {},
}
const quorum = { votersUp: 3, votersTotal: 3, needed: 2, canWrite: true }
const noQuorum = { ...quorum, votersUp: 1, canWrite: false }

function factsOf(fields: Partial<Facts> = {}): Facts {
  const nodes = ['a', 'b', 'c'].map((id) => nodeOf(id))
  const none = { oldGlance: null, stores: [], voterChange: null }
  const nothing = { ...none, refusals: [], abstentions: [], blockedTombstones: [] }
  return { nodes, quorum, redundancy: allFull, out: { out: [], braked: [] }, ...nothing, ...fields }
}

const codes = (facts: Facts) => findFaults(facts).map(({ code }) => code)
const verdict = (facts: Facts) => verdictOf(facts, findFaults(facts))
const summary = (fields: Partial<Facts> = {}) =>
  summaryOf({ ...factsOf(fields), images: null } satisfies Pick<ClusterStatus, 'images'> & Facts)

t.test('a whole cluster is healthy and has nothing to report', async (t) => {
  t.strictSame(codes(factsOf()), [])
  t.equal(verdict(factsOf()), 'HEALTHY')
})

for (const state of ['suspect', 'dead', 'unknown'] as const) {
  t.test(`a node that is ${state} degrades the cluster`, async (t) => {
    const facts = factsOf({ nodes: [nodeOf('a'), nodeOf('b'), nodeOf('c', { state, caughtUp: null })] })
    t.match(findFaults(facts), [{ code: 'NODE_DOWN', who: 'c', severity: 'warning' }])
    t.equal(verdict(facts), 'DEGRADED')
  })
}

t.test('a node that catches up is mentioned, no more', async (t) => {
  const facts = factsOf({ nodes: [nodeOf('a'), nodeOf('b', { caughtUp: false }), nodeOf('c')] })
  t.match(findFaults(facts), [{ code: 'CATCHING_UP', who: 'b' }])
  t.equal(verdict(facts), 'HEALTHY')
})

t.test('a lost majority makes it read-only', async (t) => {
  const facts = factsOf({ quorum: noQuorum })
  t.match(findFaults(facts), [{ code: 'NO_QUORUM', severity: 'critical' }])
  t.equal(verdict(facts), 'READ-ONLY')
})

t.test('anything else that is critical weighs more than a lost majority', async (t) => {
  const redundancy = { ...allFull, unavailable: 1 }
  t.equal(verdict(factsOf({ quorum: noQuorum, redundancy })), 'CRITICAL')
})

t.test('an unavailable image is critical, a missing or an unknown copy a warning', async (t) => {
  t.equal(verdict(factsOf({ redundancy: { ...allFull, unavailable: 1 } })), 'CRITICAL')
  t.equal(verdict(factsOf({ redundancy: { ...allFull, underReplicated: 1 } })), 'DEGRADED')
  t.equal(verdict(factsOf({ redundancy: { ...allFull, unknown: 1 } })), 'DEGRADED')
  t.strictSame(
    codes(factsOf({ redundancy: { ...allFull, unavailable: 1, underReplicated: 1, unknown: 1 } })),
    ['UNAVAILABLE', 'COPIES_UNKNOWN', 'UNDER_REPLICATED'],
  )
})

t.test('who is out is mentioned; when too many vanish together, an operator must look', async (t) => {
  const out = factsOf({ out: { out: ['c'], braked: [] } })
  t.match(findFaults(out), [{ code: 'NODE_OUT', severity: 'info', who: 'c' }])
  const braked = factsOf({ out: { out: [], braked: ['b', 'c'] } })
  t.match(findFaults(braked), [{ code: 'REPAIR_BRAKED', severity: 'warning', why: /stands in for b, c/ }])
  t.equal(verdict(braked), 'DEGRADED')
})

t.test('copies in one zone are a warning, misplaced ones none', async (t) => {
  t.strictSame(codes(factsOf({ redundancy: { ...allFull, oneZone: 1 } })), ['ZONE_SPREAD'])
  const facts = factsOf({ redundancy: { ...allFull, misplaced: 2 } })
  t.match(findFaults(facts), [{ code: 'MISPLACED', severity: 'info' }])
  t.equal(verdict(facts), 'HEALTHY')
})

t.test('a node that does not vote is a warning while the others can write, and critical else', async (t) => {
  const abstaining = factsOf({ abstentions: [{ node: 'b', reason: 'amnesia' }] })
  t.match(findFaults(abstaining), [{ code: 'NOT_VOTING', who: 'b', why: /amnesia/ }])
  t.equal(verdict(abstaining), 'DEGRADED')
  t.equal(verdict({ ...abstaining, quorum: noQuorum }), 'CRITICAL')
})

t.test('a node that is being re-admitted is shown as such, with how far it has come', async (t) => {
  const readmission = { registers: 7, copied: 3, copiedBytes: 1, settled: 0 }
  const nodes = [nodeOf('a'), nodeOf('b', { readmission }), nodeOf('c')]
  const facts = factsOf({ nodes, abstentions: [{ node: 'b', reason: 'it has lost votes' }] })
  t.match(findFaults(facts), [{ code: 'READMISSION', who: 'b', why: /7 registers looked at, 3 copied/ }])
  t.equal(verdict(facts), 'DEGRADED')
})

t.test('a change of the voters is shown while it runs', async (t) => {
  const change = { from: ['a'], to: ['a', 'b', 'c'] }
  const progress = { registers: 5, copied: 2, copiedBytes: 1, settled: 1 }
  const running = factsOf({ voterChange: { ...change, progress } })
  t.match(findFaults(running), [
    { code: 'VOTERS_CHANGING', severity: 'info', why: /from 1 to 3; 5 registers/ },
  ])
  const begun = factsOf({ voterChange: { ...change, progress: null } })
  t.match(findFaults(begun), [{ why: /the rescan has not begun/ }])
})

t.test('ids that cannot be given up name the voter that is away', async (t) => {
  const facts = factsOf({
    blockedTombstones: [
      { due: 4, away: ['c'] },
      { due: 9, away: ['c'] },
    ],
  })
  t.match(findFaults(facts), [{ code: 'TOMBSTONES_BLOCKED', who: 'c', why: /9 deleted images.*answer: c,/ }])
})

t.test('a refused peer is a warning, a copy of a node critical', async (t) => {
  const refusals = [{ peer: 'x', code: 'FOREIGN_CLUSTER', reason: 'another cluster' }]
  const refusing = factsOf({ refusals })
  t.match(findFaults(refusing), [{ code: 'PEER_REFUSED', who: 'x', why: 'another cluster' }])
  t.equal(verdict(refusing), 'DEGRADED')
  const copied = factsOf({ refusals: [{ peer: 'x', code: 'DUPLICATE_IDENTITY', reason: 'two' }] })
  t.equal(verdict(copied), 'CRITICAL')
  const removed = factsOf({ refusals: [{ peer: 'x', code: 'NOT_A_MEMBER', reason: 'removed' }] })
  t.match(findFaults(removed), [{ remedy: /join with an invite/ }])
})

t.test('one node alone is told that it has no redundancy; edges do not count', async (t) => {
  t.strictSame(codes(factsOf({ nodes: [nodeOf('a')] })), ['NO_REDUNDANCY'])
  t.strictSame(codes(factsOf({ nodes: [nodeOf('a'), nodeOf('e', { role: 'edge' })] })), ['NO_REDUNDANCY'])
  t.equal(verdict(factsOf({ nodes: [nodeOf('a')] })), 'HEALTHY')
})

t.test('every check says what to do', async (t) => {
  const facts = factsOf({
    nodes: [nodeOf('a', { state: 'dead' })],
    quorum: noQuorum,
    redundancy: { ...allFull, unavailable: 1, underReplicated: 1, unknown: 1 },
    refusals: [{ peer: 'x', code: 'BAD_FRAME', reason: 'r' }],
    abstentions: [{ node: 'a', reason: 'r' }],
  })
  for (const { code, why, remedy } of findFaults(facts)) t.ok(why.length > 0 && remedy.length > 0, code)
})

t.test('the summary is one sentence for each case', async (t) => {
  t.equal(summary(), '3 of 3 nodes up; all 4 images with data have every copy.')
  t.equal(
    summary({ redundancy: { ...allFull, underReplicated: 2 } }),
    '3 of 3 nodes up; 4 of 6 images with data have every copy.',
  )
  t.equal(summary({ redundancy: { ...allFull, full: 0 } }), '3 of 3 nodes up; no image has data yet.')
  t.equal(summary({ redundancy: null }), '3 of 3 nodes up; the images are not known yet.')
  t.match(summary({ quorum: noQuorum }), /no majority of voters/)
})

t.test('damage that is not healed degrades the cluster, damage that is healed does not', async (t) => {
  const integrity = { pass: 1, position: 0.5, found: 5, healed: 3, quarantined: 2, lastPassEndedAt: null }
  const facts = factsOf({ nodes: [nodeOf('a', { integrity }), nodeOf('b')] })
  t.match(findFaults(facts), [
    { code: 'CHUNKS_DAMAGED', who: 'a', why: /^2 chunks .* 5 were found and 3 healed/ },
  ])
  t.equal(verdict(facts), 'DEGRADED')
  const healed = factsOf({
    nodes: ['a', 'b'].map((id) => nodeOf(id, { integrity: { ...integrity, quarantined: 0 } })),
  })
  t.strictSame(codes(healed), [])
})

t.test('records that were wrong stay named, and degrade nothing: they are right again', async (t) => {
  const records = { passes: 1, compared: 9, healed: 2, away: [], lastPassEndedAt: null }
  const facts = factsOf({
    nodes: [nodeOf('a', { records }), nodeOf('b', { records: { ...records, healed: 0 } })],
  })
  t.match(findFaults(facts), [{ code: 'RECORDS_DIFFERED', severity: 'info', who: 'a', why: /^2 records/ }])
  t.equal(verdict(facts), 'HEALTHY')
})

t.test('a paused loop is named, so that nobody forgets it', async (t) => {
  const loop = (name: string, state: 'paused' | 'failed') => ({
    ...{ name, state, lastError: null, runs: 1, lastRunAt: null },
    ...{ queue: null, rate: null, progress: null },
  })
  const loops = [loop('auditor', 'paused'), loop('reaper', 'failed'), loop('updater', 'paused')]
  const facts = factsOf({ nodes: [nodeOf('a', { loops }), nodeOf('b'), nodeOf('c', { loops: null })] })
  t.match(findFaults(facts), [{ code: 'LOOP_PAUSED', who: 'a', why: /node a: auditor, updater\.$/ }])
  t.equal(verdict(facts), 'DEGRADED')
})

const condition: StoreCondition = {
  failure: null,
  isFull: false,
  freeBytesMin: 1,
  registersLost: false,
  indexRebuilt: null,
  lostChunks: 0,
  lostSegments: 0,
  rescuedChunks: 0,
}
const integrity = { pass: 1, position: 1, found: 2, healed: 0, quarantined: 2, lastPassEndedAt: null }

t.test('what a node says of its disk is told, and what was found at its start stays told', async (t) => {
  const checksOf = (
    fields: Partial<typeof condition> | { failure: string } | { indexRebuilt: number },
    more = {},
  ) =>
    factsOf({
      nodes: [nodeOf('a'), nodeOf('b'), nodeOf('c', { store: { ...condition, ...fields }, ...more })],
    })
  t.strictSame(codes(checksOf({})), [])
  const failing = checksOf({ failure: 'Input/output error' })
  t.match(findFaults(failing), [
    { code: 'STORE_NOT_WRITABLE', severity: 'warning', who: 'c', why: /Input\/output error/ },
  ])
  t.match(findFaults({ ...failing, quorum: noQuorum }), [
    { code: 'NO_QUORUM' },
    { code: 'STORE_NOT_WRITABLE', severity: 'critical' },
  ])
  t.match(findFaults(checksOf({ isFull: true })), [{ code: 'STORE_FULL', severity: 'warning' }])
  const healed = checksOf({ registersLost: true, indexRebuilt: 7, lostChunks: 3, lostSegments: 1 })
  t.strictSame(codes(healed), ['REGISTERS_LOST', 'INDEX_REBUILT', 'CHUNKS_LOST'])
  t.equal(verdict(healed), 'HEALTHY')
  const healing = checksOf({ lostChunks: 3 }, { integrity })
  t.strictSame(codes(healing), ['CHUNKS_LOST', 'CHUNKS_DAMAGED'])
  t.equal(verdict(healing), 'DEGRADED')
})

t.test('a wanted drain is a remark, whatever of it is still to come', async (t) => {
  const GIB = 1024 ** 3
  const storage = (drain: NodeStatus['drain'], fields: Partial<NodeStatus> = {}) =>
    factsOf({ nodes: [nodeOf('a'), nodeOf('b'), nodeOf('c', { role: 'storage', drain, ...fields })] })
  const under = storage({ left: { images: 3, bytes: 2 * GIB }, etaSeconds: 170 })
  t.match(findFaults(under), [{ code: 'DRAINING', who: 'c', why: /3 images, 2048 MiB left, some 3 min/ }])
  t.equal(verdict(under), 'HEALTHY')
  const over = storage({ left: { images: 0, bytes: 0 }, etaSeconds: 0 })
  t.strictSame(codes(over), ['DRAINED'])
  const stopped = storage({ left: null, etaSeconds: null }, { state: 'dead' })
  t.strictSame(codes(stopped), ['NODE_DOWN', 'DRAINING'])
  t.equal(verdict(stopped), 'HEALTHY', 'it votes on nothing')
  const voter = { ...stopped, nodes: stopped.nodes.map((node) => ({ ...node, role: 'voter' as const })) }
  t.equal(verdict(voter), 'DEGRADED')
})
