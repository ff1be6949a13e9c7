/** The operator's routes for tasks, and for bytes that wait for their import. */
import type { FastifyInstance } from 'fastify'
import type { WorkAdmin } from '../../node/status/work-admin.ts'
import { parseTasksQuery } from './cluster-requests.ts'

export type WorkAdminPort = Pick<WorkAdmin, 'tasks' | 'task' | 'removeTask' | 'staged' | 'clearStage'>

interface One {
  Params: { id: string }
}

const TASKS = '/v1/cluster/tasks'
const STAGED = '/v1/cluster/staged-images'

export function workRoutes(app: FastifyInstance, work: WorkAdminPort): void {
  app.get(TASKS, async ({ query }, reply) => {
    reply.header('cache-control', 'no-store')
    return work.tasks(parseTasksQuery(query))
  })
  app.get<One>(`${TASKS}/:id`, async ({ params }, reply) => {
    reply.header('cache-control', 'no-store')
    return work.task(params.id)
  })
  app.delete<One>(`${TASKS}/:id`, async ({ params }, reply) => {
    await work.removeTask(params.id)
    return reply.code(204).send()
  })
  app.get(STAGED, async (_request, reply) => {
    reply.header('cache-control', 'no-store')
    return work.staged()
  })
  app.delete<One>(`${STAGED}/:id`, async ({ params }, reply) => {
    await work.clearStage(params.id)
    return reply.code(204).send()
  })
}
