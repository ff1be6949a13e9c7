/** Namespaces of metadata definitions. */
import type { FastifyInstance } from 'fastify'
import type { ApiComponents, ApiOptions } from '../../api-components.ts'
import { baseUrl } from '../../base-url.ts'
import { callerOf } from '../../context.ts'
import { sendJson, sendNothing, unwrap } from '../../replies.ts'
import { readJsonBody, refuseBody } from '../../request-body.ts'
import {
  metadefPath,
  namespacesView,
  namespaceView,
  newNamespaceView,
  wholeNamespaceView,
} from '../../views/metadef-v2.ts'
import { parseQuery } from '../../url-query.ts'
import { last } from '../image-list-query.ts'
import { parseNamespace, parseNamespaceChange } from './bodies.ts'
import { checkVisibility, namespaceOf, parseNamespaceQuery, type NamespaceParams } from './metadef-params.ts'

export function namespaceRoutes(app: FastifyInstance, components: ApiComponents, options: ApiOptions): void {
  const { metadefs, clock } = components

  app.get('/metadefs/namespaces', async (request, reply) => {
    const query = parseQuery(request.url)
    const asked = parseNamespaceQuery(query, options)
    const page = unwrap(reply, await metadefs.namespaces(callerOf(request), asked))
    return sendJson(reply, 200, namespacesView(page, query))
  })

  app.post('/metadefs/namespaces', async (request, reply) => {
    const body = await readJsonBody(request.raw, reply.raw, clock)
    const namespace = await metadefs.createNamespace(callerOf(request), parseNamespace(body))
    reply.header('location', `${baseUrl(request, options)}${metadefPath(namespace.name)}`)
    return sendJson(reply, 201, newNamespaceView(namespace, body as object as Record<string, unknown>))
  })

  app.get<NamespaceParams>('/metadefs/namespaces/:namespace', async (request, reply) => {
    refuseBody(request.raw)
    const query = parseQuery(request.url)
    checkVisibility(query)
    const namespace = unwrap(reply, await metadefs.namespace(callerOf(request), namespaceOf(request)))
    return sendJson(reply, 200, wholeNamespaceView(namespace, last(query, 'resource_type') ?? null))
  })

  app.put<NamespaceParams>('/metadefs/namespaces/:namespace', async (request, reply) => {
    const change = parseNamespaceChange(await readJsonBody(request.raw, reply.raw, clock))
    const namespace = await metadefs.updateNamespace(callerOf(request), namespaceOf(request), change)
    return sendJson(reply, 200, namespaceView(namespace))
  })

  app.delete<NamespaceParams>('/metadefs/namespaces/:namespace', async (request, reply) => {
    refuseBody(request.raw)
    await metadefs.removeNamespace(callerOf(request), namespaceOf(request))
    return sendNothing(reply)
  })
}
