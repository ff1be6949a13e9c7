import t from 'tap'
import { ClusterError, SeracError } from '../../../cluster/errors.ts'
import { MESSAGE_BYTES_MAX, PROTOCOLS } from '../../../cluster/network/protocols.ts'
import { silentLog } from '../../../cluster/runtime.ts'
import { linkedPair } from '../../helpers/control-nodes.ts'
import { until } from '../../helpers/until.ts'

/** Generous: no test here waits for it. */
const TIMEOUT_MS = 20_000
const options = { timeoutMs: TIMEOUT_MS }

t.test('plain data goes there and back, both ways over one connection', async (t) => {
  const [a, b] = await linkedPair(t)
  for (const { rpc } of [a, b]) rpc.handle('votes', async (from, request) => ({ from, request }))
  const request = {
    n: 1,
    s: 'ä',
    list: [null, true, -1.5],
    bytes: new Uint8Array([1, 2]),
    big: 2 ** 40,
    nested: { a: {} },
  }
  t.same(await a.rpc.request(b.host.id, 'votes', request, options), { from: a.host.id, request })
  t.same(await b.rpc.request(a.host.id, 'votes', request, options), { from: b.host.id, request })
  t.same(a.host.links.length, 1)
})

t.test('a megabyte is a plain Uint8Array on the other side, and small requests overtake it', async (t) => {
  const [a, b] = await linkedPair(t)
  const order: string[] = []
  b.rpc.handle('votes', async (_from, request) => {
    order.push(typeof request === 'string' ? 'small' : 'large')
    return request
  })
  await a.rpc.request(b.host.id, 'votes', 'opens the stream', options)
  const large = new Uint8Array(6 * 1024 * 1024).map((_, i) => i % 251)
  const [echo] = await Promise.all([
    a.rpc.request(b.host.id, 'votes', large, options),
    a.rpc.request(b.host.id, 'votes', 'tiny', options),
  ])
  t.equal((echo as Uint8Array).constructor.name, 'Uint8Array')
  t.ok(Buffer.compare(echo as Uint8Array, large) === 0, 'every byte arrived')
  t.same(order, ['small', 'small', 'large'])
})

t.test('answers come in the order they are ready', async (t) => {
  const [a, b] = await linkedPair(t)
  const gates = new Map<number, () => void>()
  b.rpc.handle('votes', async (_from, request) => {
    await new Promise<void>((resolve) => gates.set(request as number, resolve))
    return request
  })
  const done: unknown[] = []
  const asked = [1, 2, 3].map((n) =>
    a.rpc.request(b.host.id, 'votes', n, options).then((answer) => done.push(answer)),
  )
  await until(() => gates.size === 3)
  for (const n of [2, 3, 1]) {
    gates.get(n)!()
    await until(() => done.includes(n))
  }
  await Promise.all(asked)
  t.same(done, [2, 3, 1])
})

t.test('no answer in time is RPC_TIMEOUT; the caller may also give up by itself', async (t) => {
  const [a, b] = await linkedPair(t)
  b.rpc.handle('votes', () => new Promise(() => {}))
  await t.rejects(a.rpc.request(b.host.id, 'votes', 1, { timeoutMs: 30 }), { code: 'RPC_TIMEOUT' })
  const abort = new AbortController()
  const asked = a.rpc.request(b.host.id, 'votes', 1, { ...options, signal: abort.signal })
  abort.abort(new Error('enough'))
  await t.rejects(asked, { message: 'enough' })
  t.equal(a.host.links.length, 1, 'the link stays')
})

t.test("a handler's SeracError travels; anything else becomes INTERNAL and stays in the log", async (t) => {
  const lines: string[] = []
  const [a, b] = await linkedPair(t, { ...silentLog, error: (_fields, message) => void lines.push(message) })
  b.rpc.handle('votes', async (_from, request) => {
    if (request === 1) throw new ClusterError('NOT_VOTING', 'not now', { since: 7 })
    if (request === 2) throw new ClusterError('NOT_VOTING', 'not now', { cannot: () => {} })
    if (request === 3) throw new Error('secret path')
    return { cannot: () => {} }
  })
  const failure = await a.rpc.request(b.host.id, 'votes', 1, options).catch((error: unknown) => error)
  t.ok(failure instanceof SeracError)
  t.match(failure, { code: 'NOT_VOTING', message: 'not now', fields: { since: 7 } })
  await t.rejects(a.rpc.request(b.host.id, 'votes', 2, options), { code: 'NOT_VOTING' })
  t.equal(lines.length, 0)
  for (const request of [3, 4]) {
    const error = await a.rpc.request(b.host.id, 'votes', request, options).catch((e: unknown) => e)
    t.equal((error as SeracError).code, 'INTERNAL')
    t.notMatch((error as Error).message, 'secret')
  }
  t.equal(lines.length, 2)
})

