/** The operator's routes for metadata definitions as a whole. */
import type { FastifyInstance } from 'fastify'
import { LOAD_MODES, type MetadefAdmin } from '../../node/status/metadef-admin.ts'
import { JSON_BODY_BYTES_MAX } from '../request-body.ts'
import { parseChoice } from '../v2/filter-values.ts'
import { parseNamespace } from '../v2/metadefs/bodies.ts'
import { contentView } from '../views/metadef-v2.ts'

export type MetadefAdminPort = Pick<MetadefAdmin, 'all' | 'load' | 'unload'>

const METADEFS = '/v1/cluster/metadefs'

export function metadefAdminRoutes(app: FastifyInstance, metadefs: MetadefAdminPort): void {
  app.get(METADEFS, async (_request, reply) => {
    reply.header('cache-control', 'no-store')
    return { namespaces: (await metadefs.all()).map(contentView) }
  })
  app.post<{ Querystring: { mode?: string } }>(
    METADEFS,
    { bodyLimit: JSON_BODY_BYTES_MAX },
    async ({ body, query }) => {
      const draft = parseNamespace(body)
      const mode = parseChoice('mode', LOAD_MODES, query.mode ?? 'keep')
      return { namespace: draft.name, result: await metadefs.load(draft, mode) }
    },
  )
  app.delete<{ Params: { namespace: string } }>(`${METADEFS}/:namespace`, async ({ params }) => ({
    namespace: params.namespace,
    removed: await metadefs.unload(params.namespace),
  }))
}
