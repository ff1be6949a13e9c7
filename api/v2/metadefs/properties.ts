/** Properties of a namespace. */
import type { FastifyInstance } from 'fastify'
import type { ApiComponents } from '../../api-components.ts'
import { callerOf } from '../../context.ts'
import { sendJson, unwrap } from '../../replies.ts'
import { readJsonBody, refuseBody } from '../../request-body.ts'
import { definitionsView, propertyView } from '../../views/metadef-v2.ts'
import { parseQuery } from '../../url-query.ts'
import { last } from '../image-list-query.ts'
import { parseProperty } from './bodies.ts'
import { namespaceOf, partOf, type NamespaceParams, type PartParams } from './metadef-params.ts'

const PROPERTIES = '/metadefs/namespaces/:namespace/properties'
const PROPERTY = `${PROPERTIES}/:part`

export function propertyRoutes(app: FastifyInstance, { metadefs, clock }: ApiComponents): void {
  app.get<NamespaceParams>(PROPERTIES, async (request, reply) => {
    refuseBody(request.raw)
    const found = await metadefs.parts(callerOf(request), namespaceOf(request), 'properties')
    return sendJson(reply, 200, { properties: definitionsView(unwrap(reply, found)) })
  })

  app.post<NamespaceParams>(PROPERTIES, async (request, reply) => {
    const draft = parseProperty(await readJsonBody(request.raw, reply.raw, clock))
    const property = await metadefs.addPart(callerOf(request), namespaceOf(request), 'properties', draft)
    return sendJson(reply, 201, propertyView(property))
  })

  app.get<PartParams>(PROPERTY, async (request, reply) => {
    refuseBody(request.raw)
    const [caller, namespace, name] = [callerOf(request), namespaceOf(request), partOf(request)]
    // As resources of a type call it.
    const resourceType = last(parseQuery(request.url), 'resource_type')
    const found = resourceType
      ? await metadefs.prefixedProperty(caller, namespace, name, resourceType)
      : await metadefs.part(caller, namespace, 'properties', name)
    return sendJson(reply, 200, propertyView(unwrap(reply, found)))
  })

  app.put<PartParams>(PROPERTY, async (request, reply) => {
    const draft = parseProperty(await readJsonBody(request.raw, reply.raw, clock))
    const [namespace, name] = [namespaceOf(request), partOf(request)]
    const property = await metadefs.replacePart(callerOf(request), namespace, 'properties', name, draft)
    return sendJson(reply, 200, propertyView(property))
  })
}
