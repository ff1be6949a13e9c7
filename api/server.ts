/** The Glance façade: puts routes, limits and error answers together. */
import type { RequestListener } from 'node:http'
import { createServer } from 'node:https'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fastify from 'fastify'
import type { Log } from '../cluster/runtime.ts'
import { ImageError } from '../node/errors.ts'
import type { ApiComponents, ApiOptions } from './api-components.ts'
import { withoutPrefix } from './base-url.ts'
import { ClientErrorAnswers } from './client-errors.ts'
import { globalRequestId, newRequestId, REQUEST_ID_HEADER } from './context.ts'
import { allowOrigins } from './cors.ts'
import { earlyAnswerHook } from './early-answer.ts'
import { renderError, renderJson } from './error-body.ts'
import { describeError, HttpError } from './errors.ts'
import { healthRoutes, readinessRoutes } from './health.ts'
import type { CertificatePair } from './server-certificate.ts'
import { v1Routes } from './v1/v1-routes.ts'
import { v2Routes } from './v2/v2-routes.ts'
import { rewriteVersionPrefix, sendVersions } from './versions.ts'

/** Characters of a request target, as in Glance's server. */
export const URL_LENGTH_MAX = 8192
/** Bytes of request line and headers: the URL, a token of 16 KiB (Glance's max_header_line), and the rest. */
export const HEADER_BYTES_MAX = 32 * 1024
/** A client must have sent its headers within this time, ms. Bodies have deadlines of their own: uploads take hours. */
export const HEADERS_MS_MAX = 60_000
/** A TLS handshake must be done within this time, ms: it fits in a few packets. */
const HANDSHAKE_MS_MAX = 15_000
/** An idle connection is kept for the next request this long, ms: longer than load balancers keep theirs, usually 60 s. */
const KEEP_ALIVE_MS = 72_000
/** Open connections; more are turned away at once, so that a load balancer tries another node. */
export const CONNECTIONS_MAX = 4096

/** Builds the API server, not listening: `listen` and `close` are the composition root's. */
export function buildApiServer(components: ApiComponents, options: ApiOptions): FastifyInstance {
  const { log, random, clock, v1, meter } = components
  const versions = { ...options, offersV1: v1 !== null }
  const clientErrors = new ClientErrorAnswers(() => newRequestId(random))
  const app = fastify({
    genReqId: () => newRequestId(random),
    exposeHeadRoutes: false,
    // Its own 503 has neither Retry-After nor a body that glanceclient can read; `refuseWhileClosing` does it.
    return503OnClosing: false,
    requestTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
    http: HTTP_LIMITS,
    ...(options.tls && { serverFactory: tlsServer(options.tls) }),
    // Over-long ids are 404 like any other unknown one, not 414.
    routerOptions: { maxParamLength: URL_LENGTH_MAX },
    rewriteUrl: ({ url = '/', headers }) =>
      rewriteVersionPrefix(withoutPrefix(url, options.pathPrefix) ?? url, headers.accept, versions),
    // What fastify refuses before any hook runs: a URL that cannot be decoded. Any body stays unread.
    frameworkErrors: (error, request, reply) => {
      void sendError(error, request, reply.header('connection', 'close'), log)
    },
    clientErrorHandler: clientErrors.handle,
  })
  app.decorateRequest('caller', null)
  readBodiesInRoutes(app)
  clientErrors.watch(app.server)
  app.server.maxConnections = CONNECTIONS_MAX
  // Without this node would send 100 Continue before anybody looked at the request.
  app.server.on('checkContinue', (request, response) => app.server.emit('request', request, response))

  // Hooks that need not wait take a callback: a promise for each would cost every request some turns.
  app.addHook('onRequest', (request, reply, done) => {
    reply.header(REQUEST_ID_HEADER, request.id)
    if (request.url.length <= URL_LENGTH_MAX) done()
    else done(new HttpError('URI_TOO_LONG', 'The URL is too long.'))
  })
  refuseWhileClosing(app)
  hangUpWhileAway(app, components.whyAway)
  app.addHook('onSend', earlyAnswerHook(clock))
  noteRequests(app, meter, log)
  app.setErrorHandler((error, request, reply) => sendError(error, request, reply, log))
  const presence = { ...options, whyAway: components.whyAway }
  healthRoutes(app, presence)
  readinessRoutes(app, components.readiness, presence)
  allowOrigins(app, options.cors)
  app.setNotFoundHandler((request, reply) => sendVersions(request, reply, versions))
  app.register(v2Routes(components, options), { prefix: '/v2' })
  if (v1) app.register(v1Routes(v1, components, options), { prefix: '/v1' })
  return app
}

const HTTP_LIMITS = { headersTimeout: HEADERS_MS_MAX, maxHeaderSize: HEADER_BYTES_MAX }

/** With the limits that fastify gives to a server of its own. */
function tlsServer(pair: CertificatePair) {
  const limits = {
    ...HTTP_LIMITS,
    handshakeTimeout: HANDSHAKE_MS_MAX,
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestTimeout: 0,
  }
  return (handler: RequestListener) => createServer({ ...pair, ...limits }, handler)
}

/**
 * fastify parses bodies by Content-Type before a route is asked, and refuses types it cannot parse. Glance's clients send
 * octet-stream with nothing and JSON as text, so to fastify no method has a body.
 */
function readBodiesInRoutes(app: FastifyInstance): void {
  for (const method of ['DELETE', 'OPTIONS', 'PATCH', 'PUT', 'POST', 'QUERY']) {
    app.addHttpMethod(method, { hasBody: false, overrideExisting: true })
  }
}

function refuseWhileClosing(app: FastifyInstance): void {
  let closing = false
  app.addHook('preClose', async () => {
    closing = true
  })
  app.addHook('onRequest', (_request, _reply, done) => {
    if (closing) done(new ImageError('UNAVAILABLE', 'This node is stopping.'))
    else done()
  })
}

/** Whose next request should go to another node is not to keep its connection to this one. */
function hangUpWhileAway(app: FastifyInstance, whyAway: ApiComponents['whyAway']): void {
  app.addHook('onRequest', (_request, reply, done) => {
    if (whyAway() !== null) reply.header('connection', 'close')
    done()
  })
}

/** One line per request; the query is left out, because it holds names, and so is every header. */
function noteRequests(app: FastifyInstance, meter: ApiComponents['meter'], log: Log): void {
  app.addHook('onResponse', (request, reply, done) => {
    const fields = {
      requestId: request.id,
      globalRequestId: globalRequestId(request),
      projectId: request.caller?.projectId ?? null,
      method: request.method,
      path: request.url.split('?')[0],
      status: reply.statusCode,
      elapsedMs: Math.round(reply.elapsedTime),
    }
    log.info(fields, 'request')
    const route = request.routeOptions.url ?? null
    meter.noteRequest({
      method: request.method,
      route,
      status: reply.statusCode,
      elapsedMs: reply.elapsedTime,
    })
    done()
  })
}

function sendError(error: unknown, request: FastifyRequest, reply: FastifyReply, log: Log): FastifyReply {
  const { status, message, headers, json } = describeError(error)
  const fields = { requestId: request.id, err: error }
  if (request.raw.socket.destroyed) log.info(fields, 'the client left before its answer')
  else if (status === 500) log.error(fields, 'a request failed unexpectedly')
  else if (status === 503) log.warn(fields, 'a request could not be served')
  const { contentType, body } = json ? renderJson(json) : renderError(request.headers.accept, status, message)
  return reply
    .code(status)
    .headers({ ...headers, 'content-type': contentType, [REQUEST_ID_HEADER]: request.id })
    .send(body)
}
