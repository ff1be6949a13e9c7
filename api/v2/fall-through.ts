/**
 * Images that are still in the Glance which this cluster takes over from: show and download are answered from there, every
 * change is refused with what to do first. It stands around the routes of one image, and only where these found nothing.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteHandlerMethod } from 'fastify'
import { hasCode } from '../../cluster/errors.ts'
import { ImageError } from '../../node/errors.ts'
import type { ApiComponents, ApiOptions, OldGlancePort } from '../api-components.ts'
import { callerOf } from '../context.ts'
import { sendJsonText, sendNothing } from '../replies.ts'
import { sendImageData } from './image-data.ts'
import { imageIdOf, type ImageParams } from './image-id.ts'

/** Tells whoever looks into an answer where it comes from. */
const SOURCE_HEADER = 'x-serac-source'
const SOURCE = 'old-glance'

/** What can be answered from there. */
type ReadableRoute = 'show' | 'file'
type ImageRequest = FastifyRequest<ImageParams>

/** For all routes that are added to `app` afterwards. */
export function fallThroughTo(
  oldGlance: OldGlancePort,
  app: FastifyInstance,
  components: Pick<ApiComponents, 'streams' | 'log'>,
  options: Pick<ApiOptions, 'clientPauseMs'>,
): void {
  /** Whether it has answered. No: the image is not there, or this is nothing that is answered from there. */
  const fromThere = async (
    request: ImageRequest,
    reply: FastifyReply,
    route: ReadableRoute | null,
  ): Promise<boolean> => {
    if (request.method === 'GET' && route === null) return false
    const id = imageIdOf(request)
    const token = tokenOf(request)
    const image = await oldGlance.show(id, token)
    if (!image) return false
    if (route === null) throw stillThere(id)
    reply.header(SOURCE_HEADER, SOURCE)
    if (route === 'show') {
      sendJsonText(reply, 200, image.text)
      return true
    }
    // As there: administrators may.
    if (image.status === 'deactivated' && !callerOf(request).isAdmin)
      throw new ImageError('FORBIDDEN', `The image ${id} is deactivated.`)
    if (image.sizeBytes)
      await sendImageData(request, reply, oldGlance.open(id, image, token), components, options)
    else sendNothing(reply)
    return true
  }
  app.addHook('onRoute', (route) => {
    if (!route.url.includes('/:imageId')) return
    const { handler } = route
    const readable = route.method === 'GET' ? readableRoute(route.url) : null
    const around: RouteHandlerMethod = async function (request, reply) {
      const asked = request as ImageRequest
      if (readable && oldGlance.isArriving(asked.params.imageId.toLowerCase())) {
        if (await fromThere(asked, reply, readable)) return reply
      }
      try {
        return await (handler.call(this, request, reply) as Promise<unknown>)
      } catch (error) {
        if (hasCode(error, 'NOT_FOUND') && (await fromThere(asked, reply, readable))) return reply
        throw error
      }
    }
    route.handler = around
  })
}

function readableRoute(url: string): ReadableRoute | null {
  if (url.endsWith('/:imageId')) return 'show'
  return url.endsWith('/:imageId/file') ? 'file' : null
}

function tokenOf({ headers }: FastifyRequest): string | null {
  const token = headers['x-auth-token']
  return typeof token === 'string' ? token : null
}

function stillThere(id: string): ImageError {
  const message =
    `The image ${id} is still in the Glance that this cluster takes over from, and can only be read until an operator has ` +
    'moved it here (serac import-glance).'
  return new ImageError('CONFLICT', message)
}
