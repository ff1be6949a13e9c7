/** A bad wire: passes requests on to a node, and flips one bit of every image's data on the way back. */
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream/promises'
import type { Test } from 'tap'

/** Listens until `t` ends; resolves with the URL that takes the place of `nodeUrl`. */
export async function bitFlipper(t: Test, nodeUrl: string): Promise<string> {
  const server = createServer((incoming, outgoing) => {
    // A broken connection is the client's to notice.
    passOn(nodeUrl, incoming, outgoing).catch(() => outgoing.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function passOn(nodeUrl: string, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const { method = 'GET', url = '/', headers } = incoming
  // The client's Host stays, so that links in answers lead back here.
  const sent = request(new URL(url, nodeUrl), { method, headers })
  const answered = once(sent, 'response') as Promise<[IncomingMessage]>
  const [[answer]] = await Promise.all([answered, pipeline(incoming, sent)])
  outgoing.writeHead(answer.statusCode ?? 0, answer.headers)
  await pipeline(url.endsWith('/file') ? flipFirstBit(answer) : answer, outgoing)
}

async function* flipFirstBit(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let isFirst = true
  for await (const bytes of source) {
    if (isFirst && bytes[0] !== undefined) bytes[0] ^= 1
    isFirst = false
    yield bytes
  }
}
