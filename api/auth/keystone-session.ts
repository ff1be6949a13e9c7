/** This node's own standing with Keystone: a token of its service user, renewed in time, and where to ask with it. */
import type { Clock, Log } from '../../cluster/runtime.ts'
import { ImageError } from '../../node/errors.ts'
import { identityEndpoint, type EndpointChoice, v3Url } from './keystone-catalog.ts'
import type { KeystoneAnswer, KeystoneHttp, KeystoneRequest } from './keystone-transport.ts'
import { objectOf, timeIn } from './token-facts.ts'

/** A name that is unique in a domain, which is told by one of the two. */
export interface DomainName {
  name: string
  domain: { id: string } | { name: string }
}

export interface KeystoneCredentials extends EndpointChoice {
  authUrl: string
  user: DomainName & { password: string }
  scope: { project: DomainName } | { system: { all: true } }
}

interface OwnToken {
  token: string
  /** Monotonic: whatever this node's wall clock says. */
  renewAtMs: number
  /** Ends in /v3. */
  endpoint: string
}

/** Of its life a token is used for this share, so that it never expires between here and there. */
const USED_SHARE = 0.9
/** For this long after a failure nobody asks again, ms. */
const SILENCE_PAUSE_MS = 1000
/** The same when it refused the credentials, ms: it locks users out who try too often. */
const REFUSAL_PAUSE_MS = 10_000

export class KeystoneSession {
  readonly #http: KeystoneHttp
  readonly #clock: Clock
  readonly #log: Log
  readonly #task: string
  readonly #credentials: KeystoneCredentials
  #own: OwnToken | null = null
  /** One at a time, for all who need it. */
  #renewal: Promise<OwnToken> | null = null
  /** While Keystone is of no use: why, for callers, and when the next request may try it again (monotonic). */
  #trouble: { reason: string; tryAtMs: number } | null = null

  /** `task`: what Keystone is asked to do here, for messages: `check tokens`. */
  constructor(
    parts: { http: KeystoneHttp; clock: Clock; log: Log; task: string },
    credentials: KeystoneCredentials,
  ) {
    this.#task = parts.task
    this.#http = parts.http
    this.#clock = parts.clock
    this.#log = parts.log
    this.#credentials = credentials
  }

  /** Sends `GET` of `path` with the own token, once more with a fresh one if Keystone refuses that. Throws UNAVAILABLE. */
  async get(path: string, headers: Record<string, string>): Promise<KeystoneAnswer> {
    const own = await this.#ownToken()
    const answer = await this.#getWith(own, path, headers)
    if (answer.status !== 401) return answer
    // Revoked, or lost with the keys of Keystone. Another request may have noticed before.
    if (this.#own === own) this.#own = null
    const second = await this.#getWith(await this.#ownToken(), path, headers)
    if (second.status === 401) throw this.#fail('it refuses the token that it gave to this node', null)
    return second
  }

  /** Gets the own token, so that wrong credentials are in the log at the start and not with the first request. */
  async warm(): Promise<void> {
    try {
      const { endpoint } = await this.#ownToken()
      this.#log.info({ keystone: endpoint }, `Keystone will ${this.#task}`)
    } catch {
      // Logged already; it is tried again with the first request.
    }
  }

  #getWith(
    { token, endpoint }: OwnToken,
    path: string,
    headers: Record<string, string>,
  ): Promise<KeystoneAnswer> {
    return this.#send({
      method: 'GET',
      url: endpoint + path,
      headers: { ...headers, 'x-auth-token': token },
    })
  }

  /** After a failure one request at a time tries whether Keystone is back; the others need not wait for the same end. */
  async #send(request: KeystoneRequest): Promise<KeystoneAnswer> {
    if (this.#trouble !== null) {
      if (this.#clock.monotonicMs() < this.#trouble.tryAtMs) throw this.#unavailable(this.#trouble.reason)
      this.#trouble = { ...this.#trouble, tryAtMs: Infinity }
    }
    try {
      const answer = await this.#http.send(request)
      this.#trouble = null
      return answer
    } catch (error) {
      throw this.#fail('it does not answer', error as Error)
    }
  }

  /** The error for this request, after which the others get theirs at once for `pauseMs`. */
  #fail(reason: string, cause: Error | null, pauseMs = SILENCE_PAUSE_MS): ImageError {
    this.#trouble = { reason, tryAtMs: this.#clock.monotonicMs() + pauseMs }
    this.#log.error(
      { keystone: this.#credentials.authUrl, reason, ...(cause && { error: cause.message }) },
      `Keystone cannot ${this.#task} now`,
    )
    return this.#unavailable(reason)
  }

  #unavailable(reason: string): ImageError {
    return new ImageError(
      'UNAVAILABLE',
      `The identity service (Keystone) cannot ${this.#task} now: ${reason}. Please try again.`,
    )
  }

  async #ownToken(): Promise<OwnToken> {
    if (this.#own !== null && this.#clock.monotonicMs() < this.#own.renewAtMs) return this.#own
    this.#renewal ??= this.#authenticate().finally(() => (this.#renewal = null))
    this.#own = await this.#renewal
    return this.#own
  }

  async #authenticate(): Promise<OwnToken> {
    const { authUrl, user, scope } = this.#credentials
    const atMs = this.#clock.monotonicMs()
    const { status, headers, body } = await this.#send({
      method: 'POST',
      url: `${v3Url(authUrl)}/auth/tokens`,
      headers: {},
      body: {
        auth: { identity: { methods: ['password'], password: { user } }, scope },
      },
    })
    const token = headers['x-subject-token']
    if (status !== 201 || typeof token !== 'string') {
      // A Keystone that is in trouble itself says nothing of the credentials.
      const pauseMs = status >= 500 ? SILENCE_PAUSE_MS : REFUSAL_PAUSE_MS
      throw this.#fail(`it does not let this node in (${status})`, null, pauseMs)
    }
    try {
      return { token, ...ownTokenOf(body, this.#credentials, atMs) }
    } catch (error) {
      throw this.#fail('it answers what is no token document', error as Error)
    }
  }
}

function ownTokenOf(body: unknown, credentials: KeystoneCredentials, atMs: number): Omit<OwnToken, 'token'> {
  const token = objectOf(objectOf(body)['token'])
  const lifeMs = timeIn(token, 'expires_at') - timeIn(token, 'issued_at')
  return {
    renewAtMs: atMs + lifeMs * USED_SHARE,
    endpoint: identityEndpoint(token['catalog'], credentials) ?? v3Url(credentials.authUrl),
  }
}
