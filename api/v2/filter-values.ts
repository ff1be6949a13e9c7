/** The little language in the values of list filters: operators, quoted lists, times, numbers and flags. */
import { wholeSeconds } from '../../node/images/image-times.ts'
import { ImageError } from '../../node/errors.ts'

/** `in:a,b` and `gte:2026-01-01`. A value that is a time is not taken apart at its first colon. */
export function splitOperator(value: string): { operator: string; operand: string } {
  const colon = value.indexOf(':')
  if (colon < 0 || parseTime(value) !== null) return { operator: 'eq', operand: value }
  return { operator: value.slice(0, colon), operand: value.slice(colon + 1) }
}

/** One item: `"quoted, \" escaped"` up to the next comma, or bare text up to the next comma. */
const LIST_ITEM = /"((?:[^"\\]|\\.)*)"(?=,|$)|([^",]*)(?=,|$)/y

/** The items of `a,b,"c,d"`; an empty one at the end is none. Throws INVALID for unbalanced or misplaced quotes. */
export function parseList(text: string): string[] {
  const items: string[] = []
  for (let at = 0; at <= text.length; at = LIST_ITEM.lastIndex + 1) {
    LIST_ITEM.lastIndex = at
    const match = LIST_ITEM.exec(text)
    if (!match) throw new ImageError('INVALID', 'The quotes in a filter value do not match.')
    const item = match[1]?.replace(/\\(.)/gs, '$1') ?? match[2] ?? ''
    if (item !== '' || LIST_ITEM.lastIndex < text.length) items.push(item)
  }
  return items
}

const TIME =
  /^(\d{4})-?(\d\d)-?(\d\d)(?:[T ](\d\d):?(\d\d)(?::?(\d\d)(?:[.,]\d{1,9})?)?(?:(Z)|([+ -])(\d\d):?(\d\d)?)?)?$/i

/**
 * ISO 8601 date or time as the text that records carry: UTC, whole seconds, Z. Without zone it is UTC; the `+` of a zone
 * may have become a space on its way through the query. null when it is none.
 */
export function parseTime(text: string): string | null {
  const match = TIME.exec(text)
  if (!match) return null
  const [, year, month, day, hour, minute, second, , sign, zoneHour, zoneMinute] = match
  const [hours, minutes, seconds] = [Number(hour ?? 0), Number(minute ?? 0), Number(second ?? 0)]
  const date = new Date(0)
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day))
  const isCalendarDay = date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day)
  if (!isCalendarDay || hours > 23 || minutes > 59 || seconds > 59) return null
  const zoneMinutes = Number(zoneHour ?? 0) * 60 + Number(zoneMinute ?? 0)
  date.setUTCHours(hours, minutes - (sign === '-' ? -zoneMinutes : zoneMinutes), seconds)
  const iso = date.toISOString()
  // A zone may carry the last or first day of the calendar out of four-digit years, which no record has.
  return /^\d{4}-/.test(iso) ? wholeSeconds(iso) : null
}

/** A whole number, or throws INVALID. */
export function parseInteger(name: string, text: string): number {
  const value = /^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (Number.isSafeInteger(value)) return value
  throw new ImageError('INVALID', `The parameter '${name}' takes a whole number.`)
}

/** `true` or `false` in exactly these letters, or throws INVALID. */
export function parseFlag(name: string, text: string): boolean {
  if (text === 'true' || text === 'false') return text === 'true'
  throw new ImageError('INVALID', `The parameter '${name}' takes true or false.`)
}

/** One of `allowed`, or throws INVALID. */
export function parseChoice<T extends string>(name: string, allowed: readonly T[], text: string): T {
  const found = allowed.find((candidate) => candidate === text)
  if (found !== undefined) return found
  throw new ImageError('INVALID', `The parameter '${name}' takes one of: ${allowed.join(', ')}.`)
}
