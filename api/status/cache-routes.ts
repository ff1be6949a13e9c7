/** The operator's routes that show and change the image caches of all nodes. */
import type { FastifyInstance } from 'fastify'
import type { CacheAdmin } from '../../node/status/cache-admin.ts'
import { parseCacheRequest } from './cluster-requests.ts'

export type CacheAdminPort = Pick<CacheAdmin, 'describe' | 'change'>

const CACHE = '/v1/cluster/cache'

export function cacheAdminRoutes(app: FastifyInstance, caches: CacheAdminPort): void {
  app.get(CACHE, async (_request, reply) => {
    reply.header('cache-control', 'no-store')
    return caches.describe()
  })
  app.post(CACHE, async ({ body }) => {
    const { node, ...change } = parseCacheRequest(body)
    return caches.change(change, node)
  })
}
