/** Where a request of API v1 says that the bytes of its image come from. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { ImageError } from '../../node/errors.ts'
import type { V1Source } from '../../node/images/v1-images-port.ts'
import type { ApiComponents, ApiOptions } from '../api-components.ts'
import { bodyMediaType, hasBody, uploadBody } from '../request-body.ts'
import type { V1Headers } from './image-headers.ts'

const DATA_TYPE = 'application/octet-stream'

/** null: the request has no body. */
export function bodySource(
  { raw }: FastifyRequest,
  reply: FastifyReply,
  { clock }: Pick<ApiComponents, 'clock'>,
  { clientPauseMs }: Pick<ApiOptions, 'clientPauseMs'>,
): V1Source | null {
  if (!hasBody(raw)) return null
  const { 'content-length': length } = raw.headers
  const isData = bodyMediaType(raw) === DATA_TYPE
  const bytes = isData ? uploadBody(raw, reply.raw, clock, clientPauseMs) : wrongType()
  return { kind: 'body', bytes, lengthBytes: length === undefined ? null : Number(length) }
}

/** As in Glance an upload of another type is one that fails. */
// oxlint-disable-next-line require-yield -- there is nothing to be had
async function* wrongType(): AsyncGenerator<Uint8Array> {
  throw new ImageError('INVALID', `Content-Type must be ${DATA_TYPE}`)
}

/** Throws INVALID for several sources, and for one that is no source. */
export function sourceOf({ location, copyFrom }: V1Headers, body: V1Source | null): V1Source | null {
  if (location === '' || copyFrom === '')
    throw new ImageError('INVALID', 'External source should not be empty')
  const sources: V1Source[] = [
    ...(location === null ? [] : [{ kind: 'location', url: location } as const]),
    ...(copyFrom === null ? [] : [{ kind: 'copy', url: copyFrom } as const]),
    ...(body ? [body] : []),
  ]
  if (sources.length > 1) throw new ImageError('INVALID', "It's invalid to provide multiple image sources.")
  return sources[0] ?? null
}
