/** What namespaces are for: types of resources. */
import type { FastifyInstance } from 'fastify'
import type { ApiComponents } from '../../api-components.ts'
import { callerOf } from '../../context.ts'
import { sendJson, unwrap } from '../../replies.ts'
import { readJsonBody, refuseBody } from '../../request-body.ts'
import { associationView, resourceTypesView } from '../../views/metadef-v2.ts'
import { parseAssociation } from './bodies.ts'
import { namespaceOf, type NamespaceParams } from './metadef-params.ts'

const ASSOCIATIONS = '/metadefs/namespaces/:namespace/resource_types'

export function resourceTypeRoutes(app: FastifyInstance, { metadefs, clock }: ApiComponents): void {
  app.get('/metadefs/resource_types', async (request, reply) => {
    refuseBody(request.raw)
    const types = unwrap(reply, await metadefs.resourceTypes(callerOf(request)))
    return sendJson(reply, 200, resourceTypesView(types))
  })

  app.get<NamespaceParams>(ASSOCIATIONS, async (request, reply) => {
    refuseBody(request.raw)
    const found = await metadefs.parts(callerOf(request), namespaceOf(request), 'associations')
    return sendJson(reply, 200, { resource_type_associations: unwrap(reply, found).map(associationView) })
  })

  app.post<NamespaceParams>(ASSOCIATIONS, async (request, reply) => {
    const draft = parseAssociation(await readJsonBody(request.raw, reply.raw, clock))
    const made = await metadefs.addPart(callerOf(request), namespaceOf(request), 'associations', draft)
    return sendJson(reply, 201, associationView(made))
  })
}
