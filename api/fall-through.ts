/**
 * Images that are still in the Glance which this cluster takes over from: what can be read is answered from there, every
 * change is refused with what to do first. It stands around the routes of one image, and only where these found nothing.
 * Lists are not among them: which of two services an image is listed by must not depend on a page's marker, which only one of
 * them knows.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteHandlerMethod } from 'fastify'
import { hasCode } from '../cluster/errors.ts'
import { ImageError } from '../node/errors.ts'
import type { OldImage } from '../node/images/old-glance.ts'
import type { OldGlancePort } from './api-components.ts'
import { callerOf } from './context.ts'
import { imageIdOf, type ImageParams } from './v2/image-id.ts'

/** Tells whoever looks into an answer where it comes from. */
const SOURCE_HEADER = 'x-serac-source'
const SOURCE = 'old-glance'

/** What was asked for by somebody who may see the image there. */
export interface OldImageRequest {
  request: FastifyRequest<ImageParams>
  reply: FastifyReply
  image: OldImage
  /** Of the caller. */
  token: string | null
}

/** Answers whether it has; no: it is not there either. */
export type OldImageAnswer = (asked: OldImageRequest) => Promise<boolean>

/** How a route for one image is answered from there; null: nothing is. */
export type OldImageAnswers = (method: string, url: string) => OldImageAnswer | null

/** For all routes that are added to `app` afterwards. */
export function fallThroughTo(
  oldGlance: Pick<OldGlancePort, 'isArriving' | 'show'>,
  app: FastifyInstance,
  answers: OldImageAnswers,
): void {
  const fromThere = async (
    request: FastifyRequest<ImageParams>,
    reply: FastifyReply,
    answer: OldImageAnswer | null,
  ): Promise<boolean> => {
    const id = imageIdOf(request)
    const token = tokenOf(request)
    const image = await oldGlance.show(id, token)
    if (!image) return false
    if (!answer) throw stillThere(id)
    reply.header(SOURCE_HEADER, SOURCE)
    if (await answer({ request, reply, image, token })) return true
    reply.removeHeader(SOURCE_HEADER)
    return false
  }
  app.addHook('onRoute', (route) => {
    if (!route.url.includes('/:imageId')) return
    const { handler } = route
    const method = String(route.method)
    const answer = answers(method, route.url)
    if (!answer && ['GET', 'HEAD'].includes(method)) return
    const around: RouteHandlerMethod = async function (request, reply) {
      const asked = request as FastifyRequest<ImageParams>
      if (answer && oldGlance.isArriving(asked.params.imageId.toLowerCase())) {
        if (await fromThere(asked, reply, answer)) return reply
      }
      try {
        return await (handler.call(this, request, reply) as Promise<unknown>)
      } catch (error) {
        if (hasCode(error, 'NOT_FOUND') && (await fromThere(asked, reply, answer))) return reply
        throw error
      }
    }
    route.handler = around
  })
}

/** As there: administrators may. */
export function refuseDeactivated({ request, image }: OldImageRequest): void {
  if (image.status === 'deactivated' && !callerOf(request).isAdmin)
    throw new ImageError('FORBIDDEN', `The image ${imageIdOf(request)} is deactivated.`)
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
