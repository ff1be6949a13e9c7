/** Codes of the image service. `api/errors.ts` maps each to an HTTP status; a test fails when one lacks its mapping. */
import { SeracError } from '../cluster/errors.ts'

export const IMAGE_ERROR_CODES = [
  /** The request itself is wrong (400). */
  'INVALID',
  /** No usable identity came with the request (401). */
  'UNAUTHENTICATED',
  /** Seen, but not allowed (403). */
  'FORBIDDEN',
  /** Not there, deleted, or hidden from the caller (404). */
  'NOT_FOUND',
  /** The image's state or id forbids it (409). */
  'CONFLICT',
  /** The image was deleted while its upload ran (410). */
  'GONE',
  /** Over a size cap, a quota, or the store's watermark (413). */
  'TOO_LARGE',
  /** The body's media type or format is not accepted (415). */
  'UNSUPPORTED_MEDIA',
  /** The byte range cannot be served (416). */
  'RANGE_NOT_SATISFIABLE',
  /** The image is not any more what the policy was asked about; it is asked again before anybody sees this (503). */
  'BASIS_CHANGED',
  /** Cannot be answered now; nothing was decided; ask again (503 with Retry-After). */
  'UNAVAILABLE',
] as const

export type ImageErrorCode = (typeof IMAGE_ERROR_CODES)[number]

/** Thrown by the image service; the message is written for the caller. */
export class ImageError extends SeracError {
  declare readonly code: ImageErrorCode

  // oxlint-disable-next-line no-useless-constructor -- narrows the code's type
  constructor(code: ImageErrorCode, message: string, fields: Record<string, unknown> = {}, cause?: unknown) {
    super(code, message, fields, cause)
    this.name = 'ImageError'
  }
}
