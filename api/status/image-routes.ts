/** The operator's routes for images that were deleted and still wait for their end. */
import type { FastifyInstance } from 'fastify'
import type { ImageAdmin } from '../../node/status/image-admin.ts'

export type ImageAdminPort = Pick<ImageAdmin, 'deleted' | 'restore'>

const DELETED = '/v1/cluster/deleted-images'

export function imageAdminRoutes(app: FastifyInstance, images: ImageAdminPort): void {
  app.get(DELETED, async (_request, reply) => {
    reply.header('cache-control', 'no-store')
    return images.deleted()
  })
  app.post<{ Params: { id: string } }>(`${DELETED}/:id/restore`, async ({ params }, reply) => {
    await images.restore(params.id)
    return reply.code(204).send()
  })
}
