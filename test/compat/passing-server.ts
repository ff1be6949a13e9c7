/** A server between a client and a node, which changes what passes by. */
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream/promises'
import type { Test } from 'tap'

export interface Passing {
  /** Added to each request. */
  headers?: Readonly<Record<string, string>>
  /** What becomes of the body of the answer for `path`; as it is when not given. */
  body?: (path: string, answer: IncomingMessage) => AsyncIterable<Buffer>
}

/** Listens until `t` ends; resolves with the URL that takes the place of `nodeUrl`. */
export async function passingServer(t: Test, nodeUrl: string, passing: Passing): Promise<string> {
  const server = createServer((incoming, outgoing) => {
    // A broken connection is the client's to notice.
    passOn(nodeUrl, passing, incoming, outgoing).catch(() => outgoing.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function passOn(
  nodeUrl: string,
  { headers: added = {}, body = (_path, answer) => answer }: Passing,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const { method = 'GET', url = '/', headers } = incoming
  // The client's Host stays, so that links in answers lead back here.
  const sent = request(new URL(url, nodeUrl), { method, headers: { ...headers, ...added } })
  const answered = once(sent, 'response') as Promise<[IncomingMessage]>
  const [[answer]] = await Promise.all([answered, pipeline(incoming, sent)])
  outgoing.writeHead(answer.statusCode ?? 0, answer.headers)
  await pipeline(body(url, answer), outgoing)
}
