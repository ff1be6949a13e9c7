/** HTTP to a back end that the operator has named: bounded in time, tried again where that does no harm. */
import { Readable } from 'node:stream'
import { Agent, type Dispatcher, request } from 'undici'
import { sleep, type Clock } from '../../cluster/runtime.ts'
import { BackendError, type BackendErrorCode } from './backend.ts'

export interface BackendHttpOptions {
  /** Of the store, for messages. */
  id: string
  /** Authorities that vouch for the server, PEM; null = those that Node.js knows. */
  ca: string | null
  insecure: boolean
}

export interface BackendRequest {
  method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE'
  url: string
  headers: Record<string, string>
  body?: Uint8Array | AsyncIterable<Uint8Array>
  signal: AbortSignal
}

export interface BackendAnswer {
  status: number
  /** Lower-case names. */
  headers: Readonly<Record<string, string>>
  /** Of Set-Cookie, each as it came. */
  cookies: readonly string[]
  /** To be read, or `drop`ped. */
  body: Dispatcher.ResponseData['body']
}

/** A machine next door that does not take a connection by then is down, ms. */
const CONNECT_MS = 5000
/** From the last byte of a request to the head of the answer, ms: to put many parts together takes a server a while. */
const HEAD_MS = 60_000
/** Between two pieces of a body, ms. */
const PAUSE_MS = 30_000
/** To one back end. */
const CONNECTIONS_MAX = 64
/** Of answers that are not images: listings are shorter, and messages should be. */
const TEXT_BYTES_MAX = 4 * 1024 * 1024
/** Another server may answer behind the same address. */
const TRIES_MAX = 3
const RETRY_PAUSE_MS = 300

export class BackendHttp {
  readonly #agent: Agent
  readonly #clock: Clock
  readonly #id: string

  constructor(clock: Clock, { id, ca, insecure }: BackendHttpOptions) {
    this.#clock = clock
    this.#id = id
    this.#agent = new Agent({
      connections: CONNECTIONS_MAX,
      headersTimeout: HEAD_MS,
      bodyTimeout: PAUSE_MS,
      connect: { timeout: CONNECT_MS, rejectUnauthorized: !insecure, ...(ca !== null && { ca }) },
    })
  }

  /** Resolves with any answer there is. Throws BACKEND_UNAVAILABLE, the error of the body, or the signal's reason. */
  async send({ url, method, headers, body, signal }: BackendRequest): Promise<BackendAnswer> {
    const failures: unknown[] = []
    const watched = async function* (pieces: AsyncIterable<Uint8Array>) {
      try {
        yield* pieces
      } catch (error) {
        failures.push(error)
        throw error
      }
    }
    const isStream = body !== undefined && !(body instanceof Uint8Array)
    const sent = isStream ? Readable.from(watched(body), { objectMode: false }) : (body ?? null)
    try {
      const answer = await request(url, { dispatcher: this.#agent, method, headers, body: sent, signal })
      const cookies = [answer.headers['set-cookie'] ?? []].flat()
      return { status: answer.statusCode, headers: plain(answer.headers), cookies, body: answer.body }
    } catch (error) {
      // What the caller's own bytes or patience ended says nothing of the back end.
      if (failures.length > 0) throw failures[0]
      signal.throwIfAborted()
      throw this.#silent(error)
    }
  }

  /** As `send`, for requests that may be made again: what does not answer, or answers that it cannot, is asked again. */
  async sendAgain(make: () => BackendRequest | Promise<BackendRequest>): Promise<BackendAnswer> {
    for (let tries = 1; ; tries++) {
      const made = await make()
      try {
        const answer = await this.send(made)
        if (answer.status < 500 || tries === TRIES_MAX) return answer
        await drop(answer)
      } catch (error) {
        if (tries === TRIES_MAX || !(error instanceof BackendError)) throw error
      }
      await sleep(this.#clock, RETRY_PAUSE_MS * tries, made.signal)
    }
  }

  /** The bytes of an answer. Throws as `send` does when they break off. */
  async *bytes({ body }: BackendAnswer, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    // Whoever does not read to the end closes it; undici would throw into the void then.
    body.on('error', () => {})
    try {
      yield* body as AsyncIterable<Uint8Array>
    } catch (error) {
      signal.throwIfAborted()
      throw this.#silent(error)
    } finally {
      body.destroy()
    }
  }

  async text(answer: BackendAnswer, signal: AbortSignal): Promise<string> {
    const pieces: Uint8Array[] = []
    let length = 0
    for await (const piece of this.bytes(answer, signal)) {
      length += piece.length
      if (length > TEXT_BYTES_MAX) throw this.error('BACKEND_UNAVAILABLE', 'answers without an end')
      pieces.push(piece)
    }
    return Buffer.concat(pieces).toString()
  }

  /** What an answer that is no success means. Its body is dropped. */
  async failure(answer: BackendAnswer): Promise<BackendError> {
    await drop(answer)
    const { status } = answer
    return this.error(codeOf(status), `answers with status ${status}`)
  }

  error(code: BackendErrorCode, what: string, cause?: unknown): BackendError {
    return new BackendError(code, `The store ${this.#id} ${what}.`, {}, cause)
  }

  async close(): Promise<void> {
    await this.#agent.destroy()
  }

  #silent(error: unknown): BackendError {
    const { code, name } = error as NodeJS.ErrnoException
    return this.error('BACKEND_UNAVAILABLE', `does not answer (${code ?? name})`, error)
  }
}

/** Reads no more of an answer than it must so that its connection can be used again. */
export async function drop({ body }: BackendAnswer): Promise<void> {
  await body.dump().catch(() => {})
}

const REFUSALS = new Set([401, 403, 400, 405, 409, 412])
const FULL = new Set([413, 507])

function codeOf(status: number): BackendErrorCode {
  if (status === 404) return 'BACKEND_NOT_FOUND'
  if (FULL.has(status)) return 'BACKEND_FULL'
  return REFUSALS.has(status) ? 'BACKEND_REFUSED' : 'BACKEND_UNAVAILABLE'
}

function plain(headers: Dispatcher.ResponseData['headers']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
    ),
  )
}
