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
