/** The operator's routes for nodes that leave: what it would cost, to drain one, to have it back, to take it out. */
import type { FastifyInstance } from 'fastify'
import type { Departures } from '../../node/status/departures.ts'
import { parseForceQuery } from './cluster-requests.ts'
import { NODES } from './cluster-routes.ts'

export type DeparturesPort = Pick<Departures, 'plan' | 'drain' | 'undrain' | 'remove'>

interface ById {
  Params: { id: string }
}

/** GET changes nothing. With `?force=true` it is done whatever the plan objects. */
export function departureRoutes(app: FastifyInstance, departures: DeparturesPort): void {
  app.get<ById>(`${NODES}/:id/drain`, async ({ params }, reply) => {
    reply.header('cache-control', 'no-store')
    return departures.plan('drain', params.id)
  })
  app.put<ById>(`${NODES}/:id/drain`, ({ params, query }) =>
    departures.drain(params.id, parseForceQuery(query)),
  )
  app.delete<ById>(`${NODES}/:id/drain`, async ({ params }, reply) => {
    await departures.undrain(params.id)
    return reply.code(204).send()
  })
  app.get<ById>(`${NODES}/:id/removal`, async ({ params }, reply) => {
    reply.header('cache-control', 'no-store')
    return departures.plan('remove', params.id)
  })
  app.delete<ById>(`${NODES}/:id`, async ({ params, query }, reply) => {
    await departures.remove(params.id, parseForceQuery(query))
    return reply.code(204).send()
  })
}
