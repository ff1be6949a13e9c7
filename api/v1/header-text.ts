/**
 * Text in headers. Glance put UTF-8 there as it is; its client writes %XX for whatever is not plain since 2018, and older ones
 * do not. So what that client can have written is decoded, and anything else is taken as it stands.
 */
import { ImageError } from '../../node/errors.ts'

/** What is left when Python's `quote` has had its way with everything but `/` and `:`. */
const QUOTED = /^(?:[\w.~/:-]|%[\da-f]{2})*$/i

/** `value` as node gives it: bytes as latin1. Throws INVALID for what is no UTF-8. */
export function readHeaderText(name: string, value: string): string {
  return decodeQuoted(value) ?? decodeUtf8(Buffer.from(value, 'latin1')) ?? refuse(name)
}

function decodeQuoted(value: string): string | null {
  if (!value.includes('%') || !QUOTED.test(value)) return null
  try {
    return decodeURIComponent(value)
  } catch {
    return null
  }
}

function decodeUtf8(bytes: Buffer): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return null
  }
}

function refuse(name: string): never {
  throw new ImageError('INVALID', `Bad header: ${name} is not UTF-8.`)
}

/** UTF-8 as node takes it; only what would end or break the header is written as %XX. */
export function writeHeaderText(text: string): string {
  // oxlint-disable-next-line no-control-regex -- these are what is looked for
  const safe = text.replace(/[\0-\x1f\x7f]/g, percent)
  return Buffer.from(safe, 'utf8').toString('latin1')
}

/** As part of a header's name, which has few characters (RFC 9110, token). */
export function writeHeaderName(text: string): string {
  return Array.from(Buffer.from(text, 'utf8').toString('latin1'), (character) =>
    /[\w!#$&'*+.^`|~-]/.test(character) ? character : percent(character),
  ).join('')
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
}
