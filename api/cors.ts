/**
 * Requests from pages of other origins (CORS), by the rules of oslo.middleware and not of @fastify/cors: Glance's operators
 * know these options, and here OPTIONS stays a 405 while no origin is allowed.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

/** Named as in the section [cors]. */
export interface CorsOptions {
  /** `*` stands for any; none turns CORS off. */
  allowedOrigin: readonly string[]
  allowCredentials: boolean
  exposeHeaders: readonly string[]
  /** Seconds for which a browser may remember what it was told. */
  maxAge: number
  allowMethods: readonly string[]
  allowHeaders: readonly string[]
}

/** What a page may always send. */
const SIMPLE_HEADERS = [
  'accept',
  'accept-language',
  'content-type',
  'cache-control',
  'content-language',
  'expires',
  'last-modified',
  'pragma',
]

/** Answers every OPTIONS of `app` and marks every other answer, when any origin is allowed at all. */
export function allowOrigins(app: FastifyInstance, options: CorsOptions): void {
  if (options.allowedOrigin.length === 0) return
  const askable = new Set([...SIMPLE_HEADERS, ...options.allowHeaders.map((name) => name.toLowerCase())])
  app.addHook('onRequest', (request, reply, done) => {
    const origin = allowedOrigin(request, options)
    if (request.method === 'OPTIONS') {
      if (origin !== null && mayBeSent(request, options, askable)) allow(request, reply, origin, options)
      return void reply.code(200).send()
    }
    if (origin !== null) mark(reply, origin, options)
    done()
  })
}

/** How an allowed origin is named in answers; null when it is not allowed, or when the request has none. */
function allowedOrigin({ headers }: FastifyRequest, options: CorsOptions): string | null {
  const { origin } = headers
  if (origin === undefined) return null
  if (options.allowedOrigin.includes(origin)) return origin
  return options.allowedOrigin.includes('*') ? '*' : null
}

function mayBeSent({ headers }: FastifyRequest, options: CorsOptions, askable: ReadonlySet<string>): boolean {
  const method = headers['access-control-request-method']
  if (method === undefined || !options.allowMethods.includes(method)) return false
  return askedHeaders(headers['access-control-request-headers']).every((name) =>
    askable.has(name.toLowerCase()),
  )
}

function askedHeaders(value = ''): string[] {
  return value
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
}

function allow({ headers }: FastifyRequest, reply: FastifyReply, origin: string, options: CorsOptions): void {
  markOrigin(reply, origin, options)
  const asked = askedHeaders(headers['access-control-request-headers'])
  if (options.maxAge > 0) reply.header('access-control-max-age', String(options.maxAge))
  reply.header('access-control-allow-methods', headers['access-control-request-method'])
  if (asked.length > 0) reply.header('access-control-allow-headers', asked.join(','))
}

function mark(reply: FastifyReply, origin: string, options: CorsOptions): void {
  markOrigin(reply, origin, options)
  if (options.exposeHeaders.length > 0)
    reply.header('access-control-expose-headers', options.exposeHeaders.join(','))
}

function markOrigin(reply: FastifyReply, origin: string, { allowCredentials }: CorsOptions): void {
  reply.header('vary', 'Origin').header('access-control-allow-origin', origin)
  if (allowCredentials) reply.header('access-control-allow-credentials', 'true')
}
