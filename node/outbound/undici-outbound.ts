/**
 * Fetches by undici. Each hop of a redirect is a URL of its own to the rules; a name is resolved once, every address that
 * it leads to is checked, and the connection goes to one of those: what the name leads to a moment later does not matter.
 */
import { lookup } from 'node:dns/promises'
import { isIP, type LookupFunction } from 'node:net'
import { Client, type Dispatcher } from 'undici'
import { abortable } from '../../cluster/transfer/abortable.ts'
import { Semaphore } from '../../cluster/transfer/semaphore.ts'
import {
  OutboundError,
  shownUrl,
  type OutboundAnswer,
  type OutboundHttp,
  type OutboundRequest,
} from './outbound-http.ts'
import { plainHost, type OutboundRules } from './outbound-rules.ts'

/** Answers every address of a host. */
export type Resolve = (host: string) => Promise<string[]>

export interface OutboundLimits {
  /** For a name to be resolved, and again for a connection to stand, ms. */
  connectMs: number
  /** From a request to the head of its answer, ms. */
  headMs: number
  /** How long nothing of a body may come while it is wanted, ms. */
  pauseMs: number
  /** For one request with its whole body, ms: a server that drips keeps nothing busy for ever. */
  totalMs: number
}

/** Servers of images are machines next door or public mirrors: what takes longer is broken. */
export const OUTBOUND_LIMITS: OutboundLimits = {
  connectMs: 10_000,
  headMs: 30_000,
  pauseMs: 30_000,
  totalMs: 24 * 3_600_000,
}

export interface OutboundTls {
  /** PEM; null = the authorities that Node.js knows. */
  ca: string | null
  /** Do not check at all. */
  insecure: boolean
}

const REDIRECTS_MAX = 5
const REDIRECT_STATUSES = new Set([301, 302, 303, 307, 308])
const HEAD_BYTES_MAX = 64 * 1024
/** The system's resolver takes a thread of the pool that disk and hashes share: slow names must not take all of them. */
const LOOKUPS_AT_ONCE = 4

export interface UndiciOutboundComponents {
  rules: OutboundRules
  resolve?: Resolve
}

export class UndiciOutbound implements OutboundHttp {
  readonly #rules: OutboundRules
  readonly #resolve: Resolve
  readonly #tls: OutboundTls
  readonly #limits: OutboundLimits
  readonly #lookups = new Semaphore(LOOKUPS_AT_ONCE)

  constructor(
    { rules, resolve = resolveBySystem }: UndiciOutboundComponents,
    options: OutboundTls & Partial<OutboundLimits>,
  ) {
    this.#rules = rules
    this.#resolve = resolve
    this.#tls = options
    this.#limits = { ...OUTBOUND_LIMITS, ...options }
  }

  check(url: string): void {
    this.#rules.checkUrl(url)
  }

  async send(request: OutboundRequest): Promise<OutboundAnswer> {
    let whole = {
      ...request,
      signal: AbortSignal.any([request.signal, AbortSignal.timeout(this.#limits.totalMs)]),
    }
    let url = this.#rules.checkUrl(request.url)
    let authorization = basicAuthorization(url)
    for (let hops = 0; ; hops++) {
      const answer = await this.#hop(url, whole, authorization).catch((error: unknown) => {
        throw asOutbound(error, url, request.signal)
      })
      const target = redirectTarget(answer, url)
      if (target === null) return answer
      await answer.close()
      if (hops === REDIRECTS_MAX) throw failed(url, 'it redirects too often')
      const next = this.#rules.checkUrl(target)
      if (url.protocol === 'https:' && next.protocol !== 'https:')
        throw failed(url, 'it redirects away from TLS')
      if (next.origin !== url.origin) {
        authorization = basicAuthorization(next)
        whole = { ...whole, headers: {} }
      }
      url = next
    }
  }

  async #hop(url: URL, request: OutboundRequest, authorization: string | null): Promise<OutboundAnswer> {
    const { connectMs, headMs, pauseMs } = this.#limits
    const addresses = await this.#addressesOf(plainHost(url.hostname), request.signal)
    const { ca, insecure } = this.#tls
    const client = new Client(url.origin, {
      headersTimeout: headMs,
      bodyTimeout: pauseMs,
      maxHeaderSize: HEAD_BYTES_MAX,
      connect: {
        timeout: connectMs,
        lookup: pinnedTo(addresses),
        rejectUnauthorized: !insecure,
        ...(ca !== null && { ca }),
      },
    })
    const close = () => client.destroy()
    try {
      const { range, method, headers, signal } = request
      const answer = await client.request({
        method,
        path: url.pathname + url.search,
        headers: {
          ...headers,
          // Bytes are hashed and served as they are.
          'accept-encoding': 'identity',
          ...(authorization !== null && { authorization }),
          ...(range && { range: `bytes=${range.start}-${range.end}` }),
        },
        signal,
      })
      return toAnswer(answer, url, request, close)
    } catch (error) {
      await close()
      throw error
    }
  }

