/** The operator's routes to what the status does not hold: images by node, events, capacity over time; and mutes. */
import type { FastifyInstance } from 'fastify'
import type { ClusterHistory } from '../../node/status/cluster-history.ts'
import type { ImageMap } from '../../node/status/image-map.ts'
import { parseEventsQuery, parseImageMapQuery, parseMuteRequest } from './cluster-requests.ts'

export type ImageMapPort = Pick<ImageMap, 'page'>
export type HistoryPort = Pick<ClusterHistory, 'events' | 'capacity' | 'mute'>

export function historyRoutes(
  app: FastifyInstance,
  { map, history }: { map: ImageMapPort; history: HistoryPort },
): void {
  app.get('/v1/cluster/images', async ({ query }, reply) => {
    reply.header('cache-control', 'no-store')
    return map.page(parseImageMapQuery(query))
  })
  app.get('/v1/cluster/events', async ({ query }, reply) => {
    reply.header('cache-control', 'no-store')
    return history.events(parseEventsQuery(query))
  })
  app.get('/v1/cluster/capacity', async (_request, reply) => {
    reply.header('cache-control', 'no-store')
    return history.capacity()
  })
  app.post('/v1/cluster/mutes', async ({ body }, reply) => {
    const mute = await history.mute(parseMuteRequest(body))
    return mute === null ? reply.code(204).send() : mute
  })
}
