/** Objects of a namespace: properties that belong together. */
import type { FastifyInstance } from 'fastify'
import type { ApiComponents } from '../../api-components.ts'
import { callerOf } from '../../context.ts'
import { sendJson, unwrap } from '../../replies.ts'
import { readJsonBody, refuseBody } from '../../request-body.ts'
import { givenObjectView, objectsView, objectView } from '../../views/metadef-v2.ts'
import { parseQuery } from '../../url-query.ts'
import { parseObject } from './bodies.ts'
import {
  checkObjectQuery,
  namespaceOf,
  partOf,
  type NamespaceParams,
  type PartParams,
} from './metadef-params.ts'

const OBJECTS = '/metadefs/namespaces/:namespace/objects'
const OBJECT = `${OBJECTS}/:part`

export function objectRoutes(app: FastifyInstance, { metadefs, clock }: ApiComponents): void {
  app.get<NamespaceParams>(OBJECTS, async (request, reply) => {
    refuseBody(request.raw)
    checkObjectQuery(parseQuery(request.url))
    const namespace = namespaceOf(request)
    const objects = unwrap(reply, await metadefs.parts(callerOf(request), namespace, 'objects'))
    return sendJson(reply, 200, objectsView(namespace, objects))
  })

  app.post<NamespaceParams>(OBJECTS, async (request, reply) => {
    const body = await readJsonBody(request.raw, reply.raw, clock)
    const draft = parseObject(body, { isNew: true })
    const namespace = namespaceOf(request)
    const object = await metadefs.addPart(callerOf(request), namespace, 'objects', draft)
    return sendJson(reply, 201, givenObjectView(namespace, object, body as object as Record<string, unknown>))
  })

  app.get<PartParams>(OBJECT, async (request, reply) => {
    refuseBody(request.raw)
    const namespace = namespaceOf(request)
    const found = await metadefs.part(callerOf(request), namespace, 'objects', partOf(request))
    return sendJson(reply, 200, objectView(namespace, unwrap(reply, found)))
  })

  app.put<PartParams>(OBJECT, async (request, reply) => {
    const body = await readJsonBody(request.raw, reply.raw, clock)
    const draft = parseObject(body, { isNew: false })
    const namespace = namespaceOf(request)
    const object = await metadefs.replacePart(callerOf(request), namespace, 'objects', partOf(request), draft)
    return sendJson(reply, 200, givenObjectView(namespace, object, body as object as Record<string, unknown>))
  })
}
