/** JSON pointers (RFC 6901), with Glance's narrower rules. */
import { ImageError } from '../../node/errors.ts'

/** The unescaped segments of a pointer, at least one. Throws INVALID for anything but `/a` or `/a/b...`. */
export function parsePointer(pointer: unknown): string[] {
  if (typeof pointer !== 'string' || !pointer.startsWith('/')) throw invalid('starts with "/"')
  if (/~(?![01])/.test(pointer)) throw invalid('uses "~" only in "~0" and "~1"')
  const segments = pointer.slice(1).split('/')
  if (segments.some((segment) => segment.trim() === '')) throw invalid('has no empty segment')
  // ~1 first: "~01" stands for "~1", not for "/".
  return segments.map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'))
}

function invalid(rule: string): ImageError {
  return new ImageError('INVALID', `A path in a patch is a JSON pointer: it ${rule}.`)
}
