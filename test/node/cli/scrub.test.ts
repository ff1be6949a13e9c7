/** `serac scrub` and `serac images`, against an operator port that says what a test wants. */
import t, { type Test } from 'tap'
import { systemClock, type Clock } from '../../../cluster/runtime.ts'
import type { CliIo } from '../../../node/cli/cli-io.ts'
import { scrubCommand } from '../../../node/cli/scrub.ts'
import { OperatorClient } from '../../../node/cli/operator-client.ts'
import { operatorServer } from './operator-server.ts'

const [FIRST, SECOND] = ['one', 'two'].map((end) => `12D3KooW${'A'.repeat(41)}${end}`) as [string, string]
const NODES = { nodes: [{ id: FIRST }, { id: SECOND }] }
const RATE = 1024 ** 2

interface Auditor {
  pass: number
  position: number
  quarantined: number
  lastPassEndedAt: string | null
}
const rested: Auditor = { pass: 3, position: 1, quarantined: 0, lastPassEndedAt: '2026-01-02T03:04:05.000Z' }

/** Each look at the status lets each auditor that was given a rate go on by half a pass. */
async function clusterOf(t: Test, auditors: Record<string, Auditor | null>, state = 'waiting') {
  const rates: string[] = []
  const fast = new Set<string>()
  const nodes = () =>
    Object.entries(auditors).map(([id, integrity]) => {
      if (integrity && fast.has(id)) {
        const isNext = integrity.position >= 1
        if (isNext) integrity.pass++
        integrity.position = isNext ? 0.5 : integrity.position + 0.5
      }
      const shown = integrity && { ...integrity, found: 0, healed: 0 }
      return { id, integrity: shown, loops: [{ name: 'auditor', state }] }
    })
  const set = (id: string) => (body: unknown) => {
    const { rate } = body as { rate: number | null }
    rates.push(`${id} ${rate}`)
    if (rate === null) fast.delete(id)
    else fast.add(id)
    return {}
  }
  const server = await operatorServer(t, {
    'GET /v1/cluster/nodes': NODES,
    'GET /v1/cluster/status': () => ({ nodes: nodes() }),
    [`POST /v1/cluster/nodes/${FIRST}/loops/auditor`]: set(FIRST),
    [`POST /v1/cluster/nodes/${SECOND}/loops/auditor`]: set(SECOND),
  })
  return { ...server, rates }
}

t.test('how far each node is, and whether anything is damaged', async (t) => {
  const auditors = { [FIRST]: { ...rested }, [SECOND]: { ...rested, pass: 4, position: 0.257 } }
  const { run, rates } = await clusterOf(t, auditors)
  const { exitCode, out } = await run('scrub')
  t.equal(exitCode, 0)
  t.match(out, /^NODE +PASS +READ +LAST PASS ENDED +FOUND +HEALED +DAMAGED$/m)
  t.match(out, /^\S*one +3 +100 % +2026-01-02T03:04:05\.000Z +0 +0 +0$/m)
  t.match(out, /^\S*two +4 +25 % /m)
  t.ok(out.split('\n').every((line) => line.length <= 80))
  t.equal((await run('scrub', '--node', 'Atwo', '-f', 'value')).out, `${SECOND} 4 25 %\n`)
  t.match(JSON.parse((await run('scrub', '-f', 'json')).out), [{ node: FIRST, integrity: { pass: 3 } }, {}])
  t.strictSame(rates, [], 'nothing was set')
  auditors[SECOND]!.quarantined = 2
  t.equal((await run('scrub')).exitCode, 1)
  t.equal((await run('scrub', '--node', 'Aone')).exitCode, 0)
})

t.test('a silent node is no proof of anything', async (t) => {
  const { run } = await clusterOf(t, { [FIRST]: { ...rested }, [SECOND]: null })
  const { exitCode, out } = await run('scrub')
  t.equal(exitCode, 1)
  t.match(out, /^\S*two +- +- +- +- +- +-$/m)
})

/** Nobody waits as long as for a real one. */
const clock: Clock = { ...systemClock, after: (delayMs, action) => systemClock.after(delayMs / 100, action) }
const flags = { format: 'value' as const, now: true as const, rate: RATE }
const going = new AbortController().signal

function ioOf() {
  const said = { out: '', err: '' }
  const io: CliIo = {
    environment: {},
    print: (text) => void (said.out += text),
    complain: (text) => void (said.err += text),
    ask: async () => null,
    isTerminal: true,
  }
  return { io, said }
}

t.test('now: until each node has ended a pass that began after, and then at its own pace', async (t) => {
  const auditors = { [FIRST]: { ...rested }, [SECOND]: { ...rested, position: 0.5 } }
  const { url, rates } = await clusterOf(t, auditors)
  const { io, said } = ioOf()
  t.equal(await scrubCommand(new OperatorClient(url), flags, io, { clock, stop: going }), 0)
  t.strictSame(rates, [`${FIRST} ${RATE}`, `${SECOND} ${RATE}`, `${FIRST} null`, `${SECOND} null`])
  t.ok(auditors[FIRST]!.pass > 3 && auditors[SECOND]!.pass > 3)
  t.match(said.err, /\r\d+ % is read back, of 2 nodes/)
})

