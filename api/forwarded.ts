/** What a proxy in front says of the request that it got: `Forwarded` (RFC 7239), else the X-Forwarded-* headers. */
import type { IncomingHttpHeaders } from 'node:http'

/** null = not said, or not fit for a link. */
export interface Forwarded {
  protocol: 'http' | 'https' | null
  host: string | null
  /** Path below which the proxy has this service, without slash at its end. */
  prefix: string | null
}

/** What may stand in a Host header; anything else does not get into our links. */
const HOST = /^[\w.-]+(:\d{1,5})?$|^\[[\da-f:.]+\](:\d{1,5})?$/i
const PREFIX = /^(\/[\w.~-]+)+\/?$/

/** As oslo's http_proxy_to_wsgi: the first proxy counts, and `Forwarded` hides the older headers but the prefix. */
export function forwardedBy(headers: IncomingHttpHeaders): Forwarded {
  const first = headers.forwarded === undefined ? null : forwardedPairs(headers.forwarded)
  const protocol = first ? first.get('proto') : firstOf(headers['x-forwarded-proto'])
  const host = first ? first.get('host') : firstOf(headers['x-forwarded-host'])
  const prefix = firstOf(headers['x-forwarded-prefix'])
  return {
    protocol: protocol === 'http' || protocol === 'https' ? protocol : null,
    host: isHost(host) ? host : null,
    prefix: prefix !== undefined && PREFIX.test(prefix) ? prefix.replace(/\/$/, '') : null,
  }
}

export function isHost(text: string | undefined): text is string {
  return text !== undefined && HOST.test(text)
}

function forwardedPairs(header: string): Map<string, string> {
  const [first = ''] = header.split(',')
  return new Map(
    first.split(';').map((pair) => {
      const [name = '', value = ''] = pair.split(/=(.*)/s)
      return [name.trim().toLowerCase(), value.trim().replace(/^"(.*)"$/, '$1')]
    }),
  )
}

function firstOf(header: string | string[] | undefined): string | undefined {
  const [first] = Array.isArray(header) ? header : (header?.split(',') ?? [])
  return first?.trim()
}
