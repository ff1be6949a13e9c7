/** Images of API v1: lists, and each by its id; all that is said of one travels in headers. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ImageRecord } from '../../node/images/image-record.ts'
import type { V1ImagesPort } from '../../node/images/v1-images-port.ts'
import type { ApiComponents, ApiOptions } from '../api-components.ts'
import { baseUrl } from '../base-url.ts'
import { callerOf } from '../context.ts'
import { sendJson, unwrap } from '../replies.ts'
import { HttpError } from '../errors.ts'
import { parseQuery } from '../url-query.ts'
import { userFieldRules } from '../v2/image-fields.ts'
import { imageIdOf, type ImageParams } from '../v2/image-id.ts'
import { briefImageV1, etagOf, imageHeadersV1, imageV1 } from '../views/image-v1.ts'
import { fixedIn, parseV1Headers } from './image-headers.ts'
import { parseV1ListQuery } from './image-list-query.ts'
import { bodySource, sourceOf } from './image-source.ts'

export function v1ImageRoutes(
  app: FastifyInstance,
  v1: V1ImagesPort,
  components: ApiComponents,
  options: ApiOptions,
): void {
  const rules = userFieldRules(options)
  const { streams } = components

  const list =
    (view: (image: ImageRecord) => object) => async (request: FastifyRequest, reply: FastifyReply) => {
      const caller = callerOf(request)
      const query = parseV1ListQuery(parseQuery(request.url), options, caller.isAdmin)
      const { images } = unwrap(reply, await v1.list(caller, query))
      return sendJson(reply, 200, { images: images.map(view) })
    }
  app.get('/', list(briefImageV1))
  app.get('/images', list(briefImageV1))
  app.get('/images/detail', list(imageV1))
  app.route({
    method: ['HEAD', 'POST', 'PUT', 'DELETE'],
    url: '/images/detail',
    handler: () => {
      throw new HttpError('METHOD_NOT_ALLOWED', 'Image details are only to be read.', { allow: 'GET' })
    },
  })

  app.head<ImageParams>('/images/:imageId', async (request, reply) => {
    const image = unwrap(reply, await v1.show(callerOf(request), imageIdOf(request)))
    return reply.code(200).headers(imageHeadersV1(image)).send()
  })

  app.post('/images', async (request, reply) => {
    const headers = parseV1Headers(request.headers, rules)
    const source = sourceOf(headers, bodySource(request, reply, components, options))
    const create = () => v1.create(callerOf(request), { ...headers, source })
    const image = await (source?.kind === 'body' ? streams.run(create) : create())
    reply.header('location', `${baseUrl(request, options)}/v1/images/${image.id}`)
    return sendImage(reply, 201, image)
  })

  app.put<ImageParams>('/images/:imageId', async (request, reply) => {
    const id = imageIdOf(request)
    const headers = parseV1Headers(request.headers, rules)
    const source = sourceOf(headers, bodySource(request, reply, components, options))
    const update = () => v1.update(callerOf(request), id, { ...headers, fixed: fixedIn(headers), source })
    return sendImage(reply, 200, await (source?.kind === 'body' ? streams.run(update) : update()))
  })

  app.delete<ImageParams>('/images/:imageId', async (request, reply) => {
    await v1.remove(callerOf(request), imageIdOf(request))
    return reply.code(200).send()
  })
}

function sendImage(reply: FastifyReply, status: number, image: ImageRecord): FastifyReply {
  return sendJson(reply.headers(etagOf(image)), status, { image: imageV1(image) })
}
