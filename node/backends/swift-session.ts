/** Who this node is to Swift: an address and a token, by way of Keystone (v3) or of Swift's own TempAuth (v1). */
import type { Clock } from '../../cluster/runtime.ts'
import { type BackendAnswer, type BackendHttp, drop } from './backend-http.ts'

export interface SwiftCredentials {
  version: 1 | 3
  /** Keystone's URL, with or without `/v3`; of TempAuth `http://host:port/auth/v1.0`. */
  authUrl: string
  /** Of version 1 with its account (`account:user`). */
  user: string
  key: string
  /** Of version 3. */
  project: string
  userDomain: string
  projectDomain: string
  /** null = the first of the catalogue. */
  region: string | null
  /** Which of the endpoints in the catalogue: `publicURL` and so on, as Glance writes it. */
  endpointType: 'publicURL' | 'internalURL' | 'adminURL'
  serviceType: string
  /** Instead of what the catalogue says; null = that. */
  endpoint: string | null
}

export interface SwiftAccount {
  /** Of the account, without a slash at its end. */
  url: string
  token: string
}

interface Known extends SwiftAccount {
  /** Monotonic. */
  endMs: number
}

/** A token that ends sooner is not begun with: an upload takes its time. */
const MARGIN_MS = 300_000
/** TempAuth does not tell; its tokens last a day. A token that is refused is asked for anew anyhow. */
const UNTOLD_MS = 3_600_000

export class SwiftSession {
  readonly #http: BackendHttp
  readonly #clock: Clock
  readonly #credentials: SwiftCredentials
  #known: Known | null = null
  #asking: Promise<Known> | null = null

  constructor({ http, clock }: { http: BackendHttp; clock: Clock }, credentials: SwiftCredentials) {
    this.#http = http
    this.#clock = clock
    this.#credentials = credentials
  }

  /** Throws BackendError. */
  async account(signal: AbortSignal): Promise<SwiftAccount> {
    if (this.#known && this.#known.endMs > this.#clock.monotonicMs()) return this.#known
    // One question for all that wait; whoever asked first and gave up takes the others with it, and they are tried again.
    this.#asking ??= this.#ask(signal).finally(() => (this.#asking = null))
    this.#known = await this.#asking
    return this.#known
  }

  /** The token was refused. */
  forget({ token }: SwiftAccount): void {
    if (this.#known?.token === token) this.#known = null
  }

  #ask(signal: AbortSignal): Promise<Known> {
    return this.#credentials.version === 1 ? this.#askTempAuth(signal) : this.#askKeystone(signal)
  }

  async #askTempAuth(signal: AbortSignal): Promise<Known> {
    const { authUrl: url, user, key, endpoint } = this.#credentials
    const headers = { 'x-auth-user': user, 'x-auth-key': key }
    const answer = await this.#http.sendAgain(() => ({ method: 'GET', url, headers, signal }))
    if (answer.status !== 200 && answer.status !== 204) throw await this.#http.failure(answer)
    await drop(answer)
    const { 'x-storage-url': storage, 'x-auth-token': token } = answer.headers
    return this.#knownAs(endpoint ?? storage, token, UNTOLD_MS)
  }

  async #askKeystone(signal: AbortSignal): Promise<Known> {
    const { authUrl, user, key, project, userDomain, projectDomain, endpoint } = this.#credentials
    const identity = {
      methods: ['password'],
      password: { user: { name: user, password: key, domain: { name: userDomain } } },
    }
    const scope = { project: { name: project, domain: { name: projectDomain } } }
    const body = Buffer.from(JSON.stringify({ auth: { identity, scope } }))
    const url = `${authUrl.replace(/\/+$/, '').replace(/\/v3$/, '')}/v3/auth/tokens`
    const headers = { 'content-type': 'application/json', accept: 'application/json' }
    const answer = await this.#http.sendAgain(() => ({ method: 'POST', url, headers, body, signal }))
    if (answer.status !== 201) throw await this.#http.failure(answer)
    const { token } = await this.#jsonOf(answer, signal)
    const leftMs = Date.parse(token?.expires_at ?? '') - this.#clock.wallMs()
    return this.#knownAs(
      endpoint ?? this.#endpointIn(token?.catalog),
      answer.headers['x-subject-token'],
      (Number.isNaN(leftMs) ? UNTOLD_MS : leftMs) - MARGIN_MS,
    )
  }

  async #jsonOf(answer: BackendAnswer, signal: AbortSignal): Promise<KeystoneToken> {
    const text = await this.#http.text(answer, signal)
    try {
      return (JSON.parse(text) ?? {}) as KeystoneToken
    } catch (error) {
      throw this.#http.error('BACKEND_UNAVAILABLE', 'has a Keystone that does not speak JSON', error)
    }
  }

  #endpointIn(catalog: KeystoneCatalog | undefined): string | undefined {
    const { serviceType, region, endpointType } = this.#credentials
    const service = catalog?.find(({ type }) => type === serviceType)
    const kind = endpointType.replace(/URL$/, '')
    return service?.endpoints?.find(
      (at) => at.interface === kind && (region === null || at.region === region || at.region_id === region),
    )?.url
  }

  #knownAs(url: string | undefined, token: string | undefined, forMs: number): Known {
    if (url === undefined || token === undefined || !URL.canParse(url))
      throw this.#http.error('BACKEND_REFUSED', 'is not told where its object storage is')
    return { url: url.replace(/\/+$/, ''), token, endMs: this.#clock.monotonicMs() + forMs }
  }
}

type KeystoneCatalog = {
  type?: string
  endpoints?: { interface?: string; region?: string; region_id?: string; url?: string }[]
}[]

interface KeystoneToken {
  token?: { expires_at?: string; catalog?: KeystoneCatalog }
}
