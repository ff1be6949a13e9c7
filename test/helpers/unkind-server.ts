/** A server that does not mean well: what goes wrong is in its paths. */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'
import type { Test } from 'tap'
import { patternImage } from './pattern-image.ts'

export const HELLO = Buffer.from('hello')
const MIB = 1024 ** 2
const SEED = 7
/** More than any node of the probes lets an image be. */
const ENDLESS_BYTES = 4096 * MIB

/** What comes, where something comes, has so many bytes. */
export const largeImage = (sizeBytes: number) => patternImage(sizeBytes, SEED)

/** Runs until `t` ends; answers its URL. */
export async function unkindServer(t: Test, largeBytes: number): Promise<string> {
  const sockets = new Set<Socket>()
  const answers = answersOf(largeBytes)
  const server = createServer(({ url = '' }, response) => {
    response.on('error', () => {})
    const answer = answers[url] ?? hello
    answer(response)
  })
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    // Whoever has heard enough hangs up.
    socket.on('error', () => {})
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

type Answer = (response: ServerResponse) => void

const hello: Answer = (response) => {
  response.writeHead(200, { 'content-length': HELLO.length }).end(HELLO)
}

function answersOf(largeBytes: number): Readonly<Record<string, Answer>> {
  const nearlyAll = largeBytes - MIB
  const redirect =
    (location: string, bodyBytes = 0): Answer =>
    (response) =>
      sendTo(response.writeHead(302, { location, 'content-length': bodyBytes }), bodyBytes)
  /** `saidBytes`: null, nothing is said of its length. `then`: what follows. */
  const sending =
    (sentBytes: number, saidBytes: number | null, then: Answer = (response) => response.end()): Answer =>
    (response) => {
      response.writeHead(200, saidBytes === null ? {} : { 'content-length': saidBytes })
      sendTo(response, sentBytes, then)
    }
  const cut: Answer = (response) => response.socket?.destroy()
  const nothing: Answer = () => {}
  return {
    '/large': sending(largeBytes, largeBytes),
    '/large-in-chunks': sending(largeBytes, null),
    '/large-behind-redirect': redirect('/large', largeBytes),
    '/large-cut': sending(nearlyAll, largeBytes, cut),
    '/large-cut-in-chunks': sending(nearlyAll, null, cut),
    '/large-stalls': sending(nearlyAll, largeBytes, nothing),
    '/large-stalls-in-chunks': sending(nearlyAll, null, nothing),
    '/large-less-than-said': sending(largeBytes, largeBytes + 1, cut),
    '/large-more-than-said': raw(nearlyAll, largeBytes),
    '/large-of-nothing': (response) => sendTo(response.writeHead(404), largeBytes),
    '/large-loopback': redirect('http://127.0.0.2:80/', largeBytes),
    '/good-redirect': redirect('/hello'),
    '/loop': redirect('/loop'),
    '/loopback': redirect('http://127.0.0.2:80/'),
    '/operator': redirect('http://127.0.0.1:9295/v1/cluster/status'),
    '/metadata': redirect('http://169.254.169.254/latest/'),
    '/file': redirect('file:///etc/passwd'),
    '/missing': (response) => response.writeHead(404).end(),
    '/cut': sending(MIB, 2 * MIB, cut),
    '/cut-in-chunks': sending(MIB, null, cut),
    '/more-than-said': raw(3, HELLO.length, HELLO),
    '/too-large': sending(MIB, ENDLESS_BYTES, nothing),
    '/endless': sending(ENDLESS_BYTES, null),
    '/zipped': (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(HELLO),
    '/stalls': sending(MIB, 2 * MIB, nothing),
  }
}

/** Past HTTP: Node.js would not send more than it has said. */
function raw(saidBytes: number, sentBytes: number, body?: Buffer): Answer {
  return ({ socket }) => {
    socket?.write(`HTTP/1.1 200 OK\r\ncontent-length: ${saidBytes}\r\nconnection: close\r\n\r\n`)
    if (!socket) return
    const bytes = body ? [body] : largeImage(sentBytes)
    void pipeline(bytes, socket).catch(() => {})
  }
}

function sendTo(response: ServerResponse, sizeBytes: number, then: Answer = (ended) => ended.end()): void {
  // Whoever has heard enough hangs up.
  void pipeline(largeImage(sizeBytes), response, { end: false }).then(
    () => then(response),
    () => {},
  )
}