  /** All of them are checked: one that is not allowed among them means that somebody is up to something. */
  async #addressesOf(host: string, signal: AbortSignal): Promise<string[]> {
    const addresses = isIP(host) === 0 ? await this.#lookUp(host, signal) : [host]
    for (const address of addresses) this.#rules.checkAddress(address)
    if (addresses.length === 0) throw new Error('its name leads nowhere')
    return addresses
  }

  async #lookUp(host: string, signal: AbortSignal): Promise<string[]> {
    const until = AbortSignal.any([signal, AbortSignal.timeout(this.#limits.connectMs)])
    const endTurn = await this.#lookups.acquire(until)
    const asked = this.#resolve(host)
    // It cannot be interrupted: nobody waits for it any more, but it holds its turn.
    void asked.then(endTurn, endTurn)
    return abortable(asked, until)
  }
}

function pinnedTo(addresses: readonly string[]): LookupFunction {
  const entries = addresses.map((address) => ({ address, family: isIP(address) }))
  return (_host, { all }, callback) => {
    if (all) callback(null, entries)
    else callback(null, entries[0]!.address, entries[0]!.family)
  }
}

function toAnswer(
  { statusCode, headers: received, body }: Dispatcher.ResponseData,
  url: URL,
  request: OutboundRequest,
  close: () => Promise<void>,
): OutboundAnswer {
  const headers = Object.fromEntries(
    Object.entries(received).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
    ),
  )
  const length = headers['content-length']
  const lengthBytes = length !== undefined && /^\d{1,15}$/.test(length) ? Number(length) : null
  // Whoever does not read it closes it; undici would throw into the void then.
  body.on('error', () => {})
  const { sizeBytesMax, method, signal } = request
  if ((headers['content-encoding'] ?? 'identity') !== 'identity')
    throw failed(url, 'it sends the bytes in another encoding')
  if (method === 'GET' && statusCode < 300 && (lengthBytes ?? 0) > sizeBytesMax)
    throw failed(url, `it has more than the ${sizeBytesMax} bytes allowed`)
  return {
    status: statusCode,
    headers,
    lengthBytes,
    body: counted(body, { url, lengthBytes, sizeBytesMax, signal }),
    close,
  }
}

async function* counted(
  body: AsyncIterable<Uint8Array>,
  {
    url,
    lengthBytes,
    sizeBytesMax,
    signal,
  }: { url: URL; lengthBytes: number | null; sizeBytesMax: number; signal: AbortSignal },
): AsyncGenerator<Uint8Array> {
  let receivedBytes = 0
  try {
    for await (const piece of body) {
      receivedBytes += piece.length
      if (receivedBytes > sizeBytesMax)
        throw failed(url, `it sends more than the ${sizeBytesMax} bytes allowed`)
      yield piece
    }
  } catch (error) {
    throw asOutbound(error, url, signal)
  }
  if (lengthBytes !== null && receivedBytes !== lengthBytes)
    throw failed(url, `it has sent ${receivedBytes} of ${lengthBytes} bytes`)
}

function redirectTarget({ status, headers }: OutboundAnswer, url: URL): string | null {
  const location = headers['location']
  if (!REDIRECT_STATUSES.has(status) || location === undefined) return null
  // Where it is a whole URL the rules must see it as it is written.
  if (/^[a-z][a-z\d+.-]*:/i.test(location)) return location
  if (!URL.canParse(location, url.href)) throw failed(url, 'it redirects to no URL')
  // `//host/path` and the like, with the host as it is written.
  if (/^[/\\]{2}/.test(location)) return url.protocol + location
  return new URL(location, url).href
}

function basicAuthorization({ username, password }: URL): string | null {
  if (username === '' && password === '') return null
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return `Basic ${Buffer.from(pair).toString('base64')}`
}

async function resolveBySystem(host: string): Promise<string[]> {
  return (await lookup(host, { all: true, order: 'verbatim' })).map(({ address }) => address)
}

/** The caller's own end stays what it is. */
function asOutbound(error: unknown, url: URL, signal: AbortSignal): unknown {
  if (error instanceof OutboundError || (signal.aborted && error === signal.reason && !isTimeout(error)))
    return error
  return failed(url, reasonOf(error), error)
}

function failed(url: URL, reason: string, cause?: unknown): OutboundError {
  return new OutboundError(
    'OUTBOUND_FAILED',
    `${shownUrl(url.href)} cannot be fetched: ${reason}.`,
    {},
    cause,
  )
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === 'TimeoutError'
}

function reasonOf(error: unknown): string {
  if (isTimeout(error)) return 'it takes too long'
  if (!(error instanceof Error)) return 'it breaks off'
  const { code } = error as NodeJS.ErrnoException
  return error.message || (code ?? error.name)
}
