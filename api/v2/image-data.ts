/** The bytes of an image: `PUT` and `GET /v2/images/{id}/file`, and `PUT /v2/images/{id}/stage`. */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Clock } from '../../cluster/runtime.ts'
import { ImageError } from '../../node/errors.ts'
import type { StoreList } from '../../node/images/store-list.ts'
import type { ApiComponents, ApiOptions } from '../api-components.ts'
import { type ByteAnswer, sendBytes } from '../byte-answer.ts'
import { callerOf } from '../context.ts'
import { sendNothing, unwrap } from '../replies.ts'
import { bodyMediaType, hasBody, refuseBody, uploadBody } from '../request-body.ts'
import { parseQuery } from '../url-query.ts'
import type { ByteRange } from './byte-range.ts'
import { parseByteRange, wholeRange } from './byte-range.ts'
import type { ImageParams } from './image-id.ts'
import { imageIdOf } from './image-id.ts'
import { STORE_HEADER } from './import-body.ts'

/** Exactly this, also in answers: with a charset behind it glanceclient, nova and cinder break. */
const DATA_TYPE = 'application/octet-stream'
const SIZE_HEADER = 'x-openstack-image-size'

export function imageDataRoutes(
  app: FastifyInstance,
  { images, imports, stores, streams, clock, log }: ApiComponents,
  { clientPauseMs }: Pick<ApiOptions, 'clientPauseMs'>,
): void {
  app.put<ImageParams>('/images/:imageId/file', async (request, reply) => {
    const imageId = imageIdOf(request)
    const store = namedStore(request.headers, stores)
    const { body, sizeBytes } = imageBody(request, reply, clock, clientPauseMs)
    await streams.run(() =>
      images.upload(callerOf(request), imageId, body, sizeBytes, store === null ? undefined : { store }),
    )
    return sendNothing(reply)
  })

  app.put<ImageParams>('/images/:imageId/stage', async (request, reply) => {
    const imageId = imageIdOf(request)
    const { body, sizeBytes } = imageBody(request, reply, clock, clientPauseMs)
    await streams.run(() => imports.stage(callerOf(request), imageId, body, sizeBytes))
    return sendNothing(reply)
  })

  app.get<ImageParams>('/images/:imageId/file', async (request, reply) => {
    refuseBody(request.raw)
    const preferred = preferredStores(request.url, stores)
    const data = unwrap(reply, await images.openData(callerOf(request), imageIdOf(request), preferred))
    // Only an image that never got data: one whose bytes cannot be reached is UNAVAILABLE instead.
    if (data === null) return sendNothing(reply)
    return sendImageData(request, reply, data, { streams, log }, { clientPauseMs })
  })
}

/** All of it, or the part that the request asks for. */
export function sendImageData(
  request: FastifyRequest,
  reply: FastifyReply,
  data: ByteAnswer['data'],
  components: Pick<ApiComponents, 'streams' | 'log'>,
  options: Pick<ApiOptions, 'clientPauseMs'>,
): Promise<FastifyReply> {
  const range = parseByteRange(request.headers, data.sizeBytes)
  const answer = {
    status: range ? 206 : 200,
    headers: dataHeaders(data, range),
    data,
    range: range ?? wholeRange(data),
  }
  return sendBytes(request, reply, answer, components, options)
}

/** Throws UNSUPPORTED_MEDIA, INVALID. `sizeBytes` null: the client does not say. */
function imageBody(request: FastifyRequest, reply: FastifyReply, clock: Clock, clientPauseMs: number) {
  if (bodyMediaType(request.raw) !== DATA_TYPE)
    throw new ImageError('UNSUPPORTED_MEDIA', `Image data has the content type ${DATA_TYPE}.`)
  const sizeBytes = declaredSize(request.headers, hasBody(request.raw))
  return { sizeBytes, body: uploadBody(request.raw, reply.raw, clock, clientPauseMs) }
}

/** Null: none is named. Throws INVALID for a store that nothing can be uploaded to. */
function namedStore(headers: IncomingHttpHeaders, stores: StoreList): string | null {
  const store = headers[STORE_HEADER]
  if (typeof store !== 'string') return null
  if (stores.writable.includes(store)) return store
  throw new ImageError('INVALID', `Store for identifier ${store} not found`)
}

/** What `?prefer=` names. Throws INVALID. */
function preferredStores(url: string, stores: StoreList): string[] {
  const named = parseQuery(url)
    .getAll('prefer')
    .flatMap((list) => list.split(','))
  const preferred = [...new Set(named.map((id) => id.trim()))].filter((id) => id !== '')
  const unknown = preferred.find((id) => !stores.has(id))
  if (unknown === undefined) return preferred
  throw new ImageError('INVALID', `Store for identifier ${unknown} not found`)
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

/** Content-MD5 is hex and always of the whole image, as Glance's clients expect. */
function dataHeaders(
  { record, sizeBytes }: ByteAnswer['data'],
  range: ByteRange | null,
): OutgoingHttpHeaders {
  const { start, end } = range ?? wholeRange({ sizeBytes })
  return {
    'content-type': DATA_TYPE,
    'content-length': end - start + 1,
    ...(record.checksum === null ? {} : { 'content-md5': record.checksum }),
    ...(range ? { 'content-range': `bytes ${start}-${end}/${sizeBytes}` } : {}),
  }
}
