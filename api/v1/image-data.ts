/** The bytes of an image of API v1: always all of them, with the image in the headers. */
import type { FastifyInstance } from 'fastify'
import type { V1ImagesPort } from '../../node/images/v1-images-port.ts'
import type { ApiComponents, ApiOptions } from '../api-components.ts'
import { sendBytes } from '../byte-answer.ts'
import { callerOf } from '../context.ts'
import { unwrap } from '../replies.ts'
import { wholeRange } from '../v2/byte-range.ts'
import { imageIdOf, type ImageParams } from '../v2/image-id.ts'
import { imageHeadersV1 } from '../views/image-v1.ts'

export function v1DataRoutes(
  app: FastifyInstance,
  v1: V1ImagesPort,
  components: ApiComponents,
  options: ApiOptions,
): void {
  app.get<ImageParams>('/images/:imageId', async (request, reply) => {
    const data = unwrap(reply, await v1.openData(callerOf(request), imageIdOf(request)))
    const headers = {
      ...imageHeadersV1(data.record),
      'content-type': 'application/octet-stream',
      'content-length': data.sizeBytes,
    }
    const answer = { status: 200, headers, data, range: wholeRange(data) }
    return sendBytes(request, reply, answer, components, options)
  })
}
