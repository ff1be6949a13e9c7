/** Images get their bytes behind an answer: which ways there are, and `POST /v2/images/{id}/import`. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { RemoteImage } from '../../node/imports/remote-glance.ts'
import type { ApiComponents, Authenticator } from '../api-components.ts'
import { imageEndpoint } from '../auth/image-endpoint.ts'
import { callerOf } from '../context.ts'
import { sendJson } from '../replies.ts'
import { readJsonBody, refuseBody } from '../request-body.ts'
import { parseImportRequest, STORE_HEADER, type ParsedImport } from './import-body.ts'
import { imageIdOf, type ImageParams } from './image-id.ts'

export function importRoutes(app: FastifyInstance, { imports, authenticator, clock }: ApiComponents): void {
  app.get('/info/import', async (request, reply) => {
    refuseBody(request.raw)
    const value = imports.methods
    return sendJson(reply, 200, {
      'import-methods': { description: 'Import methods available.', type: 'array', value },
    })
  })

  app.post<ImageParams>('/images/:imageId/import', async (request, reply) => {
    const store = request.headers[STORE_HEADER]
    const body = await readJsonBody(request.raw, reply.raw, clock)
    const parsed = parseImportRequest(body, typeof store === 'string' ? store : undefined)
    const isOffered = imports.methods.includes(parsed.method)
    const remote = parsed.remote && isOffered ? await located(parsed.remote, authenticator, request) : null
    await imports.import(callerOf(request), imageIdOf(request), { ...parsed, remote })
    return reply.code(202).send()
  })
}

/** Throws UNAVAILABLE while nobody tells where regions are. */
async function located(
  remote: NonNullable<ParsedImport['remote']>,
  authenticator: Authenticator,
  { headers }: FastifyRequest,
): Promise<RemoteImage> {
  const catalog = await authenticator.catalog(headers)
  const token = headers['x-auth-token']
  return {
    ...remote,
    endpoint: imageEndpoint(catalog, remote.region, remote.serviceInterface),
    token: typeof token === 'string' ? token.trim() : null,
  }
}
