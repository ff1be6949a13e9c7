/** The image id in a path. */
import type { FastifyRequest } from 'fastify'
import { ImageError } from '../../node/errors.ts'
import { isUuid } from './image-fields.ts'

/** The route parameter of every path below one image. */
export interface ImageParams {
  Params: { imageId: string }
}

/** What is no UUID names no image, so it is not looked up: NOT_FOUND, however long it is. */
export function imageIdOf(request: FastifyRequest<ImageParams>): string {
  const { imageId } = request.params
  if (isUuid(imageId)) return imageId.toLowerCase()
  throw new ImageError('NOT_FOUND', 'No image has this id.')
}
