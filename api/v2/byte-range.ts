/** Which bytes of an image a download asks for (measured on Glance: neither RFC 9110 nor its own documents). */
import { ImageError } from '../../node/errors.ts'

/** Inclusive on both ends, like Content-Range. */
export interface ByteRange {
  start: number
  end: number
}

/** What of the request headers matters here. */
export interface RangeHeaders {
  range?: string | undefined
  'content-range'?: string | undefined
}

const RANGE = /^bytes *= *(\d*) *- *(\d*) *$/i
const CONTENT_RANGE = /^bytes (\d+)-(\d+)\/(\d+|\*)$/i

/**
 * The part asked for, cut to the image, or null for all of it. `Content-Range` as a request header is an old habit of
 * clients; `Range` wins. Throws INVALID for several ranges, RANGE_NOT_SATISFIABLE for what cannot be read or lies outside.
 */
export function parseByteRange(headers: RangeHeaders, sizeBytes: number): ByteRange | null {
  if (headers.range !== undefined) return fromRange(headers.range, sizeBytes)
  if (headers['content-range'] !== undefined) return fromContentRange(headers['content-range'], sizeBytes)
  return null
}

function fromRange(header: string, sizeBytes: number): ByteRange {
  if (header.includes(',')) throw new ImageError('INVALID', 'Requests for several ranges are not supported.')
  const [, first = '', last = ''] = RANGE.exec(header) ?? []
  if (first === '' && last === '') throw unsatisfiable(header)
  if (first === '') return cut(Math.max(0, sizeBytes - Number(last)), sizeBytes - 1, sizeBytes, header)
  return cut(Number(first), last === '' ? sizeBytes - 1 : Number(last), sizeBytes, header)
}

function fromContentRange(header: string, sizeBytes: number): ByteRange {
  const [, first, last, length] = CONTENT_RANGE.exec(header) ?? []
  const end = Number(last)
  // A range that names a length is held to that and then cut to the image, any other to the true one.
  if (first === undefined || end >= (length === '*' ? sizeBytes : Number(length))) throw unsatisfiable(header)
  return cut(Number(first), end, sizeBytes, header)
}

function cut(start: number, end: number, sizeBytes: number, header: string): ByteRange {
  if (start >= sizeBytes || end < start) throw unsatisfiable(header)
  return { start, end: Math.min(end, sizeBytes - 1) }
}

function unsatisfiable(header: string): ImageError {
  return new ImageError('RANGE_NOT_SATISFIABLE', `The range '${header}' cannot be served from this image.`)
}

/** An empty image has the empty range 0 to -1. */
export function wholeRange({ sizeBytes }: { sizeBytes: number }): ByteRange {
  return { start: 0, end: sizeBytes - 1 }
}
