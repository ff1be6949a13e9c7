/** What requests cost on the wire: frames of the multiplexer and TLS records, counted where they leave. */
import { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import { type BareNode, linkedPair } from '../../helpers/control-nodes.ts'

const options = { timeoutMs: 20_000 }
const REQUESTS = 20
/** TLS 1.3: a header of 5 bytes that ends with the length of the rest. */
const RECORD_HEADER_BYTES = 5

/** Two of which the second answers with what it was asked. */
async function echoing(t: Test): Promise<[BareNode, BareNode]> {
  const [a, b] = await linkedPair(t)
  b.rpc.handle('votes', async (_from, request) => request)
  return [a, b]
}

/** Counts the records that all sockets of this process write until `done` ends. */
async function recordsDuring(t: Test, done: () => Promise<unknown>): Promise<number> {
  let records = 0
  const count = (bytes: Buffer) => {
    for (let at = 0; at + RECORD_HEADER_BYTES <= bytes.length; records++)
      at += RECORD_HEADER_BYTES + bytes.readUInt16BE(at + RECORD_HEADER_BYTES - 2)
  }
  const write = Reflect.get(Socket.prototype, 'write') as (this: Socket) => boolean
  const written = t.capture(Socket.prototype, 'write', write)
  await done()
  written.restore()
  for (const { args, receiver } of written())
    if (args[0] instanceof Uint8Array && !(receiver instanceof TLSSocket)) count(Buffer.from(args[0]))
  return records
}

t.test('a request and its answer are one TLS record each', async (t) => {
  const [a, b] = await echoing(t)
  const ask = (n: number) => a.rpc.request(b.host.id, 'votes', { n }, options)
  await ask(0)
  const records = await recordsDuring(t, async () => {
    for (let n = 1; n <= REQUESTS; n++) await ask(n)
  })
  t.equal(records, 2 * REQUESTS)
})

t.test('what is asked within one turn of the event loop is one record, and so are the answers', async (t) => {
  const [a, b] = await echoing(t)
  const ask = (n: number) => a.rpc.request(b.host.id, 'votes', { n }, options)
  await ask(0)
  const records = await recordsDuring(t, () =>
    Promise.all(Array.from({ length: REQUESTS }, (_, n) => ask(n))),
  )
  t.equal(records, 2)
})

t.test('room in a stream is reported while there is some left, however much goes through', async (t) => {
  const [a, b] = await echoing(t)
  const request = Buffer.alloc(200_000, 'x')
  for (let n = 0; n < REQUESTS; n++) {
    const answer = await a.rpc.request(b.host.id, 'votes', new Uint8Array(request), options)
    t.ok(request.equals(answer as Uint8Array))
  }
})
