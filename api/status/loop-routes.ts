/** The operator's routes that show and set background loops: those of the node that is asked, or of another. */
import type { FastifyInstance } from 'fastify'
import type { LoopAdmin } from '../../node/status/loop-admin.ts'
import { parseLoopChanges } from './cluster-requests.ts'

export type LoopAdminPort = Pick<LoopAdmin, 'describe' | 'change' | 'changeAt'>

const LOOPS = '/v1/cluster/loops'

export function loopRoutes(app: FastifyInstance, loops: LoopAdminPort): void {
  app.get(LOOPS, async (_request, reply) => {
    reply.header('cache-control', 'no-store')
    return loops.describe()
  })
  app.post<{ Params: { name: string } }>(`${LOOPS}/:name`, async ({ params, body }) =>
    loops.change(params.name, parseLoopChanges(body)),
  )
  app.post<{ Params: { id: string; name: string } }>(
    '/v1/cluster/nodes/:id/loops/:name',
    async ({ params, body }) => loops.changeAt(params.id, params.name, parseLoopChanges(body)),
  )
}
