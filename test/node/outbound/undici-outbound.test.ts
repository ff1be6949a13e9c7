import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { createIdentity } from '../../../cluster/network/identity.ts'
import { systemRandom } from '../../../cluster/runtime.ts'
import { createBulkCredentials } from '../../../cluster/transfer/bulk-certificate.ts'
import type { OutboundRequest } from '../../../node/outbound/outbound-http.ts'
import { OutboundRules } from '../../../node/outbound/outbound-rules.ts'
import { UndiciOutbound, type OutboundLimits, type Resolve } from '../../../node/outbound/undici-outbound.ts'

const BYTES = Buffer.from('the bytes of an image')
const REFUSED = { code: 'OUTBOUND_REFUSED' }
const FAILED = { code: 'OUTBOUND_FAILED' }
const limits: OutboundLimits = { connectMs: 300, headMs: 1000, pauseMs: 1000, totalMs: 20_000 }

function outboundOf({
  resolve,
  allowedAddresses = ['127.0.0.1'],
  ca = null,
  insecure = false,
  ...own
}: {
  resolve?: Resolve
  allowedAddresses?: string[]
  ca?: string | null
  insecure?: boolean
} & Partial<OutboundLimits> = {}) {
  const none: string[] = []
  const rules = new OutboundRules({
    allowedSchemes: ['http', 'https'],
    disallowedSchemes: none,
    allowedHosts: none,
    disallowedHosts: ['closed.example'],
    allowedPorts: [],
    disallowedPorts: [],
    allowedAddresses,
    disallowedAddresses: none,
  })
  return new UndiciOutbound({ rules, ...(resolve && { resolve }) }, { ca, insecure, ...limits, ...own })
}

async function serve(t: Test, listener: RequestListener): Promise<string> {
  return `http://127.0.0.1:${await listen(t, createServer(listener))}`
}

