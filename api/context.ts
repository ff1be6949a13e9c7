/** What belongs to one request: its id and the caller behind it. */
import type { FastifyRequest } from 'fastify'
import type { Random } from '../cluster/runtime.ts'
import { ImageError } from '../node/errors.ts'
import type { Caller } from '../node/images/image-requests.ts'
import { HttpError } from './errors.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** null until authentication, which comes before every route below /v2. */
    caller: Caller | null
  }
}

export const REQUEST_ID_HEADER = 'x-openstack-request-id'

const GLOBAL_ID = /^req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** A fresh `req-<uuid>` (version 4). Always ours: clients reuse theirs for several requests. */
export function newRequestId(random: Random): string {
  const bytes = Buffer.from(random.bytes(16))
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6)
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
  const hex = bytes.toString('hex')
  return `req-${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/** The caller behind an authenticated request. */
export function callerOf({ caller }: FastifyRequest): Caller {
  if (caller === null)
    throw new ImageError('UNAUTHENTICATED', 'This request needs an authenticated identity.')
  return caller
}

/** The id that the client gave its whole task, for the log; null unless it has the form of one. */
export function globalRequestId(request: FastifyRequest): string | null {
  const value = request.headers[REQUEST_ID_HEADER]
  return typeof value === 'string' && GLOBAL_ID.test(value) ? value : null
}

/** Throws HEADER_TOO_LONG (431) for a client's request id over `lengthMax` characters. */
export function refuseLongRequestId(request: FastifyRequest, lengthMax: number): void {
  const value = request.headers[REQUEST_ID_HEADER]
  if (typeof value !== 'string' || value.length <= lengthMax) return
  throw new HttpError('HEADER_TOO_LONG', `The request id is longer than ${lengthMax} characters.`)
}
