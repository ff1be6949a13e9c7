import { createHistogram, type IntervalHistogram } from 'node:perf_hooks'
import t from 'tap'
import { decode, encode } from 'cborg'
import { EventLoopDelay } from '../../../node/status/event-loop-delay.ts'
import { decodeReport, encodeReport, type NodeReport } from '../../../node/status/node-report.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'

const report: NodeReport = {
  version: '0.1.0',
  featureLevel: 2,
  diskVersion: 1,
  api: 'http://a:9292',
  uptimeSeconds: 5,
  caughtUp: true,
  hasQuorum: true,
  abstains: null,
  readmission: null,
  voterChange: null,
  blockedTombstones: null,
  integrity: { pass: 2, position: 0.5, found: 3, healed: 2, quarantined: 1, lastPassEndedAt: null },
  records: { passes: 1, compared: 9, healed: 1, away: ['c'], lastPassEndedAt: null },
  loops: [
    {
      ...{ name: 'updater', state: 'idle', lastError: null, runs: 1, lastRunAt: null },
      ...{
        queue: { depth: 2, oldestAgeMs: 10 },
        rate: { unit: 'bytes', perSecond: 5, fixed: null },
        progress: null,
      },
    },
  ],
  backends: [{ store: 'big', failure: 'The store big does not answer.', marker: null }],
  eventLoopDelay: { p99Ms: 4, maxMs: 30 },
  cache: { images: 1, usedBytes: 9, bytesMax: 10, queued: 0, hits: 2, misses: 3, evicted: 4, damaged: 0 },
  hashing: 'native',
  storedBytes: 10,
  freeBytes: 20,
  totalBytes: 30,
  forecast: { growthBytesPerDay: 7, daysUntilFull: null },
  mutes: [],
  store: {
    failure: null,
    isFull: false,
    freeBytesMin: 5,
    registersLost: false,
    indexRebuilt: null,
    lostChunks: 1,
    lostSegments: 0,
    rescuedChunks: 0,
  },
  oldGlance: {
    url: 'http://old:9292',
    counts: { shown: 1, opened: 0, absent: 2, failed: 3 },
    lastShownAt: '2026-01-02T03:04:05.000Z',
    lastAnswerAt: null,
    failure: 'it cannot be reached',
  },
  heldRoots: ['0a'.repeat(32), 'ff'.repeat(32)],
}

/** As the control plane carries it. */
const carried = (value: unknown): unknown => decode(encode(value))

t.test('a report comes back as it was', async (t) => {
  t.strictSame(decodeReport(carried(encodeReport(report))), report)
  const empty = { ...report, heldRoots: [], api: null, abstains: 'amnesia' }
  t.strictSame(decodeReport(carried(encodeReport(empty))), empty)
})

t.test('a root takes 32 bytes on the wire', async (t) => {
  const size = (count: number) =>
    encode(encodeReport({ ...report, heldRoots: Array.from({ length: count }, () => '0a'.repeat(32)) }))
      .length
  t.equal(size(1100) - size(1000), 3200)
})

t.test('fields of a newer release are let through', async (t) => {
  t.match(decodeReport({ ...encodeReport(report), mood: 'good' }), { mood: 'good', version: '0.1.0' })
})

t.test('a release that tells less of its loops is understood', async (t) => {
  const { forecast: _, mutes: __, ...older } = encodeReport(report)
  const loops = [{ name: 'updater', state: 'idle', lastError: null }]
  t.match(decodeReport(carried({ ...older, loops })), {
    loops: [{ name: 'updater', state: 'idle', queue: null, rate: null }],
    forecast: { growthBytesPerDay: null },
    mutes: [],
  })
})

t.test('what is no report is refused', async (t) => {
  const good = encodeReport(report)
  const bad = [
    null,
    undefined,
    'report',
    {},
    { ...good, version: 1 },
    { ...good, abstains: undefined },
    { ...good, heldRoots: ['0a'.repeat(32)] },
    { ...good, heldRoots: new Uint8Array(33) },
    { ...good, freeBytes: 'much' },
    { ...good, integrity: { pass: 1 } },
    { ...good, records: { ...report.records, away: [7] } },
    { ...good, eventLoopDelay: { p99Ms: 'short' } },
    { ...good, cache: { images: 1 } },
    { ...good, store: { failure: 7 } },
    { ...good, oldGlance: { ...report.oldGlance, counts: { shown: 1 } } },
    { ...good, loops: 'all' },
    { ...good, loops: [null] },
    { ...good, forecast: { growthBytesPerDay: 'much' } },
    { ...good, mutes: [{ code: 'NODE_DOWN' }] },
    { ...good, caughtUp: 'yes' },
  ]
  for (const value of bad) t.throws(() => decodeReport(value), { code: 'BAD_FRAME' })
})

t.test('the delay of the event loop is that of the last window and of the one under way', async (t) => {
  const clock = new ManualClock()
  const histogram = createHistogram()
  const reset = () => histogram.reset()
  const percentile = (share: number) => histogram.percentile(share)
  const ticks = { enable: () => true, disable: () => true, reset, percentile, max: 0 }
  Object.defineProperty(ticks, 'max', { get: () => (histogram.count > 0 ? histogram.max : 0) })
  const delay = new EventLoopDelay(clock, ticks as unknown as IntervalHistogram)
  delay.start()
  // Ticks are 10 ms apart when nothing is in their way.
  for (let tick = 0; tick < 200; tick++) histogram.record(10e6)
  t.strictSame(delay.recent, { p99Ms: 0, maxMs: 0 })
  for (let tick = 0; tick < 10; tick++) histogram.record(40e6)
  t.match(delay.recent, { p99Ms: 30, maxMs: 30 })
  await clock.advance(10_000)
  histogram.record(15e6)
  t.match(delay.recent, { maxMs: 30 }, 'the window before counts')
  await clock.advance(10_000)
  t.match(delay.recent, { p99Ms: 5, maxMs: 5 }, 'older ones do not')
  delay.stop()
})
