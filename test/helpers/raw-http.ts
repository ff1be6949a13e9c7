/** HTTP by hand, for what no client library would send. */
import { connect } from 'node:net'
import type { Socket } from 'node:net'

/** Sends `bytes` and resolves with all that came back when the server closed, however it did. */
export function exchange(port: number, bytes: string | Buffer): Promise<string> {
  return readAll(sendTo(port, bytes))
}

/** The same, but closes its own side after `bytes`: a request cut short is then seen as such. */
export function exchangeAndEnd(port: number, bytes: string | Buffer): Promise<string> {
  return readAll(sendTo(port, bytes).end())
}

/** Opens a connection and sends `bytes`. */
export function sendTo(port: number, bytes: string | Buffer): Socket {
  const socket = connect(port, '127.0.0.1')
  // A reset is one of the ways to close; what came before it counts.
  socket.on('error', () => {})
  socket.write(bytes)
  return socket
}

export async function readAll(socket: Socket): Promise<string> {
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  await new Promise<void>((resolve) => socket.once('close', () => resolve()))
  return Buffer.concat(chunks).toString('latin1')
}

/** Resolves with what came so far as soon as it contains `text`; rejects when the connection closes before. */
export function readUntil(socket: Socket, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let seen = ''
    const onData = (chunk: Buffer) => {
      seen += chunk.toString('latin1')
      if (!seen.includes(text)) return
      socket.off('data', onData)
      resolve(seen)
    }
    socket.on('data', onData)
    socket.once('close', () => reject(new Error(`closed after ${JSON.stringify(seen.slice(0, 200))}`)))
  })
}

/** A request head with Host, ended. */
export function head(line: string, headers: Record<string, string | number> = {}): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `${line} HTTP/1.1\r\nHost: serac.test\r\n${lines.join('')}\r\n`
}
