/**
 * `auth_strategy = keystone`: who a request comes from is what Keystone says of its token, by the rules of OpenStack's
 * auth_token middleware. Identity headers that a client sends are never looked at.
 */
import type { IncomingHttpHeaders } from 'node:http'
import type { Clock, Log } from '../../cluster/runtime.ts'
import { ImageError } from '../../node/errors.ts'
import type { Caller } from '../../node/images/image-requests.ts'
import type { Authenticator } from '../api-components.ts'
import { HttpError } from '../errors.ts'
import { callerWith } from './caller.ts'
import type { KeystoneSession } from './keystone-session.ts'
import { TokenCache } from './token-cache.ts'
import { catalogIn, parseTokenFacts, type TokenFacts } from './token-facts.ts'

export interface KeystoneAuthOptions {
  /** Told to clients that come without a valid token. */
  authenticateUri: string
  /** 0 = every token is checked each time. */
  cacheMs: number
  /** Any one of them makes a service token a real one. */
  serviceTokenRoles: readonly string[]
  /** Refuse service tokens without one of these roles. */
  serviceTokenRolesRequired: boolean
  /** Who comes without a valid token is nobody in particular, and not refused. */
  allowAnonymous: boolean
}

/** What tokens of every kind are made of; anything else need not be asked about, and must not get into a header. */
const TOKEN = /^[\x21-\x7e]+$/
/** Without it the answer carries no catalogue, which may be large. */
const TOKENS_PATH = '/auth/tokens?nocatalog'
const REFUSAL = 'The request you have made requires authentication.'

export class KeystoneAuth implements Authenticator {
  readonly #clock: Clock
  readonly #log: Log
  readonly #session: Pick<KeystoneSession, 'get'>
  readonly #options: KeystoneAuthOptions
  readonly #serviceTokenRoles: ReadonlySet<string>
  readonly #tokens: TokenCache

  constructor(
    parts: { clock: Clock; log: Log; session: Pick<KeystoneSession, 'get'> },
    options: KeystoneAuthOptions,
  ) {
    this.#clock = parts.clock
    this.#log = parts.log
    this.#session = parts.session
    this.#options = options
    this.#serviceTokenRoles = new Set(options.serviceTokenRoles.map((role) => role.toLowerCase()))
    this.#tokens = new TokenCache(parts.clock, (token, allowExpired) => this.#validate(token, allowExpired), {
      keepMs: options.cacheMs,
    })
  }

  /** Throws TOKEN_REFUSED, and UNAVAILABLE when Keystone cannot be asked: never is a token believed for want of an answer. */
  async authenticate(headers: IncomingHttpHeaders, requestId: string): Promise<Caller> {
    const service = await this.#serviceOf(headers)
    const user = service === 'refused' ? null : await this.#userOf(headers, service)
    if (user !== null && service !== 'refused')
      return callerWith(requestId, { ...user.identity, serviceRoles: service?.identity.roles ?? [] })
    if (this.#options.allowAnonymous) return callerWith(requestId, {})
    throw this.#refusal()
  }

  async catalog(headers: IncomingHttpHeaders): Promise<unknown> {
    const token = String(headers['x-auth-token'] ?? '').trim()
    if (!TOKEN.test(token)) return []
    const { status, body } = await this.#session.get('/auth/tokens', { 'x-subject-token': token })
    if (status !== 200) throw this.#confused(`Keystone answered ${status} about the services of a token`)
    return catalogIn(body)
  }

  /** The service that asks on somebody's behalf; null when there is none. */
  async #serviceOf(headers: IncomingHttpHeaders): Promise<TokenFacts | null | 'refused'> {
    const token = headers['x-service-token']
    if (token === undefined) return null
    const facts = await this.#check(token, false)
    if (facts === null) return 'refused'
    return this.#options.serviceTokenRolesRequired && !this.#isService(facts) ? 'refused' : facts
  }

  async #userOf(headers: IncomingHttpHeaders, service: TokenFacts | null): Promise<TokenFacts | null> {
    // The second is an older name, of Swift's.
    const token = headers['x-auth-token'] ?? headers['x-storage-token']
    if (token === undefined) return null
    return this.#check(token, service !== null && this.#isService(service))
  }

  #isService({ identity }: TokenFacts): boolean {
    return identity.roles.some((role) => this.#serviceTokenRoles.has(role))
  }

  /** What is known of a token that is good; null when it is not. */
  async #check(value: string | string[], allowExpired: boolean): Promise<TokenFacts | null> {
    const token = String(value).trim()
    if (!TOKEN.test(token)) return null
    const facts = await this.#tokens.find(token, allowExpired)
    if (facts === null) return null
    return allowExpired || facts.expiresAtMs > this.#clock.wallMs() ? facts : null
  }

  /** Asks Keystone. Throws UNAVAILABLE. */
  async #validate(token: string, allowExpired: boolean): Promise<TokenFacts | null> {
    const path = allowExpired ? `${TOKENS_PATH}&allow_expired=1` : TOKENS_PATH
    const { status, body } = await this.#session.get(path, { 'x-subject-token': token })
    if (status === 404) return null
    if (status === 403)
      throw this.#confused('Keystone does not let the service user check tokens: give it the role service')
    if (status !== 200) throw this.#confused(`Keystone answered ${status} about a token`)
    try {
      return parseTokenFacts(body)
    } catch (error) {
      throw this.#confused(`Keystone's description of a token cannot be read: ${(error as Error).message}`)
    }
  }

  #confused(what: string): ImageError {
    this.#log.error({}, what)
    return new ImageError(
      'UNAVAILABLE',
      'The identity service (Keystone) gave no clear answer about the token. Please try again.',
    )
  }

  /** As OpenStack's middleware writes it, whatever the client accepts. */
  #refusal(): HttpError {
    const headers = { 'www-authenticate': `Keystone uri="${this.#options.authenticateUri}"` }
    const json = { error: { code: 401, title: 'Unauthorized', message: REFUSAL } }
    return new HttpError('TOKEN_REFUSED', REFUSAL, headers, json)
  }
}
