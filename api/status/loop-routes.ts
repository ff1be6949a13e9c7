/** The operator's routes that show and set the background loops of the node that is asked. */
import type { FastifyInstance } from 'fastify'
import type { LoopAdmin } from '../../node/status/loop-admin.ts'
import { parseLoopChanges } from './cluster-requests.ts'

export type LoopAdminPort = Pick<LoopAdmin, 'describe' | 'change'>

const LOOPS = '/v1/cluster/loops'

export function loopRoutes(app: FastifyInstance, loops: LoopAdminPort): void {
  app.get(LOOPS, async (_request, reply) => {
    reply.header('cache-control', 'no-store')
    return loops.describe()
  })
  app.post<{ Params: { name: string } }>(`${LOOPS}/:name`, async ({ params, body }) =>
    loops.change(params.name, parseLoopChanges(body)),
  )
}
