/**
 * The operator's server: the page, metrics, and as JSON cluster status, images by node, events, membership, background loops,
 * image caches, deleted images, stores, tasks and stages, images that are moved, and metadata definitions.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fastify from 'fastify'
import type { Log } from '../../cluster/runtime.ts'
import type { ClusterStatus } from '../../node/status/status-types.ts'
import { describeError } from '../errors.ts'
import type { Presence } from '../api-components.ts'
import { healthRoutes } from '../health.ts'
import { cacheAdminRoutes, type CacheAdminPort } from './cache-routes.ts'
import { clusterRoutes, type ClusterAdminPort } from './cluster-routes.ts'
import { departureRoutes, type DeparturesPort } from './departure-routes.ts'
import { historyRoutes, type HistoryPort, type ImageMapPort } from './history-routes.ts'
import { imageAdminRoutes, type ImageAdminPort } from './image-routes.ts'
import { loopRoutes, type LoopAdminPort } from './loop-routes.ts'
import { openApiRoutes } from './openapi/document.ts'
import type { OperatorAccess } from './operator-access.ts'
import { addSafeHeaders, pageRoutes, type PageFiles } from './status-page.ts'
import { metricsRoutes, type MetricsPort } from './metrics-routes.ts'
import { metadefAdminRoutes, type MetadefAdminPort } from './metadef-routes.ts'
import { storeRoutes, type StoreAdminPort } from './store-routes.ts'
import { workRoutes, type WorkAdminPort } from './work-routes.ts'
import { movingRoutes, type MovingOptions, type MovingParts } from './moving-routes.ts'

export interface OperatorComponents {
  /** The whole truth, from any node; the unreachable is shown as unknown. */
  clusterStatus(): Promise<ClusterStatus>
  admin: ClusterAdminPort
  departures: DeparturesPort
  loops: LoopAdminPort
  caches: CacheAdminPort
  images: ImageAdminPort
  stores: StoreAdminPort
  work: WorkAdminPort
  map: ImageMapPort
  history: HistoryPort
  access: Pick<OperatorAccess, 'refuseForeignPages' | 'requireOperator'>
  page: PageFiles
  whyAway: Presence['whyAway']
  metadefs: MetadefAdminPort
  metrics: MetricsPort
  moving: Omit<MovingParts, 'log'>
  log: Log
}

export interface OperatorOptions extends MovingOptions {
  disableFile: Presence['disableFile']
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Asks for no token. */
    isPublic?: boolean
  }
}

/** The largest request, but for images that are moved, names seven voters. */
const BODY_BYTES_MAX = 16 * 1024

/** For load balancers and supervisors, which know no token. */
const HEALTH = '/healthcheck'

/** Builds the operator's server, not listening. Every error is `{"error":{"status","message"}}`. */
export function buildOperatorServer(
  components: OperatorComponents,
  options: OperatorOptions,
): FastifyInstance {
  const sendError = (error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const { status, message, headers } = describeError(error)
    if (status === 500) components.log.error({ path: request.url, err: error }, 'an operator request failed')
    return reply.code(status).headers(headers).send({ error: { status, message } })
  }
  const app = fastify({
    bodyLimit: BODY_BYTES_MAX,
    exposeHeadRoutes: false,
    frameworkErrors: (error, request, reply) => void sendError(error, request, reply),
  })
  app.setErrorHandler(sendError)
  app.setNotFoundHandler((_request, reply) =>
    reply.code(404).send({ error: { status: 404, message: 'There is nothing at this path.' } }),
  )
  addSafeHeaders(app)
  app.addHook('onRequest', async (request) => {
    components.access.refuseForeignPages(request)
    const isPublic = request.routeOptions.config.isPublic === true || request.routeOptions.url === HEALTH
    if (!isPublic) await components.access.requireOperator(request)
  })
  pageRoutes(app, components.page)
  healthRoutes(app, { ...options, whyAway: components.whyAway })
  app.get('/v1/cluster/status', async (_request, reply) => {
    reply.header('cache-control', 'no-store')
    return components.clusterStatus()
  })
  openApiRoutes(app)
  metricsRoutes(app, components.metrics)
  clusterRoutes(app, components.admin)
  departureRoutes(app, components.departures)
  loopRoutes(app, components.loops)
  cacheAdminRoutes(app, components.caches)
  imageAdminRoutes(app, components.images)
  storeRoutes(app, components.stores)
  workRoutes(app, components.work)
  historyRoutes(app, components)
  metadefAdminRoutes(app, components.metadefs)
  movingRoutes(app, { ...components.moving, log: components.log }, options)
  return app
}
