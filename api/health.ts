/** Whether load balancers should send requests here: Glance's /healthcheck, and what it cannot tell, /ready. */
import { existsSync } from 'node:fs'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Presence, Readiness } from './api-components.ts'
import { escapeHtml } from './error-body.ts'
import { RETRY_AFTER_SECONDS } from './errors.ts'
import { chooseMediaType } from './negotiation.ts'

interface Health {
  ok: boolean
  reasons: string[]
}

const HEALTHY: Health = { ok: true, reasons: ['OK'] }

/** `GET /healthcheck` says whether the process answers and is not drained: it never waits for disk or cluster. */
export function healthRoutes(app: FastifyInstance, presence: Presence): void {
  app.all('/healthcheck', (request, reply) => sendHealth(request, reply, absence(presence) ?? HEALTHY))
}

/** `GET /ready` for the pool that takes writes, `GET /ready/read` for one that only reads. A drained node is in neither. */
export function readinessRoutes(app: FastifyInstance, readiness: Readiness, presence: Presence): void {
  const health = (ok: boolean): Health =>
    absence(presence) ?? (ok ? HEALTHY : { ok, reasons: readiness.reasons() })
  app.all('/ready', (request, reply) => sendHealth(request, reply, health(readiness.canWrite())))
  app.all('/ready/read', (request, reply) => sendHealth(request, reply, health(readiness.canRead())))
}

/** Synchronous on purpose: an answer from the file system's cache, while the thread pool may be full of disk writes. */
function absence({ disableFile, whyAway }: Presence): Health | null {
  const why = existsSync(disableFile) ? 'DISABLED BY FILE' : whyAway()
  return why === null ? null : { ok: false, reasons: [why] }
}

function sendHealth(request: FastifyRequest, reply: FastifyReply, health: Health): FastifyReply {
  if (!health.ok) reply.header('retry-after', String(RETRY_AFTER_SECONDS))
  if (request.method === 'HEAD') return reply.code(health.ok ? 204 : 503).send()
  const { contentType, text } = renderHealth(request.headers.accept, health.reasons)
  return reply
    .code(health.ok ? 200 : 503)
    .header('content-type', contentType)
    .send(Buffer.from(text))
}

function renderHealth(accept: string | undefined, reasons: string[]): { contentType: string; text: string } {
  const mediaType = chooseMediaType(accept, ['text/plain', 'text/html', 'application/json'])
  if (mediaType === 'application/json') {
    return { contentType: mediaType, text: JSON.stringify({ detailed: false, reasons }) }
  }
  if (mediaType === 'text/html') {
    return { contentType: 'text/html; charset=UTF-8', text: healthPage(reasons) }
  }
  return { contentType: 'text/plain; charset=UTF-8', text: reasons.join('\n') }
}

function healthPage(reasons: string[]): string {
  const items = reasons.map((reason) => `<li>${escapeHtml(reason)}</li>`).join('')
  return `<html><head><title>Healthcheck Status</title></head><body><ul>${items}</ul></body></html>`
}
