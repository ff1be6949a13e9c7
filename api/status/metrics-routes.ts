/** `GET /metrics`, for Prometheus: with the token of the operator port, or from loopback where that is open. */
import type { FastifyInstance } from 'fastify'
import type { NodeMetrics } from '../../node/status/metrics/node-metrics.ts'

export type MetricsPort = Pick<NodeMetrics, 'page'>

export function metricsRoutes(app: FastifyInstance, metrics: MetricsPort): void {
  app.get('/metrics', async (_request, reply) => {
    const { contentType, text } = await metrics.page()
    return reply.header('cache-control', 'no-store').header('content-type', contentType).send(text)
  })
}
