/**
 * Who may use the operator port. On loopback, while no token is set, whoever can connect; else who shows the token, or is
 * an administrator of Keystone. A browser on the same machine connects from loopback, too, whatever page it shows: so
 * requests that a foreign page could have caused are refused.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import type { FastifyRequest } from 'fastify'
import type { Log } from '../../cluster/runtime.ts'
import { ImageError } from '../../node/errors.ts'
import type { AccessPolicy, Authenticator } from '../api-components.ts'
import { HttpError } from '../errors.ts'

export interface AccessComponents {
  authenticator: Pick<Authenticator, 'authenticate'>
  policy: Pick<AccessPolicy, 'known'>
  log: Log
}

export interface AccessRules {
  /** Whoever connects is an operator. */
  isOpen: boolean
  token: string | null
  /** Whether an administrator of Keystone is an operator. */
  takesKeystone: boolean
}

type Request = Pick<FastifyRequest, 'method' | 'headers' | 'id'>

const SAFE_METHODS = ['GET', 'HEAD']
/** Of the browser's own accord, or by a page of this very server. */
const OWN_SITES = ['same-origin', 'none']
const ASK_FOR_TOKEN = { 'www-authenticate': 'Bearer realm="serac operator"' }

export class OperatorAccess {
  readonly #components: AccessComponents
  readonly #rules: AccessRules

  constructor(components: AccessComponents, rules: AccessRules) {
    this.#components = components
    this.#rules = rules
  }

  /** Throws FORBIDDEN for what a foreign page may have caused. Asked for everything, what is public included. */
  refuseForeignPages({ method, headers }: Request): void {
    // A name that leads to loopback is how a foreign page makes itself look like one of ours (DNS rebinding).
    if (this.#rules.isOpen && !isPlainHost(headers.host))
      throw new ImageError(
        'FORBIDDEN',
        'Ask for this port by its IP address or as localhost, or set [operator] token.',
      )
    if (SAFE_METHODS.includes(method)) return
    const site = headers['sec-fetch-site']
    const isForeign = site !== undefined && !OWN_SITES.includes(site)
    if (isForeign || !isOwnOrigin(headers.origin, headers.host))
      throw new ImageError('FORBIDDEN', 'A page of another site may change nothing here.')
  }

  /** Resolves for operators. Throws TOKEN_REFUSED, FORBIDDEN, UNAVAILABLE while Keystone cannot be asked. */
  async requireOperator({ headers, id }: Request): Promise<void> {
    const { isOpen, token, takesKeystone } = this.#rules
    if (isOpen) return
    const shown = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1]
    if (token !== null && shown !== undefined && isSame(shown, token)) return
    if (takesKeystone && headers['x-auth-token'] !== undefined) return this.#requireAdmin(headers, id)
    if (shown !== undefined) this.#components.log.warn({}, 'a wrong token was shown at the operator port')
    throw new HttpError('TOKEN_REFUSED', 'This port asks for the token of an operator.', ASK_FOR_TOKEN)
  }

  async #requireAdmin(headers: FastifyRequest['headers'], id: string): Promise<void> {
    const { authenticator, policy } = this.#components
    const caller = policy.known(await authenticator.authenticate(headers, id))
    if (!caller.isAdmin) throw new ImageError('FORBIDDEN', 'Only administrators may use this port.')
  }
}

function isPlainHost(host: string | undefined): boolean {
  if (host === undefined) return false
  const name = host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
  return name.toLowerCase() === 'localhost' || isIP(name) !== 0
}

/** Programs send none. */
function isOwnOrigin(origin: string | undefined, host: string | undefined): boolean {
  if (origin === undefined) return true
  return URL.canParse(origin) && new URL(origin).host === host
}

/** Takes as long for every wrong token. */
function isSame(shown: string, token: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(shown), digest(token))
}
