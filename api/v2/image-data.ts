/** The bytes of an image: `PUT` and `GET /v2/images/{id}/file`. */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'
import type { FastifyInstance } from 'fastify'
import type { Log } from '../../cluster/runtime.ts'
import { ImageError } from '../../node/errors.ts'
import type { ImageBytes } from '../../node/images/image-requests.ts'
import type { ApiComponents, ApiOptions } from '../api-components.ts'
import { callerOf } from '../context.ts'
import { sendNothing, takeOver, unwrap } from '../replies.ts'
import { bodyMediaType, ClientLeftError, hasBody, refuseBody, uploadBody } from '../request-body.ts'
import type { ByteRange } from './byte-range.ts'
import { parseByteRange } from './byte-range.ts'
import { openByteStream } from './byte-stream.ts'
import type { ImageParams } from './image-id.ts'
import { imageIdOf } from './image-id.ts'

/** Exactly this, also in answers: with a charset behind it glanceclient, nova and cinder break. */
const DATA_TYPE = 'application/octet-stream'
const SIZE_HEADER = 'x-openstack-image-size'

export function imageDataRoutes(
  app: FastifyInstance,
  { images, streams, clock, log }: ApiComponents,
  { clientPauseMs }: Pick<ApiOptions, 'clientPauseMs'>,
): void {
  app.put<ImageParams>('/images/:imageId/file', async (request, reply) => {
    const imageId = imageIdOf(request)
    if (bodyMediaType(request.raw) !== DATA_TYPE) {
      throw new ImageError('UNSUPPORTED_MEDIA', `Image data has the content type ${DATA_TYPE}.`)
    }
    const sizeBytes = declaredSize(request.headers, hasBody(request.raw))
    const body = uploadBody(request.raw, reply.raw, clock, clientPauseMs)
    await streams.run(() => images.upload(callerOf(request), imageId, body, sizeBytes))
    return sendNothing(reply)
  })

  app.get<ImageParams>('/images/:imageId/file', async (request, reply) => {
    refuseBody(request.raw)
    const data = unwrap(reply, await images.openData(callerOf(request), imageIdOf(request)))
    // Only an image that never got data: one whose bytes cannot be reached is UNAVAILABLE instead.
    if (data === null) return sendNothing(reply)
    const range = parseByteRange(request.headers, data.sizeBytes)
    const sink = { response: reply.raw, socket: request.raw.socket }
    return streams.run(async () => {
      const stream = await openByteStream(data, range ?? whole(data), sink)
      takeOver(reply.code(range ? 206 : 200).headers(dataHeaders(data, range)))
      await stream.send(clientPauseMs).catch((error: unknown) => logCut(log, request.id, data, error))
      return reply
    })
  })
}

/** Clients leave when they please; a cut from our side means that no holder had a chunk. */
function logCut(log: Log, requestId: string, { record }: ImageBytes, error: unknown): void {
  const fields = { requestId, imageId: record.id, err: error }
  if (error instanceof ClientLeftError) log.info(fields, 'the client left a download')
  else log.error(fields, 'a download was cut')
}

/** The size announced for the whole image, bytes; null when unknown (chunked). Throws INVALID. */
function declaredSize(headers: IncomingHttpHeaders, withBody: boolean): number | null {
  const length = headers['content-length'] ?? (withBody ? null : '0')
  const announced = headers[SIZE_HEADER]
  if (typeof announced !== 'string') return length === null ? null : Number(length)
  if (!/^\d{1,15}$/.test(announced))
    throw new ImageError('INVALID', `The header ${SIZE_HEADER} takes a number of bytes.`)
  if (length === null || Number(length) === Number(announced)) return Number(announced)
  throw new ImageError('INVALID', `The header ${SIZE_HEADER} differs from the length of the body.`)
}

/** An empty image has the empty range 0 to -1. */
function whole({ sizeBytes }: { sizeBytes: number }): ByteRange {
  return { start: 0, end: sizeBytes - 1 }
}

/** Content-MD5 is hex and always of the whole image, as Glance's clients expect. */
function dataHeaders({ record, sizeBytes }: ImageBytes, range: ByteRange | null): OutgoingHttpHeaders {
  const { start, end } = range ?? whole({ sizeBytes })
  return {
    'content-type': DATA_TYPE,
    'content-length': end - start + 1,
    ...(record.checksum === null ? {} : { 'content-md5': record.checksum }),
    ...(range ? { 'content-range': `bytes ${start}-${end}/${sizeBytes}` } : {}),
  }
}
