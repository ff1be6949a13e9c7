import t from 'tap'
import { decode, encode } from 'cborg'
import { decodeReport, encodeReport, type NodeReport } from '../../../node/status/node-report.ts'

const report: NodeReport = {
  version: '0.1.0',
  api: 'http://a:9292',
  uptimeSeconds: 5,
  caughtUp: true,
  hasQuorum: true,
  abstains: null,
  readmission: null,
  voterChange: null,
  blockedTombstones: null,
  integrity: { pass: 2, position: 0.5, found: 3, healed: 2, quarantined: 1, lastPassEndedAt: null },
  loops: [{ name: 'updater', state: 'idle', lastError: null }],
  hashing: 'native',
  storedBytes: 10,
  freeBytes: 20,
  totalBytes: 30,
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
    { ...good, store: { failure: 7 } },
    { ...good, loops: 'all' },
    { ...good, loops: [null] },
    { ...good, caughtUp: 'yes' },
  ]
  for (const value of bad) t.throws(() => decodeReport(value), { code: 'BAD_FRAME' })
})
