/** Everything below /v2/metadefs, and its schemas. */
import type { FastifyInstance } from 'fastify'
import type { ChangeableKind } from '../../../node/metadefs/metadef-service-port.ts'
import type { PartKind } from '../../../node/metadefs/namespace-record.ts'
import type { ApiComponents, ApiOptions } from '../../api-components.ts'
import { callerOf } from '../../context.ts'
import { sendJson, sendNothing } from '../../replies.ts'
import { refuseBody } from '../../request-body.ts'
import { METADEF_SCHEMAS } from '../../schemas/metadef-schemas.ts'
import { namespaceOf, partOf, type NamespaceParams, type PartParams } from './metadef-params.ts'
import { namespaceRoutes } from './namespaces.ts'
import { objectRoutes } from './objects.ts'
import { propertyRoutes } from './properties.ts'
import { resourceTypeRoutes } from './resource-types.ts'
import { metadefTagRoutes } from './tags.ts'

const CHANGEABLE = ['properties', 'objects', 'tags'] as const satisfies ChangeableKind[]
/** Kinds of parts by what they are called in paths. */
const KINDS: Readonly<Record<string, PartKind>> = {
  ...Object.fromEntries(CHANGEABLE.map((kind) => [kind, kind])),
  resource_types: 'associations',
}

export function metadefRoutes(app: FastifyInstance, components: ApiComponents, options: ApiOptions): void {
  namespaceRoutes(app, components, options)
  objectRoutes(app, components)
  propertyRoutes(app, components)
  metadefTagRoutes(app, components)
  resourceTypeRoutes(app, components)
  removalRoutes(app, components)
  for (const [name, schema] of Object.entries(METADEF_SCHEMAS)) {
    app.get(`/schemas/metadefs/${name}`, async (request, reply) => {
      refuseBody(request.raw)
      return sendJson(reply, 200, schema)
    })
  }
}

/** Parts of any kind go in the same way. */
function removalRoutes(app: FastifyInstance, { metadefs }: ApiComponents): void {
  for (const [name, kind] of Object.entries(KINDS)) {
    app.delete<PartParams>(`/metadefs/namespaces/:namespace/${name}/:part`, async (request, reply) => {
      refuseBody(request.raw)
      await metadefs.removePart(callerOf(request), namespaceOf(request), kind, partOf(request))
      return sendNothing(reply)
    })
  }
  for (const kind of CHANGEABLE) {
    app.delete<NamespaceParams>(`/metadefs/namespaces/:namespace/${kind}`, async (request, reply) => {
      refuseBody(request.raw)
      await metadefs.removeParts(callerOf(request), namespaceOf(request), kind)
      return sendNothing(reply)
    })
  }
}
