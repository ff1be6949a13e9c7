/**
 * What this node may fetch for its users: schemes, hosts and ports by name as in Glance's `[import_filtering_opts]`, and
 * addresses by what names lead to. Whoever connects asks about each hop's URL and about the very address it connects to.
 */
import type { BlockList } from 'node:net'
import { isIP } from 'node:net'
import { OutboundError } from './outbound-http.ts'
import { addressList, isIn, isSpecial, meaningsOf } from './special-addresses.ts'

/** As in Glance, a list of what is allowed makes the one of what is not void. */
export interface OutboundOptions {
  allowedSchemes: readonly string[]
  disallowedSchemes: readonly string[]
  allowedHosts: readonly string[]
  disallowedHosts: readonly string[]
  allowedPorts: readonly number[]
  disallowedPorts: readonly number[]
  /** Addresses and networks that are no one's business otherwise (see special-addresses.ts). */
  allowedAddresses: readonly string[]
  /** More addresses and networks to keep away from. */
  disallowedAddresses: readonly string[]
}

/** Nothing else is spoken, whatever is allowed. */
const DEFAULT_PORTS: Readonly<Record<string, number>> = { http: 80, https: 443 }
/** Blanks, control characters and backslashes: parsers differ in what they make of them. */
// oxlint-disable-next-line no-control-regex -- they are what it is about
const AMBIGUOUS = /[\u0000-\u0020\u007f\\]/
/** The host as it is written, before a parser makes something else of it. */
const WRITTEN_HOST = /^[^:/?#]+:\/\/(?:[^/?#]*@)?(\[[^\]]*\]|[^:/?#]*)/

export class OutboundRules {
  readonly #options: OutboundOptions
  readonly #allowed: BlockList
  readonly #disallowed: BlockList

  constructor(options: OutboundOptions) {
    this.#options = options
    this.#allowed = addressList(options.allowedAddresses)
    this.#disallowed = addressList(options.disallowedAddresses)
  }

  /** Throws OUTBOUND_REFUSED. */
  checkUrl(text: string): URL {
    if (AMBIGUOUS.test(text) || !URL.canParse(text)) throw refused('This is no URL.')
    const url = new URL(text)
    const scheme = url.protocol.slice(0, -1)
    const { allowedSchemes, disallowedSchemes, allowedHosts, disallowedHosts } = this.#options
    if (!Object.hasOwn(DEFAULT_PORTS, scheme) || !isAllowed(scheme, allowedSchemes, disallowedSchemes))
      throw refused(`URLs with the scheme ${scheme} are not fetched.`)
    const host = this.#checkHost(text, url)
    if (!isAllowed(host, allowedHosts.map(plainHost), disallowedHosts.map(plainHost)))
      throw refused(`Nothing is fetched from the host ${host}.`)
    const port = url.port === '' ? DEFAULT_PORTS[scheme]! : Number(url.port)
    if (!isAllowed(port, this.#options.allowedPorts, this.#options.disallowedPorts))
      throw refused(`Nothing is fetched from port ${port}.`)
    return url
  }

  /** Throws OUTBOUND_REFUSED. `address` is what a host's name leads to, or the address that stands in a URL. */
  checkAddress(address: string): void {
    const meanings = isIP(address) === 0 ? null : meaningsOf(address)
    const isClosed = (meaning: string) =>
      !isIn(this.#allowed, meaning) && (isIn(this.#disallowed, meaning) || isSpecial(meaning))
    if (meanings === null || meanings.some(isClosed))
      throw refused(`Nothing is fetched from the address ${address}.`)
  }

  /** An address in any but the one plain form (octal, hexadecimal, one number, fewer parts, escaped) has something to hide. */
  #checkHost(text: string, url: URL): string {
    const host = plainHost(url.hostname)
    const written = WRITTEN_HOST.exec(text)?.[1] ?? ''
    if (host === '' || written.includes('%')) throw refused('The URL names no host.')
    const isAddress = isIP(host) === 4
    if (isAddress && plainHost(written) !== host) throw refused('The URL has an address in disguise.')
    if (isIP(host) !== 0) this.checkAddress(host)
    return host
  }
}

/** In lower case, without the dot that ends a full name and the brackets around an address. */
export function plainHost(host: string): string {
  return host
    .toLowerCase()
    .replace(/\.$/, '')
    .replace(/^\[(.*)\]$/, '$1')
}

function isAllowed<T>(value: T, allowed: readonly T[], disallowed: readonly T[]): boolean {
  return allowed.length > 0 ? allowed.includes(value) : !disallowed.includes(value)
}

function refused(message: string): OutboundError {
  return new OutboundError('OUTBOUND_REFUSED', message)
}