async function listen(t: Test, server: Server | ReturnType<typeof createTcpServer>): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => sockets.add(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** The timers of the product keep no process alive. */
const alive = setInterval(() => {}, 1000)
t.teardown(() => clearInterval(alive))

const get = (url: string, fields: Partial<OutboundRequest> = {}): OutboundRequest => ({
  url,
  method: 'GET',
  sizeBytesMax: 1000,
  signal: new AbortController().signal,
  ...fields,
})

async function bodyOf(outbound: UndiciOutbound, request: OutboundRequest): Promise<string> {
  const answer = await outbound.send(request)
  try {
    const pieces: Uint8Array[] = []
    for await (const piece of answer.body) pieces.push(piece)
    return Buffer.concat(pieces).toString()
  } finally {
    await answer.close()
  }
}

t.test('fetches bytes, or a range of them, as they are', async (t) => {
  const seen: (string | undefined)[] = []
  const base = await serve(t, ({ headers }, response) => {
    seen.push(headers.range, headers['accept-encoding'])
    response.writeHead(200, { 'content-length': BYTES.length }).end(BYTES)
  })
  t.equal(await bodyOf(outboundOf(), get(base)), BYTES.toString())
  await bodyOf(outboundOf(), get(base, { range: { start: 2, end: 5 } }))
  t.strictSame(seen, [undefined, 'identity', 'bytes=2-5', 'identity'])
  const head = await outboundOf().send(get(base, { method: 'HEAD' }))
  t.match(head, { status: 200, lengthBytes: BYTES.length })
  await head.close()
})

t.test('credentials go to the server that they are for, and into no message', async (t) => {
  const seen: (string | undefined)[] = []
  const other = await serve(t, ({ headers }, response) => {
    seen.push(headers.authorization)
    response.end('other')
  })
  const base = await serve(t, ({ headers, url }, response) => {
    seen.push(headers.authorization)
    if (url === '/moved') response.writeHead(302, { location: `${other}/x` }).end()
    else if (url?.startsWith('/cut'))
      response.writeHead(200, { 'content-length': 100 }).write('x', () => response.destroy())
    else response.end('here')
  })
  const withUser = base.replace('//', '//user:p%40ss@')
  const expected = `Basic ${Buffer.from('user:p@ss').toString('base64')}`
  await bodyOf(outboundOf(), get(`${withUser}/`))
  await bodyOf(outboundOf(), get(`${withUser}/moved`))
  t.strictSame(seen, [expected, expected, undefined])
  const error = await bodyOf(outboundOf(), get(`${withUser}/cut?signature=secret`)).catch(String)
  t.match(error, /\/cut cannot be fetched/)
  t.notMatch(error, /p%40ss|p@ss|secret/)
})

t.test('headers of the request go to the server that they are for, and to no other', async (t) => {
  const seen: unknown[] = []
  const other = await serve(t, ({ headers }, response) => {
    seen.push(headers['x-auth-token'])
    response.end('other')
  })
  const base = await serve(t, ({ headers, url }, response) => {
    seen.push(headers['x-auth-token'])
    const location = url === '/here' ? '/end' : `${other}/x`
    if (url === '/end') response.end('here')
    else response.writeHead(302, { location }).end()
  })
  const headers = { 'x-auth-token': 'secret' }
  await bodyOf(outboundOf(), { ...get(`${base}/here`), headers })
  await bodyOf(outboundOf(), { ...get(`${base}/moved`), headers })
  t.strictSame(seen, ['secret', 'secret', 'secret', undefined])
})

t.test('each hop of a redirect is asked about', async (t) => {
  const inner = await serve(t, (_request, response) => response.end('inner'))
  const innerPort = new URL(inner).port
  const base = await serve(t, ({ url = '' }, response) => {
    const location = decodeURIComponent(url.slice(1))
    response.writeHead(302, { location }).end()
  })
  const to = (location: string) => get(`${base}/${encodeURIComponent(location)}`)
  t.equal(await bodyOf(outboundOf(), to(inner)), 'inner')
  t.equal(await bodyOf(outboundOf(), to(`//127.0.0.1:${innerPort}/x`)), 'inner')
  for (const location of [
    'http://169.254.169.254/latest/',
    `http://[::1]:${innerPort}/`,
    `http://[::ffff:127.0.0.2]:${innerPort}/`,
    `http://0x7f.1:${innerPort}/`,
    `//2130706433:${innerPort}/`,
    `\\\\127.0.0.1:${innerPort}/`,
    'http://closed.example/',
    'file:///etc/passwd',
    'ftp://127.0.0.1/',
  ])
    await t.rejects(outboundOf().send(to(location)), REFUSED, location)
  const loop = await serve(t, (_request, response) => response.writeHead(301, { location: '/again' }).end())
  await t.rejects(outboundOf().send(get(loop)), { ...FAILED, message: /too often/ })
})

t.test('a name is checked by all that it leads to, and resolved once', async (t) => {
  const base = await serve(t, (_request, response) => response.end('pinned'))
  const { port } = new URL(base)
  let asked = 0
  // The first answer is what is checked; the second is what the name would lead to when it is connected to.
  const rebinding: Resolve = async () => (++asked === 1 ? ['127.0.0.1'] : ['127.0.0.66'])
  t.equal(await bodyOf(outboundOf({ resolve: rebinding }), get(`http://name.example:${port}/`)), 'pinned')
  t.equal(asked, 1)
  for (const addresses of [['127.0.0.66'], ['127.0.0.1', '169.254.169.254'], ['::ffff:127.0.0.66'], ['::1']])
    await t.rejects(
      outboundOf({ resolve: async () => addresses }).send(get(`http://name.example:${port}/`)),
      REFUSED,
      addresses.join(' '),
    )
  await t.rejects(outboundOf({ resolve: async () => [] }).send(get('http://name.example/')), FAILED)
  await t.rejects(outboundOf({ allowedAddresses: [] }).send(get(`http://localhost:${port}/`)), REFUSED)
})

t.test('a name that is not resolved in time ends the wait', async (t) => {
  const never: Resolve = () => new Promise(() => {})
  await t.rejects(outboundOf({ resolve: never }).send(get('http://slow.example/')), {
    ...FAILED,
    message: /too long/,
  })
})

t.test('servers that break off, lie, drip or say nothing', async (t) => {
  const base = await serve(t, ({ url }, response) => {
    if (url === '/short')
      response.writeHead(200, { 'content-length': 100 }).write('x', () => response.socket?.end())
    if (url === '/chunked-cut') response.write('x', () => response.socket?.destroy())
    if (url === '/large') response.writeHead(200, { 'content-length': 1001 }).end(Buffer.alloc(1001))
    if (url === '/endless') response.write(Buffer.alloc(2000))
    if (url === '/stall') response.writeHead(200, { 'content-length': 100 }).write('x')
    if (url === '/gzip') response.writeHead(200, { 'content-encoding': 'gzip' }).end('x')
  })
  for (const path of ['/short', '/chunked-cut', '/large', '/endless', '/stall', '/gzip', '/silent'])
    await t.rejects(bodyOf(outboundOf(), get(base + path)), FAILED, path)
  let isDripping = true
  t.teardown(() => (isDripping = false))
  const drip = await serve(t, (_request, response) => {
    const timer = setInterval(() => (isDripping ? response.write('x') : clearInterval(timer)), 100)
  })
  await t.rejects(bodyOf(outboundOf({ totalMs: 1500 }), get(drip)), { ...FAILED, message: /too long/ })
})

t.test('bytes after the end, and what is no HTTP at all', async (t) => {
  const answers = ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabMORE', 'SSH-2.0-OpenSSH_9.2\r\n']
  for (const [index, answer] of answers.entries()) {
    const port = await listen(
      t,
      createTcpServer((socket) => socket.on('error', () => {}).end(answer)),
    )
    const body = await bodyOf(outboundOf(), get(`http://127.0.0.1:${port}/`)).catch((error: unknown) => error)
    if (index === 0) t.ok(body === 'ab' || body instanceof Error)
    else t.match(body, FAILED)
  }
})

t.test('whoever asked can stop', async (t) => {
  const base = await serve(t, (_request, response) => void response.write('x'))
  const stop = new AbortController()
  const answer = await outboundOf().send(get(base, { signal: stop.signal }))
  const reason = new Error('not wanted any more')
  setTimeout(() => stop.abort(reason), 20)
  await t.rejects(
    (async () => {
      for await (const piece of answer.body) t.equal(piece.length, 1)
    })(),
    reason,
  )
  await answer.close()
})

t.test('a server is who its certificate says, for the name in the URL', async (t) => {
  const { cert, key } = createBulkCredentials(createIdentity(systemRandom))
  const port = await listen(
    t,
    createTlsServer({ cert, key }, (_request, response) => response.end('secure')),
  )
  const plain = await serve(t, (_request, response) => response.end('plain'))
  const redirecting = createTlsServer({ cert, key }, (_request, response) =>
    response.writeHead(302, { location: plain }).end(),
  )
  const redirectingPort = await listen(t, redirecting)
  const url = `https://127.0.0.1:${port}/`
  await t.rejects(outboundOf().send(get(url)), { ...FAILED, message: /self-signed/ })
  await t.rejects(outboundOf({ ca: cert }).send(get(url)), FAILED, 'another name')
  t.equal(await bodyOf(outboundOf({ insecure: true }), get(url)), 'secure')
  const downgrade = get(`https://127.0.0.1:${redirectingPort}/`)
  await t.rejects(outboundOf({ insecure: true }).send(downgrade), { ...FAILED, message: /away from TLS/ })
})

t.test('headers of a request go to its own origin alone, wherever it redirects to', async (t) => {
  const seen: (string | undefined)[] = []
  const elsewhere = await serve(t, ({ headers }, response) => {
    seen.push(headers['x-auth-token'] as string | undefined)
    response.end('there')
  })
  const url = await serve(t, ({ headers, url: path }, response) => {
    seen.push(headers['x-auth-token'] as string | undefined)
    response.writeHead(302, { location: path === '/' ? '/second' : `${elsewhere}/` }).end()
  })
  t.equal(await bodyOf(outboundOf(), get(`${url}/`, { headers: { 'x-auth-token': 'secret' } })), 'there')
  t.strictSame(seen, ['secret', 'secret', undefined])
})
