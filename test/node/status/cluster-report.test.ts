import t from 'tap'
import { Mutes } from '../../../node/status/mutes.ts'
import { encodeReport } from '../../../node/status/node-report.ts'
import { clusterOf, own } from './report-fixture.ts'

t.test('a whole cluster', async (t) => {
  const { report } = clusterOf()
  const status = await report.gather()
  t.match(status, {
    verdict: 'HEALTHY',
    checks: [],
    epoch: 1,
    quorum: { votersUp: 3, votersTotal: 3, needed: 2, canWrite: true },
    images: { total: 2, active: 1, queued: 1, saving: 0, other: 0 },
    redundancy: { full: 1, copiesMin: 3 },
    as_of: '2026-01-01T00:00:00.000Z',
  })
  t.strictSame(
    status.nodes.map(({ id, state, imagesHeld }) => [id, state, imagesHeld]),
    [
      ['a', 'alive', 1],
      ['b', 'alive', 1],
      ['c', 'alive', 1],
    ],
  )
})

t.test('a node that does not answer is unknown, never left out, and its figures are null', async (t) => {
  const { report, network } = clusterOf()
  network.down.add('c')
  const status = await report.gather()
  t.match(status.nodes[2], { id: 'c', state: 'unknown', imagesHeld: null, version: null, ageSeconds: null })
  t.match(status, { verdict: 'DEGRADED', redundancy: { full: 0, underReplicated: 1 } })
})

t.test('a node known to be dead is called so', async (t) => {
  const { report, network, states } = clusterOf()
  network.down.add('c')
  states.set('c', 'dead')
  t.equal((await report.gather()).nodes[2]?.state, 'dead')
})

t.test('nonsense is no answer', async (t) => {
  const { report, answers } = clusterOf()
  answers.set('b', { version: 'but nothing else' })
  t.equal((await report.gather()).nodes[1]?.state, 'unknown')
})

t.test('without a majority it is read-only', async (t) => {
  const { report, network } = clusterOf()
  network.down.add('b').add('c')
  const status = await report.gather()
  t.match(status, { verdict: 'READ-ONLY', quorum: { votersUp: 1, canWrite: false } })
})

t.test('a node that abstains is no voter that is up', async (t) => {
  const { report, answers } = clusterOf()
  answers.set('b', encodeReport({ ...own, abstains: 'amnesia' }))
  const status = await report.gather()
  t.match(status, {
    verdict: 'DEGRADED',
    quorum: { votersUp: 2 },
    checks: [{ code: 'NOT_VOTING', who: 'b' }],
  })
})

t.test('in a joint config both majorities are needed to write', async (t) => {
  const { report, network, config } = clusterOf()
  config.joint = ['a', 'd', 'e']
  network.down.add('d').add('e')
  t.equal((await report.gather()).quorum.canWrite, false)
})

t.test('before it has caught up it claims nothing about images', async (t) => {
  t.match(await clusterOf(null).report.gather(), { images: null, redundancy: null })
})

t.test('a check keeps the time since when it holds, until it ends', async (t) => {
  const { report, network, clock } = clusterOf()
  const since = async () => (await report.gather()).checks.map((check) => check.since)
  network.down.add('c')
  const [first] = await since()
  await clock.advance(60_000)
  t.strictSame((await since())[0], first)
  network.down.clear()
  t.strictSame(await since(), [])
  network.down.add('c')
  t.equal((await since())[0], '2026-01-01T00:01:00.000Z')
})

t.test('what begins and ends is an event', async (t) => {
  const { report, network, events } = clusterOf()
  network.down.add('c')
  await report.gather()
  network.down.clear()
  await report.gather()
  const kinds = events.latest(10).map(({ kind, severity }) => `${kind} ${severity}`)
  t.ok(kinds.includes('NODE_DOWN warning') && kinds.includes('NODE_DOWN good'), kinds.join())
})

t.test(
  'a muted check is shown and does not count, wherever it was muted; what is critical counts',
  async (t) => {
    const { report, network, answers, mutes, clock } = clusterOf()
    network.down.add('c')
    const elsewhere = new Mutes(clock)
    for (const [code, who] of [
      ['NODE_DOWN', 'c'],
      ['UNDER_REPLICATED', null],
      ['NO_QUORUM', null],
    ] as const)
      elsewhere.set({ code, who }, 3600, 'known')
    answers.set('b', encodeReport({ ...own, mutes: elsewhere.words() }))
    const status = await report.gather()
    t.match(status, { verdict: 'HEALTHY', checks: [{ muted: { reason: 'known' } }, { muted: {} }] })
    mutes.set({ code: 'NODE_DOWN', who: 'c' }, null, '')
    t.match(await report.gather(), { verdict: 'DEGRADED' }, 'the newest word counts')
    network.down.add('b')
    const { checks } = await report.gather()
    t.strictSame(checks.find(({ code }) => code === 'NO_QUORUM')?.muted, null)
  },
)

t.test('answers the others with its own report', async (t) => {
  const { network } = clusterOf()
  const answer = await network.join('b').request('a', 'status', null, { timeoutMs: 1000 })
  t.match(answer, { version: '0.1.0', hashing: 'wasm' })
})