t.test('a request to oneself is a call', async (t) => {
  const [a] = await linkedPair(t)
  const request = { same: 'object' }
  await t.rejects(a.rpc.request(a.host.id, 'votes', request, options), { code: 'UNKNOWN_OPERATION' })
  a.rpc.handle('votes', async (from, got) => {
    if (got !== request) throw new Error('copied')
    return from
  })
  t.equal(await a.rpc.request(a.host.id, 'votes', request, options), a.host.id)
  await t.rejects(a.rpc.request(a.host.id, 'votes', 'other', options), { code: 'INTERNAL' })
})

t.test('over the quota a request waits; over the queue it fails', async (t) => {
  const [a, b] = await linkedPair(t)
  const { inFlightMax, queueMax } = PROTOCOLS.admission
  const open: (() => void)[] = []
  let most = 0
  let running = 0
  b.rpc.handle('admission', async () => {
    most = Math.max(most, ++running)
    await new Promise<void>((resolve) => open.push(resolve))
    running--
  })
  const count = inFlightMax + queueMax
  const asked = Array.from({ length: count }, () => a.rpc.request(b.host.id, 'admission', null, options))
  await t.rejects(a.rpc.request(b.host.id, 'admission', null, options), { code: 'PEER_BUSY' })
  for (let i = 0; i < count; i++) {
    await until(() => open.length > 0)
    open.shift()!()
  }
  await Promise.all(asked)
  t.equal(most, inFlightMax)
})

t.test('requests that the caller gave up on still count at the peer', async (t) => {
  const [a, b] = await linkedPair(t)
  let calls = 0
  b.rpc.handle('hello', () => {
    calls++
    return new Promise(() => {})
  })
  const { inFlightMax } = PROTOCOLS.hello
  for (let i = 0; i < inFlightMax; i++) {
    const abort = new AbortController()
    const asked = a.rpc.request(b.host.id, 'hello', null, { ...options, signal: abort.signal })
    await until(() => calls === i + 1)
    abort.abort(new Error('gave up'))
    await t.rejects(asked, { message: 'gave up' })
  }
  await t.rejects(a.rpc.request(b.host.id, 'hello', null, options), { code: 'PEER_BUSY' })
  t.equal(calls, inFlightMax)
})

t.test('a broken link fails everything under way at once, and later requests too', async (t) => {
  const [a, b] = await linkedPair(t)
  let calls = 0
  b.rpc.handle('votes', () => {
    calls++
    return new Promise(() => {})
  })
  const asked = [1, 2, 3].map((n) => a.rpc.request(b.host.id, 'votes', n, options))
  await until(() => calls === 3)
  b.host.links[0]!.close('test')
  for (const request of asked) await t.rejects(request, { code: 'PEER_UNREACHABLE' })
  await t.rejects(a.rpc.request(b.host.id, 'votes', 4, options), { code: 'PEER_UNREACHABLE' })
})

t.test('a message over the cap is refused before it is sent, and the stream lives on', async (t) => {
  const [a, b] = await linkedPair(t)
  b.rpc.handle('votes', async (_from, request) =>
    request === 'huge' ? new Uint8Array(MESSAGE_BYTES_MAX) : 'ok',
  )
  t.equal(await a.rpc.request(b.host.id, 'votes', 'small', options), 'ok')
  const tooLarge = new Uint8Array(MESSAGE_BYTES_MAX)
  await t.rejects(a.rpc.request(b.host.id, 'votes', tooLarge, options), { code: 'MESSAGE_TOO_LARGE' })
  await t.rejects(a.rpc.request(b.host.id, 'votes', 'huge', options), { code: 'MESSAGE_TOO_LARGE' })
  t.equal(await a.rpc.request(b.host.id, 'votes', 'small', options), 'ok')
})

t.test('another cluster is refused before the handler runs', async (t) => {
  const [a, b] = await linkedPair(t, silentLog, ['one', 'two'])
  b.rpc.handle('votes', async () => t.fail('must not run'))
  b.rpc.handle('admission', async () => 'heard')
  const error = await a.rpc.request(b.host.id, 'votes', 1, options).catch((e: unknown) => e)
  t.match(error, { code: 'FOREIGN_CLUSTER', fields: { clusterId: 'two', theirClusterId: 'one' } })
  t.equal(await a.rpc.request(b.host.id, 'admission', 1, options), 'heard', 'joining decides for itself')
})
