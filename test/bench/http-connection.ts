/**
 * One keep-alive HTTP/1.1 connection with one request under way at a time. Written on sockets because the load generator
 * shares the machine with what it measures: node's own client costs as much as a node's answer.
 */
import { connect, type Socket } from 'node:net'

export interface RawAnswer {
  status: number
  body: Buffer
}

const HEAD_END = Buffer.from('\r\n\r\n')
const STATUS_AT = 'HTTP/1.1 '.length
const STATUS_DIGITS = 3
/** No server of ours answers with more. */
export const HEAD_BYTES_MAX = 16 * 1024

export class HttpConnection {
  readonly #socket: Socket
  #received: Buffer = Buffer.alloc(0)
  /** Where the answer under way ends; null until its head is there. */
  #answer: { status: number; bodyAt: number; endsAt: number } | null = null
  #waiting: { resolve: (answer: RawAnswer) => void; reject: (error: Error) => void } | null = null

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.on('data', (bytes) => this.#receive(bytes))
    socket.on('error', (error) => this.#fail(error))
    socket.on('close', () => this.#fail(new Error('the node closed the connection')))
  }

  static open(port: number): Promise<HttpConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1')
      socket.once('error', reject)
      socket.once('connect', () => resolve(new HttpConnection(socket)))
    })
  }

  /** Sends a whole request; see `requestBytes`. */
  send(request: Buffer): Promise<RawAnswer> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      this.#socket.write(request)
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #receive(bytes: Buffer): void {
    this.#received = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes])
    this.#answer ??= parseHead(this.#received)
    if (!this.#answer || this.#received.length < this.#answer.endsAt) return
    const { status, bodyAt, endsAt } = this.#answer
    const body = this.#received.subarray(bodyAt, endsAt)
    this.#received = this.#received.subarray(endsAt)
    this.#answer = null
    this.#waiting?.resolve({ status, body })
  }

  #fail(error: Error): void {
    this.#waiting?.reject(error)
  }
}

/** Null while it is not whole. `endsAt` is where the announced body ends. */
export function parseHead(bytes: Buffer) {
  const headEnd = bytes.indexOf(HEAD_END)
  if (headEnd < 0) return null
  const head = bytes.toString('latin1', 0, headEnd)
  const bodyAt = headEnd + HEAD_END.length
  const bodyBytes = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
  return {
    status: Number(head.slice(STATUS_AT, STATUS_AT + STATUS_DIGITS)),
    bodyAt,
    endsAt: bodyAt + bodyBytes,
  }
}

/** A request as it goes over the wire; `body` is sent as it is. */
export function requestBytes(
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  body: string | Buffer = '',
): Buffer {
  const length = body.length === 0 ? {} : { 'content-length': String(Buffer.byteLength(body)) }
  const lines = Object.entries({ host: '127.0.0.1', ...headers, ...length }).map(
    ([name, value]) => `${name}: ${value}`,
  )
  const head = Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`)
  return Buffer.concat([head, Buffer.from(body)])
}
