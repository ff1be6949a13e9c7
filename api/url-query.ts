/** The query of a URL. */
import { ImageError } from '../node/errors.ts'

/** Throws INVALID for what is no UTF-8: URLSearchParams would put a question mark in its place. */
export function parseQuery(url: string): URLSearchParams {
  const mark = url.indexOf('?')
  const text = mark < 0 ? '' : url.slice(mark + 1)
  const encoded = text.match(/(?:%[\da-f]{2})+/gi) ?? []
  try {
    encoded.forEach(decodeURIComponent)
  } catch {
    throw new ImageError('INVALID', 'The query is not valid UTF-8.')
  }
  return new URLSearchParams(text)
}
