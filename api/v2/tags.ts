/** One tag of an image. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { ImageError } from '../../node/errors.ts'
import type { ApiComponents } from '../api-components.ts'
import { callerOf } from '../context.ts'
import { givenParam } from '../no-route.ts'
import { sendNothing } from '../replies.ts'
import { refuseBody } from '../request-body.ts'
import { TEXT_LENGTH_MAX } from './image-fields.ts'
import { imageIdOf, type ImageParams } from './image-id.ts'

interface TagParams {
  Params: ImageParams['Params'] & { tag: string }
}

export function tagRoutes(app: FastifyInstance, { images }: ApiComponents): void {
  app.put<TagParams>('/images/:imageId/tags/:tag', async (request, reply) => {
    refuseBody(request.raw)
    await images.addTag(callerOf(request), imageIdOf(request), newTag(request))
    return sendNothing(reply)
  })

  app.delete<TagParams>('/images/:imageId/tags/:tag', async (request, reply) => {
    refuseBody(request.raw)
    // No image has one that is too long, so it is looked for like any other.
    await images.removeTag(callerOf(request), imageIdOf(request), namedTag(request))
    return sendNothing(reply)
  })
}

function namedTag({ params }: FastifyRequest<TagParams>): string {
  return givenParam(params.tag)
}

/** Throws INVALID for one that is too long, and what `namedTag` throws. */
function newTag(request: FastifyRequest<TagParams>): string {
  const tag = namedTag(request)
  if (tag.length <= TEXT_LENGTH_MAX) return tag
  throw new ImageError('INVALID', `A tag has at most ${TEXT_LENGTH_MAX} characters.`)
}
