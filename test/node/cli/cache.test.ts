/** `serac cache`, against an operator port that says what a test wants. */
import t from 'tap'
import type { CacheDocument } from '../../../node/status/cache-admin.ts'
import { operatorServer } from './operator-server.ts'

const IMAGE = '11111111-2222-4333-8444-555555555555'
const [FIRST, SECOND, THIRD] = ['a1', 'b2', 'c3'].map(
  (end) => `00000000-0000-4000-8000-0000000000${end}`,
) as [string, string, string]
const MIB = 1024 ** 2
const CACHED = {
  imageId: IMAGE,
  hits: 7,
  sizeBytes: 3 * MIB,
  lastAccessedMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
  cachedAtMs: 0,
}
const FIGURES = {
  ...{ images: 1, usedBytes: 3 * MIB, bytesMax: 10 * MIB, queued: 1 },
  ...{ hits: 7, misses: 2, evicted: 4, damaged: 0 },
}
const CACHES: CacheDocument = {
  nodes: [
    { node: FIRST, api: 'http://a', cache: { figures: FIGURES, images: [CACHED], queued: ['q'] } },
    { node: SECOND, api: 'http://b', cache: { figures: null, images: [], queued: [] } },
    { node: THIRD, api: null, cache: null },
  ],
}
const NODES = { nodes: [FIRST, SECOND, THIRD].map((id) => ({ id })) }
const LIST = 'GET /v1/cluster/cache'
const CHANGE = 'POST /v1/cluster/cache'
const KNOWN = { [LIST]: { ...CACHES }, 'GET /v1/cluster/nodes': NODES }

t.test('a table for people, lines for scripts, JSON for programs', async (t) => {
  const { run } = await operatorServer(t, KNOWN)
  const { exitCode, out } = await run('cache')
  t.equal(exitCode, 0)
  t.match(out, /^NODE +IMAGE +STATE +SIZE +HITS +LAST USED$/m)
  t.match(out, new RegExp(`^\\S*a1 +${IMAGE} +cached +3\\.0 MiB +7 +2026-01-02T03:04:05Z$`, 'm'))
  t.match(out, /^\S*a1 +q +queued +- +- +-$/m)
  t.match(out, /^\S*a1: 3\.0 MiB of 10\.0 MiB, 7 hits, 2 misses, 4 evicted$/m)
  t.match(out, /^\S*b2: no cache$/m)
  t.match(out, /^\S*c3: it does not answer$/m)
  t.equal((await run('cache', 'list', '-f', 'value')).out, `${FIRST} ${IMAGE} cached\n${FIRST} q queued\n`)
  t.strictSame(JSON.parse((await run('cache', 'list', '-f', 'json')).out), CACHES.nodes)
})

t.test('of one node', async (t) => {
  const { run } = await operatorServer(t, KNOWN)
  const { out } = await run('cache', 'list', '--node', '000000b2', '-f', 'json')
  t.strictSame(JSON.parse(out), [CACHES.nodes[1]])
  t.equal((await run('cache', 'list', '--node', SECOND, '-f', 'value')).out, '')
  t.match(await run('cache', 'list', '--node', '000000d4'), { exitCode: 1, out: '', err: /d4/ })
})

t.test('each verb asks for what it says', async (t) => {
  const bodies: unknown[] = []
  const { run } = await operatorServer(t, {
    ...KNOWN,
    [CHANGE]: (body) => (bodies.push(body), { nodes: [{ node: FIRST, changed: 2, error: null }] }),
  })
  const wanted = [
    [['queue', IMAGE], { action: 'queue', image: IMAGE, node: null }],
    [['queue', IMAGE, '--node', '000000a1'], { action: 'queue', image: IMAGE, node: FIRST }],
    [['delete', IMAGE], { action: 'delete', image: IMAGE, node: null }],
    [['clear'], { action: 'clear', node: null }],
    [['clear', '--only', 'queue'], { action: 'clear', part: 'queue', node: null }],
    [['clear', '--only', 'cache', '--node', '…000000c3'], { action: 'clear', part: 'cache', node: THIRD }],
    [['prune'], { action: 'prune', node: null }],
    [['clean', '--node', '000000b2'], { action: 'clean', node: SECOND }],
  ] as const
  for (const [args, body] of wanted) {
    t.match(
      await run('cache', ...args),
      { exitCode: 0, out: /^\S*a1: 2 changed\n$/, err: '' },
      args.join(' '),
    )
    t.strictSame(bodies.pop(), body)
  }
  t.strictSame(bodies, [])
})

t.test('what was not done at one node is told, and is a failure', async (t) => {
  const { run } = await operatorServer(t, {
    [CHANGE]: {
      nodes: [
        { node: FIRST, changed: 1, error: null },
        { node: THIRD, changed: 0, error: 'it does not answer' },
      ],
    },
  })
  const { exitCode, out } = await run('cache', 'clear')
  t.equal(exitCode, 1)
  t.match(out, /^\S*a1: 1 changed\n\S*c3: not done: it does not answer\n$/)
})

t.test('what is refused, and what makes no sense', async (t) => {
  const message = `There is no active image ${IMAGE}.`
  const { run, asked } = await operatorServer(t, { [CHANGE]: { error: { status: 404, message } } })
  t.match(await run('cache', 'queue', IMAGE), { exitCode: 1, out: '', err: new RegExp(message) })
  asked.length = 0
  for (const args of [['queue'], ['delete'], ['clear', '--only', 'all'], ['list', '-f', 'xml'], ['empty']])
    t.equal((await run('cache', ...args)).exitCode, 64, args.join(' '))
  t.strictSame(asked, [], 'nobody was asked')
})
