/** The operator's routes for stores: what is in each, and images that go from one to another. */
import type { FastifyInstance } from 'fastify'
import type { StoreAdmin } from '../../node/status/store-admin.ts'
import { parsePage, parseStoreMove } from './cluster-requests.ts'

export type StoreAdminPort = Pick<StoreAdmin, 'list' | 'images' | 'move'>

const STORES = '/v1/cluster/stores'

export function storeRoutes(app: FastifyInstance, stores: StoreAdminPort): void {
  app.get(STORES, async (_request, reply) => {
    reply.header('cache-control', 'no-store')
    return stores.list()
  })
  app.get<{ Params: { id: string } }>(`${STORES}/:id/images`, async ({ params, query }, reply) => {
    reply.header('cache-control', 'no-store')
    const { marker, limit } = parsePage(query)
    return stores.images(params.id, marker, limit)
  })
  app.post<{ Params: { id: string; image: string } }>(
    `${STORES}/:id/images/:image/move`,
    async ({ params, body }) =>
      stores.move({ imageId: params.image, from: params.id, ...parseStoreMove(body) }),
  )
}