t.test('interrupted, it takes back what it set', async (t) => {
  const { url, rates } = await clusterOf(t, { [FIRST]: { ...rested } })
  const stop = AbortSignal.abort()
  t.equal(await scrubCommand(new OperatorClient(url), flags, ioOf().io, { clock, stop }), 0)
  t.strictSame(rates, [`${FIRST} ${RATE}`, `${FIRST} null`])
})

t.test('of a paused auditor nobody would see the end', async (t) => {
  const { url, rates } = await clusterOf(t, { [FIRST]: { ...rested } }, 'paused')
  const ending = scrubCommand(new OperatorClient(url), flags, ioOf().io, { clock, stop: going })
  await t.rejects(ending, /is paused: resume it first/)
  t.strictSame(rates, [])
})

t.test('a node that does not take its own pace again is told of', async (t) => {
  const status = { nodes: [{ id: FIRST, integrity: { ...rested, found: 0, healed: 0 }, loops: [] }] }
  const refusal = { error: { status: 503, message: 'it does not answer' } }
  const { url } = await operatorServer(t, {
    'GET /v1/cluster/nodes': { nodes: [{ id: FIRST }] },
    'GET /v1/cluster/status': () => {
      status.nodes[0]!.integrity.pass += 2
      return status
    },
    [`POST /v1/cluster/nodes/${FIRST}/loops/auditor`]: (body) =>
      (body as { rate: number | null }).rate === null ? refusal : {},
  })
  const { io, said } = ioOf()
  await scrubCommand(new OperatorClient(url), flags, io, { clock, stop: going })
  t.match(said.err, /goes on at that rate: it does not answer/)
})

const cell = { placed: true, chunks: null }
const whole = {
  ...{ id: '11111111-2222-4333-8444-555555555555', name: 'noble', status: 'active', sizeBytes: 3 * RATE },
  ...{ createdAt: '2026-01-02T03:04:05Z', copies: null },
  cells: [FIRST, SECOND].map((node) => ({ ...cell, node, state: 'full' })),
}
const partial = {
  ...whole,
  id: '22222222-2222-4333-8444-555555555555',
  cells: [
    { ...cell, node: FIRST, state: 'full' },
    { ...cell, node: SECOND, state: 'partial', chunks: { present: 1, damaged: 0, total: 2 } },
    { ...cell, node: 'c', state: 'none', placed: false },
  ],
}

t.test('images: of how many nodes each is whole, page by page', async (t) => {
  const path = 'GET /v1/cluster/images'
  const { run, asked } = await operatorServer(t, {
    [`${path}?limit=50&show=all&search=`]: { images: [whole], next: whole.id },
    [`${path}?limit=49&show=all&search=&after=${whole.id}`]: { images: [partial], next: null },
    [`${path}?limit=1&show=attention&search=no`]: { images: [], next: null },
  })
  const { exitCode, out } = await run('images')
  t.equal(exitCode, 0)
  t.match(out, /^ID +STATUS +SIZE +COPIES$/m)
  t.match(out, new RegExp(`^${whole.id} +active +3\\.0 MiB +2/2 whole$`, 'm'))
  t.match(out, new RegExp(`^${partial.id} +active +3\\.0 MiB +1/2 whole, 1 partial$`, 'm'))
  t.ok(out.split('\n').every((line) => line.length <= 80))
  t.equal((await run('images', 'list', '-f', 'value')).out, `${whole.id} 2 2\n${partial.id} 1 2\n`)
  const none = await run('images', 'list', '--attention', '--search', 'no', '--limit', '1')
  t.match(none, { exitCode: 0, out: 'No such image.\n' })
  t.equal(asked.length, 5)
})

t.test('images: what each node has of one', async (t) => {
  const path = 'GET /v1/cluster/images'
  const { run } = await operatorServer(t, {
    [`${path}?limit=1&search=${whole.id}`]: { images: [whole], next: null },
    [`${path}?limit=1&search=${partial.id}`]: { images: [partial], next: null },
    [`${path}?limit=1&search=gone`]: { images: [], next: null },
  })
  t.equal((await run('images', 'show', whole.id)).exitCode, 0)
  const { exitCode, out } = await run('images', 'show', partial.id)
  t.equal(exitCode, 1)
  t.match(out, /^\S*two +partial +yes +1\/2 +0$/m)
  t.match(JSON.parse((await run('images', 'show', whole.id, '-f', 'json')).out), [{ id: whole.id }])
  t.match(await run('images', 'show', 'gone'), { exitCode: 1, err: /there is no image gone/ })
})
