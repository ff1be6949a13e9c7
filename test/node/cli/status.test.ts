import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import type { CliIo } from '../../../node/cli/cli-io.ts'
import { printStatus } from '../../../node/cli/status.ts'
import { formatBytes, renderStatus } from '../../../node/cli/status-view.ts'
import type { ClusterStatus, NodeStatus } from '../../../node/status/status-types.ts'

const alive: NodeStatus = {
  id: '12D3KooWAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAone',
  address: '10.0.0.1:9293',
  role: 'voter',
  zone: null,
  state: 'alive',
  version: '0.1.0',
  featureLevel: 2,
  diskVersion: 1,
  api: 'http://10.0.0.1:9292',
  uptimeSeconds: 60,
  imagesHeld: 12,
  caughtUp: true,
  hashing: 'native',
  readmission: null,
  storedBytes: 3.4 * 1024 ** 3,
  freeBytes: 120 * 1024 ** 3,
  totalBytes: 200 * 1024 ** 3,
  forecast: null,
  store: null,
  integrity: null,
  records: null,
  backends: [],
  loops: null,
  eventLoopDelay: null,
  oldGlance: null,
  cache: null,
  drain: null,
  ageSeconds: 0,
}
const lost: NodeStatus = {
  ...alive,
  id: '12D3KooWAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAtwo',
  address: '10.0.0.2:9293',
  state: 'unknown',
  imagesHeld: null,
  caughtUp: null,
  storedBytes: null,
  freeBytes: null,
  totalBytes: null,
  drain: null,
  ageSeconds: null,
}
const status: ClusterStatus = {
  verdict: 'DEGRADED',
  summary: '1 of 2 nodes cannot be reached; all 12 images can be read.',
  checks: [
    {
      code: 'NODE_DOWN',
      severity: 'warning',
      since: '2026-02-28T12:00:00.000Z',
      who: lost.id,
      why: 'The node has not answered for 90 s.',
      remedy: 'Look at its machine and its log; nothing else has to be done when it comes back.',
      muted: null,
    },
  ],
  clusterId: 'c0ffee',
  epoch: 1,
  featureLevel: 2,
  nodes: [alive, lost],
  voterChange: null,
  quorum: { votersUp: 1, votersTotal: 2, needed: 2, canWrite: false },
  images: { total: 13, active: 12, queued: 1, saving: 0, other: 0 },
  out: { out: [], braked: [] },
  stores: null,
  work: null,
  redundancy: {
    full: 0,
    underReplicated: 12,
    unavailable: 0,
    unknown: 0,
    copiesMin: 1,
    misplaced: 0,
    oneZone: 0,
    toCopy: { images: 0, bytes: 0 },
    onlyOn: {},
    onDrained: {},
  },
  oldGlance: null,
  as_of: '2026-02-28T12:01:30.000Z',
}

t.test('while unknown ids are read from an old Glance, it is shown how much it is still asked', async (t) => {
  const oldGlance = {
    urls: ['http://old:9292'],
    answers: true,
    requests: 7,
    lastRequestAt: '2026-02-28T11:00:00.000Z',
    countedSince: '2026-02-27T12:00:00.000Z',
  }
  const shown = (changes: object) =>
    renderStatus({ ...status, oldGlance: { ...oldGlance, ...changes } }, 'table').replaceAll(/\n {8}/g, ' ')
  t.match(
    shown({}),
    'Moving  unknown ids are read from http://old:9292, which answers; 7 requests since 2026-02-27T12:00:00.000Z, the ' +
      'last at 2026-02-28T11:00:00.000Z; lists show what was moved\n',
  )
  t.match(
    shown({ answers: false, requests: 0, lastRequestAt: null }),
    'which does not answer every node; 0 requests since 2026-02-27T12:00:00.000Z; lists',
  )
})

t.test('what is to be copied and given up is shown while there is something', async (t) => {
  const redundancy = { ...status.redundancy!, misplaced: 3, toCopy: { images: 12, bytes: 1024 ** 3 } }
  t.match(
    renderStatus({ ...status, redundancy }, 'table'),
    'Repair  12 images to copy, 1.0 GiB; 3 misplaced copies to give up\n',
  )
})

