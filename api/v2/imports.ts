/** Images get their bytes behind an answer: which ways there are, and `POST /v2/images/{id}/import`. */
import type { FastifyInstance } from 'fastify'
import type { ApiComponents } from '../api-components.ts'
import { callerOf } from '../context.ts'
import { sendJson } from '../replies.ts'
import { readJsonBody, refuseBody } from '../request-body.ts'
import { parseImportRequest, STORE_HEADER } from './import-body.ts'
import { imageIdOf, type ImageParams } from './image-id.ts'

export function importRoutes(app: FastifyInstance, { imports, clock }: ApiComponents): void {
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
    await imports.import(callerOf(request), imageIdOf(request), parsed)
    return reply.code(202).send()
  })
}
