/** A small HTTP server of a test, closed with it. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'

export interface LocalAnswer {
  status: number
  headers?: Record<string, string>
  body?: string | Buffer
}

/** Resolves with its URL. What the handler throws is a 500. */
export async function localServer(
  t: Test,
  handle: (request: IncomingMessage, url: URL) => Promise<LocalAnswer | null>,
): Promise<string> {
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const said = await handle(request, new URL(request.url ?? '/', 'http://local'))
    // Null: the handler has seen to it.
    if (said) response.writeHead(said.status, said.headers).end(said.body)
  }
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    return new Promise<void>((resolve) => server.close(() => resolve()))
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A server of some protocol, in memory: what it is asked is written down, and may be answered by a fault. */
export abstract class StandIn {
  url = ''
  /** `METHOD path`, in turn. */
  readonly calls: string[] = []
  /** Asked before each request; what it answers is the answer. */
  fault: (call: string) => LocalAnswer | null = () => null

  async listen(t: Test): Promise<void> {
    this.url = await localServer(t, async (request, url) => {
      const body = await bodyOf(request)
      const call = `${request.method} ${url.pathname}${url.search}`
      this.calls.push(call)
      return this.fault(call) ?? this.answer(request, url, body)
    })
  }

  protected abstract answer(request: IncomingMessage, url: URL, body: Buffer): LocalAnswer
}

export async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece as Buffer)
  return Buffer.concat(pieces)
}

/** Answers a GET, with or without a range. */
export function ranged(bytes: Buffer, range: string | undefined): LocalAnswer {
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? []
  if (first === undefined) return { status: 200, body: bytes }
  if (Number(first) >= bytes.length) return { status: 416 }
  const part = bytes.subarray(Number(first), Number(last) + 1)
  const end = Number(first) + part.length - 1
  return { status: 206, headers: { 'content-range': `bytes ${first}-${end}/${bytes.length}` }, body: part }
}
