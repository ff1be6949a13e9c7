/** How much of its limits in Keystone the caller's project uses: `GET /v2/info/usage`. */
import type { FastifyInstance } from 'fastify'
import type { ApiComponents } from '../api-components.ts'
import { callerOf } from '../context.ts'
import { sendJson } from '../replies.ts'
import { refuseBody } from '../request-body.ts'

export function usageRoutes(app: FastifyInstance, { images }: ApiComponents): void {
  app.get('/info/usage', async (request, reply) => {
    refuseBody(request.raw)
    return sendJson(reply, 200, { usage: await images.usage(callerOf(request)) })
  })
}
