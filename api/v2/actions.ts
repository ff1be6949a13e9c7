/** What is done to an image by name: it is taken out of use, and put back. */
import type { FastifyInstance } from 'fastify'
import type { ApiComponents } from '../api-components.ts'
import { callerOf } from '../context.ts'
import { sendNothing } from '../replies.ts'
import { refuseBody } from '../request-body.ts'
import { imageIdOf, type ImageParams } from './image-id.ts'

export function actionRoutes(app: FastifyInstance, { images }: ApiComponents): void {
  for (const action of ['deactivate', 'reactivate'] as const) {
    app.post<ImageParams>(`/images/:imageId/actions/${action}`, async (request, reply) => {
      refuseBody(request.raw)
      await images[action](callerOf(request), imageIdOf(request))
      return sendNothing(reply)
    })
  }
}
