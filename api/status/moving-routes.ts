/**
 * The operator's routes by which images come from another store (`serac import-glance`, `serac restore`) and are given
 * away (`serac export`). An image comes in two requests, so that nothing is sent for one that is here already: its record,
 * then its bytes. Both may be repeated at any time. With `stores` it comes in one, which is repeated until it is here: those
 * stores have its bytes.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Clock, Log } from '../../cluster/runtime.ts'
import { ImageError } from '../../node/errors.ts'
import type { ImageMover } from '../../node/images/image-mover.ts'
import { parseMovedImage } from '../../node/images/moved-image-form.ts'
import type { StoreAdopter } from '../../node/imports/store-adopter.ts'
import { sendBytes } from '../byte-answer.ts'
import { uploadBody } from '../request-body.ts'
import type { StreamLimit } from '../stream-limit.ts'
import { wholeRange } from '../v2/byte-range.ts'

export interface MovingParts {
  mover: Pick<ImageMover, 'arrive' | 'look' | 'takeBytes' | 'list' | 'open'>
  adopter: Pick<StoreAdopter, 'adopt' | 'look'>
  /** Of the node, whoever asks for them. */
  streams: StreamLimit
  clock: Clock
  log: Log
}

export interface MovingOptions {
  /** How long the other side may pause within a body, ms. */
  clientPauseMs: number
}

interface OneImage {
  Params: { id: string }
}

interface Arriving extends OneImage {
  /** `stores`: ids, with commas between them. */
  Querystring: { overwrite?: string; stores?: string }
}

const BYTES = 'application/octet-stream'
/** As many as the largest record. */
const RECORD_BYTES_MAX = 1024 * 1024
/** Records of one page: some MiB. */
const PAGE_IMAGES_MAX = 1000

export function movingRoutes(app: FastifyInstance, parts: MovingParts, options: MovingOptions): void {
  app.register(async (scope) => {
    // The routes read them, under back-pressure.
    scope.addContentTypeParser(BYTES, (_request, _payload, done) => done(null))
    arrivalRoutes(scope, parts, options)
    exportRoutes(scope, parts, options)
  })
}

function arrivalRoutes(
  app: FastifyInstance,
  { mover, adopter, streams, clock }: MovingParts,
  options: MovingOptions,
): void {
  const one = '/v1/import/images/:id'
  const limited = { bodyLimit: RECORD_BYTES_MAX }
  app.put<Arriving>(one, limited, (request) => {
    const image = imageIn(request)
    const wishes = { overwrite: request.query.overwrite === 'true' }
    const stores = storesIn(request)
    return stores ? adopter.adopt({ image, stores }, wishes) : mover.arrive(image, wishes)
  })
  app.post<Arriving>(`${one}/compare`, limited, async (request) => {
    const image = imageIn(request)
    const stores = storesIn(request)
    return (await (stores ? adopter.look({ image, stores }) : mover.look(image))) ?? { state: 'absent' }
  })
  app.put<OneImage>(`${one}/file`, async (request, reply) => {
    if (request.headers['content-type'] !== BYTES)
      throw new ImageError('UNSUPPORTED_MEDIA', `The bytes of an image have the content type ${BYTES}.`)
    const body = uploadBody(request.raw, reply.raw, clock, options.clientPauseMs)
    await streams.run(() => mover.takeBytes(request.params.id, body))
    return reply.code(204).send()
  })
}

function exportRoutes(app: FastifyInstance, parts: MovingParts, options: MovingOptions): void {
  const { mover } = parts
  app.get<{ Querystring: { marker?: string; limit?: string } }>(
    '/v1/export/images',
    async ({ query }, reply) => {
      reply.header('cache-control', 'no-store')
      return mover.list(query.marker ?? null, pageSize(query.limit))
    },
  )
  app.get<OneImage>('/v1/export/images/:id/file', async (request, reply) => {
    const data = await mover.open(request.params.id)
    const headers = { 'content-type': BYTES, 'content-length': data.sizeBytes }
    const answer = { status: 200, headers, data, range: wholeRange(data) }
    return sendBytes(request, reply, answer, parts, options)
  })
}

function storesIn({ query }: FastifyRequest<Arriving>): string[] | null {
  return query.stores?.split(',') ?? null
}

function imageIn({ params, body }: Pick<FastifyRequest<OneImage>, 'params' | 'body'>) {
  const image = parseMovedImage(body)
  if (image.id === params.id) return image
  throw new ImageError('INVALID', 'The image has another id than the path.')
}

function pageSize(text = String(PAGE_IMAGES_MAX)): number {
  const size = Number(text)
  if (Number.isInteger(size) && size >= 1 && size <= PAGE_IMAGES_MAX) return size
  throw new ImageError('INVALID', `limit must be an integer from 1 to ${PAGE_IMAGES_MAX}.`)
}
