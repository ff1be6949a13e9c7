/** Where the bytes of an image are, for the services of the cloud (2.17, glance-api.md §6.4). */
import type { FastifyInstance } from 'fastify'
import type { ApiComponents } from '../api-components.ts'
import { callerOf } from '../context.ts'
import { sendJson } from '../replies.ts'
import { readJsonBody, refuseBody } from '../request-body.ts'
import { imageIdOf, type ImageParams } from './image-id.ts'
import { parseLocationRequest } from './location-body.ts'

export function locationRoutes(app: FastifyInstance, { images, clock }: ApiComponents): void {
  app.post<ImageParams>('/images/:imageId/locations', async (request, reply) => {
    const body = parseLocationRequest(await readJsonBody(request.raw, reply.raw, clock))
    await images.addLocation(callerOf(request), imageIdOf(request), body)
    return reply.code(202).send()
  })

  app.get<ImageParams>('/images/:imageId/locations', async (request, reply) => {
    refuseBody(request.raw)
    return sendJson(reply, 200, await images.locations(callerOf(request), imageIdOf(request)))
  })
}
