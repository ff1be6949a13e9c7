/** The absolute URL by which clients reach this service. */
import type { FastifyRequest } from 'fastify'

/** What may stand in a Host header; anything else does not get into our links. */
const HOST = /^[\w.-]+(:\d{1,5})?$|^\[[\da-f:.]+\](:\d{1,5})?$/i

/** `publicEndpoint` without trailing slash, else what the request came to. */
export function baseUrl(request: FastifyRequest, publicEndpoint: string | null): string {
  if (publicEndpoint !== null) return publicEndpoint.replace(/\/+$/, '')
  return `${request.protocol}://${hostOf(request)}`
}

function hostOf(request: FastifyRequest): string {
  const { host } = request.headers
  if (host !== undefined && HOST.test(host)) return host
  const { localAddress = '127.0.0.1', localPort } = request.socket
  const name = localAddress.includes(':') ? `[${localAddress}]` : localAddress
  return localPort === undefined ? name : `${name}:${localPort}`
}
