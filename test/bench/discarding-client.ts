/**
 * Receives one answer to nowhere, by way of one buffer that is used again and again. A client shares the machine with what
 * it measures, and curl is no cheap one: the less a client takes, the more a difference between servers shows.
 */
import { connect } from 'node:net'
import { HEAD_BYTES_MAX, parseHead, requestBytes } from './http-connection.ts'

/** As much as a core's own cache holds beside the rest. */
const BUFFER_BYTES = 256 * 1024

/** Gets `path` and throws unless it is answered with `status` and all the bytes that are announced. */
export function discard(port: number, path: string, status: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES)
    const answer = new DiscardedAnswer(path, status)
    const onBytes = (count: number): boolean => {
      try {
        if (answer.take(buffer.subarray(0, count))) socket.destroy()
        return true
      } catch (error) {
        socket.destroy(error as Error)
        return false
      }
    }
    const socket = connect({ port, host: '127.0.0.1', onread: { buffer, callback: onBytes } })
    socket.once('connect', () => socket.write(requestBytes('GET', path, { connection: 'close' })))
    socket.once('error', reject)
    socket.once('close', () => (answer.isWhole ? resolve() : reject(answer.cut())))
  })
}

class DiscardedAnswer {
  readonly #path: string
  readonly #status: number
  #head: Buffer | null = Buffer.alloc(0)
  #receivedBytes = 0
  #announcedBytes = 0

  constructor(path: string, status: number) {
    this.#path = path
    this.#status = status
  }

  get isWhole(): boolean {
    return this.#head === null && this.#receivedBytes === this.#announcedBytes
  }

  /** Answers whether that was the end. */
  take(piece: Buffer): boolean {
    if (this.#head === null) this.#receivedBytes += piece.length
    else this.#takeHead(Buffer.concat([this.#head, piece]))
    if (this.#receivedBytes > this.#announcedBytes) throw this.cut()
    return this.isWhole
  }

  cut(): Error {
    return new Error(`${this.#path}: ${this.#receivedBytes} bytes of ${this.#announcedBytes} came`)
  }

  #takeHead(received: Buffer): void {
    const head = parseHead(received)
    if (head === null && received.length > HEAD_BYTES_MAX) throw new Error(`${this.#path}: no answer's head`)
    this.#head = head === null ? received : null
    if (head === null) return
    if (head.status !== this.#status) throw new Error(`${this.#path} was answered ${head.status}`)
    this.#announcedBytes = head.endsAt - head.bodyAt
    this.#receivedBytes = received.length - head.bodyAt
  }
}
