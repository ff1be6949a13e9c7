/** HTTP to Keystone: bounded in time, size and connections, tried again when nothing came back. */
import { Agent, type Dispatcher, request } from 'undici'
import { type Clock, type Log, sleep } from '../../cluster/runtime.ts'

/** How Keystone's server is checked, and what this node shows it; PEM. */
export interface KeystoneTls {
  /** null = the authorities that Node.js knows. */
  ca: string | null
  cert: string | null
  key: string | null
  /** Do not check at all. */
  insecure: boolean
}

export interface KeystoneTransportOptions extends KeystoneTls {
  /** For one attempt, ms. */
  attemptMs: number
  retries: number
}

export interface KeystoneRequest {
  method: 'GET' | 'POST'
  url: string
  headers: Record<string, string>
  /** Sent as JSON. */
  body?: object
}

export interface KeystoneAnswer {
  status: number
  headers: Readonly<Record<string, string | string[] | undefined>>
  /** null when it is no JSON. */
  body: unknown
}

/** What the rest of the authentication needs of HTTP. */
export interface KeystoneHttp {
  /** Resolves with any answer there is; throws KeystoneSilentError when there is none. */
  send(request: KeystoneRequest): Promise<KeystoneAnswer>
}

/** Keystone did not answer: refused, too slow, not to be trusted, or more than an answer may be. */
export class KeystoneSilentError extends Error {
  constructor(url: string, cause: unknown) {
    super(`Keystone does not answer at ${url}: ${reasonOf(cause)}`, { cause })
    this.name = 'KeystoneSilentError'
  }
}

/** All attempts of one request together, ms: clients and load balancers give up after 30 and more. */
const REQUEST_MS_MAX = 15_000
/** Between the first two attempts, ms; doubled each time. Long enough for a worker of Keystone to be replaced. */
const RETRY_DELAY_MS = 200
/** A token with a large catalogue is some 100 KB. */
const ANSWER_BYTES_MAX = 4 * 1024 * 1024
/** To one Keystone. It takes tens of milliseconds for a token, on a few workers. */
const CONNECTIONS_MAX = 16

export class KeystoneTransport implements KeystoneHttp {
  readonly #agent: Agent
  readonly #clock: Clock
  readonly #log: Log
  readonly #options: KeystoneTransportOptions

  constructor({ clock, log }: { clock: Clock; log: Log }, options: KeystoneTransportOptions) {
    this.#clock = clock
    this.#log = log
    this.#options = options
    const { attemptMs, ca, cert, key, insecure } = options
    this.#agent = new Agent({
      connections: CONNECTIONS_MAX,
      maxResponseSize: ANSWER_BYTES_MAX,
      connect: {
        timeout: attemptMs,
        rejectUnauthorized: !insecure,
        ...(ca !== null && { ca }),
        ...(cert !== null && { cert }),
        ...(key !== null && { key }),
      },
    })
  }

  async send(sent: KeystoneRequest): Promise<KeystoneAnswer> {
    const endMs = this.#clock.monotonicMs() + REQUEST_MS_MAX
    for (let attempt = 0; ; attempt++) {
      const leftMs = endMs - this.#clock.monotonicMs()
      try {
        return await this.#attempt(sent, Math.min(leftMs, this.#options.attemptMs))
      } catch (error) {
        const delayMs = RETRY_DELAY_MS * 2 ** attempt
        const isLast = attempt >= this.#options.retries || this.#clock.monotonicMs() + delayMs >= endMs
        const silence = new KeystoneSilentError(sent.url, error)
        if (isLast) throw silence
        this.#log.debug({ attempt, error: silence.message }, 'asking Keystone again')
        await sleep(this.#clock, delayMs)
      }
    }
  }

  /** Ends what is under way. */
  async close(): Promise<void> {
    await this.#agent.destroy()
  }

  async #attempt(sent: KeystoneRequest, limitMs: number): Promise<KeystoneAnswer> {
    const { method, url, headers, body } = sent
    const answer = await request(url, {
      dispatcher: this.#agent,
      method,
      headers: {
        accept: 'application/json',
        ...(body && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(limitMs),
    })
    return { status: answer.statusCode, headers: answer.headers, body: await jsonOf(answer.body) }
  }
}

async function jsonOf(body: Dispatcher.ResponseData['body']): Promise<unknown> {
  const text = await body.text()
  try {
    return JSON.parse(text) as unknown
  } catch {
    return null
  }
}

/** In words: undici's own leave out whether a name or a certificate was at fault. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError') return 'no answer in time'
  const { code } = error as NodeJS.ErrnoException
  return error.message || (code ?? error.name)
}
