/** Images: create, list, show, change, delete. */
import type { FastifyInstance } from 'fastify'
import type { ImageRecord } from '../../node/images/image-record.ts'
import type { Caller } from '../../node/images/image-requests.ts'
import type { ApiComponents, ApiOptions } from '../api-components.ts'
import { baseUrl } from '../base-url.ts'
import { callerOf } from '../context.ts'
import { sendJsonText, sendNothing, unwrap } from '../replies.ts'
import { bodyMediaType, readJsonBody, refuseBody } from '../request-body.ts'
import { parseQuery } from '../url-query.ts'
import { ImageJson } from '../views/image-json.ts'
import { IMAGES_PATH } from '../views/image-v2.ts'
import { parseImageDraft } from './image-draft.ts'
import { userFieldRules } from './image-fields.ts'
import type { ImageParams } from './image-id.ts'
import { imageIdOf } from './image-id.ts'
import { parseImageListQuery } from './image-list-query.ts'
import { parseImagePatch, patchDialect } from './image-patch.ts'

export function imageRoutes(app: FastifyInstance, components: ApiComponents, options: ApiOptions): void {
  const { images, imports, stores, clock } = components
  const rules = userFieldRules(options)
  const json = new ImageJson(stores)
  /** What the caller of a request is shown of where the bytes are. */
  const shownTo = (caller: Caller) => (image: ImageRecord) => images.shownLocations(caller, image)

  app.post('/images', async (request, reply) => {
    const body = await readJsonBody(request.raw, reply.raw, clock)
    const caller = callerOf(request)
    const image = await images.create(caller, parseImageDraft(body, rules))
    reply.headers({
      location: `${baseUrl(request, options)}${IMAGES_PATH}/${image.id}`,
      'openstack-image-store-ids': stores.all.map(({ id }) => id).join(','),
      ...(imports.methods.length > 0 && { 'openstack-image-import-methods': imports.methods.join(',') }),
    })
    return sendJsonText(reply, 201, json.image(image, shownTo(caller)))
  })

  app.get('/images', async (request, reply) => {
    const query = parseQuery(request.url)
    const caller = callerOf(request)
    const page = unwrap(reply, await images.list(caller, parseImageListQuery(query, options)))
    return sendJsonText(reply, 200, json.page(page, query, shownTo(caller)))
  })

  app.get<ImageParams>('/images/:imageId', async (request, reply) => {
    refuseBody(request.raw)
    const caller = callerOf(request)
    const image = unwrap(reply, await images.show(caller, imageIdOf(request)))
    return sendJsonText(reply, 200, json.image(image, shownTo(caller)))
  })

  app.patch<ImageParams>('/images/:imageId', async (request, reply) => {
    const dialect = patchDialect(bodyMediaType(request.raw))
    const changes = parseImagePatch(dialect, await readJsonBody(request.raw, reply.raw, clock), rules)
    const caller = callerOf(request)
    const image = await images.patch(caller, imageIdOf(request), changes)
    return sendJsonText(reply, 200, json.image(image, shownTo(caller)))
  })

  app.delete<ImageParams>('/images/:imageId', async (request, reply) => {
    refuseBody(request.raw)
    await images.remove(callerOf(request), imageIdOf(request))
    return sendNothing(reply)
  })
}
