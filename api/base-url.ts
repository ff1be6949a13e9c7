/** The absolute URL by which clients reach this service. */
import type { FastifyRequest } from 'fastify'
import type { ApiOptions } from './api-components.ts'
import { forwardedBy, isHost } from './forwarded.ts'

/** What links are made of. */
export type LinkOptions = Pick<ApiOptions, 'publicEndpoint' | 'pathPrefix' | 'believeProxies'>

/** `publicEndpoint` without trailing slash, else what a believed proxy says, else what the request came to. */
export function baseUrl(request: FastifyRequest, options: LinkOptions): string {
  const { publicEndpoint, pathPrefix, believeProxies } = options
  if (publicEndpoint !== null) return publicEndpoint.replace(/\/+$/, '')
  const said = believeProxies ? forwardedBy(request.headers) : null
  const host = said?.host ?? hostOf(request)
  const own = withoutPrefix(request.originalUrl, pathPrefix) === null ? '' : pathPrefix
  return `${said?.protocol ?? request.protocol}://${host}${said?.prefix ?? ''}${own}`
}

/** `url` as it is below `prefix`; null when it is not, or when there is none. */
export function withoutPrefix(url: string, prefix: string): string | null {
  if (prefix === '' || !url.startsWith(prefix)) return null
  const rest = url.slice(prefix.length)
  if (rest === '' || rest.startsWith('?')) return `/${rest}`
  return rest.startsWith('/') ? rest : null
}

function hostOf(request: FastifyRequest): string {
  const { host } = request.headers
  if (isHost(host)) return host
  const { localAddress = '127.0.0.1', localPort } = request.socket
  const name = localAddress.includes(':') ? `[${localAddress}]` : localAddress
  return localPort === undefined ? name : `${name}:${localPort}`
}
