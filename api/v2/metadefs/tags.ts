/** Tags of a namespace: names that something may be marked with. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { ApiComponents } from '../../api-components.ts'
import { callerOf } from '../../context.ts'
import { isYes } from '../../python-words.ts'
import { sendJson, unwrap } from '../../replies.ts'
import { readJsonBody, refuseBody } from '../../request-body.ts'
import { tagNameView, tagView } from '../../views/metadef-v2.ts'
import { parseQuery } from '../../url-query.ts'
import { newTag, parseTag, parseTags } from './bodies.ts'
import {
  namespaceOf,
  parseTagQuery,
  partOf,
  type NamespaceParams,
  type PartParams,
} from './metadef-params.ts'

const TAGS = '/metadefs/namespaces/:namespace/tags'
const TAG = `${TAGS}/:part`

export function metadefTagRoutes(app: FastifyInstance, { metadefs, clock }: ApiComponents): void {
  app.get<NamespaceParams>(TAGS, async (request, reply) => {
    refuseBody(request.raw)
    const query = parseTagQuery(parseQuery(request.url))
    const tags = unwrap(reply, await metadefs.tags(callerOf(request), namespaceOf(request), query))
    return sendJson(reply, 200, { tags: tags.map(tagNameView) })
  })

  app.post<NamespaceParams>(TAGS, async (request, reply) => {
    const tags = parseTags(await readJsonBody(request.raw, reply.raw, clock))
    await metadefs.setTags(callerOf(request), namespaceOf(request), tags, isAppended(request))
    return sendJson(reply, 201, { tags: tags.map(tagNameView) })
  })

  app.get<PartParams>(TAG, async (request, reply) => {
    refuseBody(request.raw)
    const found = await metadefs.part(callerOf(request), namespaceOf(request), 'tags', partOf(request))
    return sendJson(reply, 200, tagView(unwrap(reply, found)))
  })

  app.post<PartParams>(TAG, async (request, reply) => {
    refuseBody(request.raw)
    const draft = newTag(partOf(request))
    const tag = await metadefs.addPart(callerOf(request), namespaceOf(request), 'tags', draft)
    return sendJson(reply, 201, tagView(tag))
  })

  app.put<PartParams>(TAG, async (request, reply) => {
    const draft = parseTag(await readJsonBody(request.raw, reply.raw, clock))
    const [namespace, name] = [namespaceOf(request), partOf(request)]
    const tag = await metadefs.replacePart(callerOf(request), namespace, 'tags', name, draft)
    return sendJson(reply, 200, tagView(tag))
  })
}

function isAppended({ headers }: FastifyRequest<NamespaceParams>): boolean {
  const value = headers['x-openstack-append']
  return typeof value === 'string' && isYes(value)
}