t.test('the table says it all within 80 columns', async (t) => {
  const text = renderStatus(status, 'table')
  t.equal(
    text,
    `DEGRADED: 1 of 2 nodes cannot be reached; all 12 images can be read.

NODE       ADDRESS        ROLE   STATE    IMAGES   STORED     FREE
…AAAAAone  10.0.0.1:9293  voter  alive        12  3.4 GiB  120 GiB
…AAAAAtwo  10.0.0.2:9293  voter  unknown       ?        ?        ?

Quorum  1 of 2 voters are up, 2 needed: writes are refused
Images  13: 12 active, 1 queued, 0 saving, 0 other
Copies  0 full, 12 under-replicated, 0 unavailable, 0 unknown; at least 1 of
        each

WARNING NODE_DOWN …AAAAAtwo (10.0.0.2:9293), since 2026-02-28T12:00:00.000Z
  The node has not answered for 90 s.
  What to do: Look at its machine and its log; nothing else has to be done when
  it comes back.

As of 2026-02-28T12:01:30.000Z.
`,
  )
  t.strictSame(
    text.split('\n').filter((line) => line.length > 80),
    [],
  )
})

t.test('what is not known is said to be so', async (t) => {
  const catchingUp = { ...alive, caughtUp: false }
  const stale = { ...lost, ageSeconds: 42.4 }
  const text = renderStatus(
    { ...status, images: null, redundancy: null, nodes: [catchingUp, stale] },
    'table',
  )
  t.match(text, /Images {2}unknown\nCopies {2}unknown\n/)
  t.match(text, /catching up/)
  t.match(text, /unknown \(42 s\)/)
})

t.test('sizes', async (t) => {
  const sizes: [number | null, string][] = [
    [null, '?'],
    [0, '0 B'],
    [1023, '1023 B'],
    [1536, '1.5 KiB'],
    [256 * 1024 ** 2, '256 MiB'],
    [5000 * 1024 ** 4, '5000 TiB'],
  ]
  for (const [bytes, expected] of sizes) t.equal(formatBytes(bytes), expected)
})

/** Serves one answer for every request and gives back the server's URL. */
async function serve(t: Test, statusCode: number, body: string): Promise<string> {
  const server: Server = createServer((_, response) => response.writeHead(statusCode).end(body)).listen(
    0,
    '127.0.0.1',
  )
  await once(server, 'listening')
  t.teardown(() => server.close().closeAllConnections())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function ask(url: string, format: 'table' | 'json' | 'value') {
  const output = { stdout: '', stderr: '' }
  const io: Pick<CliIo, 'print' | 'complain'> = {
    print: (text) => (output.stdout += text),
    complain: (text) => (output.stderr += text),
  }
  return { exitCode: await printStatus(url, format, io), ...output }
}

t.test('the exit code follows the verdict', async (t) => {
  const codes = { HEALTHY: 0, DEGRADED: 1, 'READ-ONLY': 2, CRITICAL: 3 } as const
  for (const [verdict, exitCode] of Object.entries(codes)) {
    const url = await serve(t, 200, JSON.stringify({ ...status, verdict }))
    t.strictSame(await ask(url, 'value'), { exitCode, stdout: `${verdict}\n`, stderr: '' })
  }
})

t.test('json is the document itself', async (t) => {
  const url = await serve(t, 200, JSON.stringify(status))
  t.strictSame(JSON.parse((await ask(url, 'json')).stdout), status)
})

t.test('whoever cannot be asked gives 4 and a reason', async (t) => {
  const cases: [string, RegExp][] = [
    [await serve(t, 500, 'oops'), /it answered 500/],
    [await serve(t, 200, 'hello'), /no cluster status; is this the operator port\?/],
    [await serve(t, 200, '{"verdict":"FINE"}'), /no cluster status/],
    [await serve(t, 200, 'null'), /no cluster status/],
    ['http://127.0.0.1:1', /ECONNREFUSED|bad port/],
    ['nonsense', /Invalid URL/],
  ]
  for (const [url, reason] of cases) {
    const { exitCode, stdout, stderr } = await ask(url, 'table')
    t.match({ exitCode, stdout }, { exitCode: 4, stdout: '' })
    t.match(stderr, reason)
    t.match(stderr, `serac: could not ask ${url}: `)
  }
})
