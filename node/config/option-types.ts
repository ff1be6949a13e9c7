/** The kinds of values an option can have: how they are written and what becomes of them. */

export interface OptionType<T> {
  /** How to write it, for the sample and for error messages, e.g. `integer from 1 to 1000`. */
  readonly description: string
  /** Its text must not be shown. */
  readonly isSecret?: true
  /** Throws an Error whose message completes "OPTION must be …" when the text is no such value. */
  parse(text: string): T
}

const KIB = 1024
const SIZE_UNITS_BYTES: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1000,
  mb: 1000 ** 2,
  gb: 1000 ** 3,
  tb: 1000 ** 4,
  kib: KIB,
  mib: KIB ** 2,
  gib: KIB ** 3,
  tib: KIB ** 4,
}
const QUOTA_UNITS_BYTES: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: KIB,
  mb: KIB ** 2,
  gb: KIB ** 3,
  tb: KIB ** 4,
}
/** A number alone is seconds, as everywhere in OpenStack's files. */
const DURATION_UNITS_MS: Readonly<Record<string, number>> = {
  '': 1000,
  ms: 1,
  s: 1000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}
const PORT_MAX = 65_535
const BRACKETED = /^\s*\[([^[\]]*)\]\s*$/
const QUOTED = /^(["'])(.*)\1$/

export const text: OptionType<string> = { description: 'text', parse: (value) => value }

/** Never shown by `config check`, and best given in a file named by `OS_<SECTION>__<OPTION>_FILE`. */
export const secret: OptionType<string> = {
  description: 'secret text',
  isSecret: true,
  parse: (value) => value,
}

export const host: OptionType<string> = {
  description: 'an IP address or a host name',
  parse(value) {
    if (!/^[A-Za-z0-9.:_-]+$/.test(value)) throw mustBe(this)
    return value
  },
}

export const url: OptionType<string> = {
  description: 'an http or https URL',
  parse(value) {
    const scheme = URL.canParse(value) ? new URL(value).protocol : ''
    if (scheme !== 'http:' && scheme !== 'https:') throw mustBe(this)
    return value
  },
}

/** Absolute, because the daemon's working directory is nobody's business. */
export const path: OptionType<string> = {
  description: 'an absolute path',
  parse(value) {
    if (!value.startsWith('/')) throw mustBe(this)
    return value
  },
}

/** No slash at its end, so that it can stand before any path; '' for none. */
export const pathPrefix: OptionType<string> = {
  description: 'a path of plain letters and digits, e.g. /image, or nothing',
  parse(value) {
    if (!/^(\/[\w.~-]+)*\/?$/.test(value)) throw mustBe(this)
    return value.replace(/\/$/, '')
  },
}

/** Also 1 and 0, yes and no, on and off, as in oslo. */
export const boolean: OptionType<boolean> = {
  description: 'true or false',
  parse(value) {
    const word = value.trim().toLowerCase()
    if (['true', '1', 'yes', 'on'].includes(word)) return true
    if (['false', '0', 'no', 'off'].includes(word)) return false
    throw mustBe(this)
  },
}

export function integer(min: number, max: number): OptionType<number> {
  return {
    description: `an integer from ${min} to ${max}`,
    parse(value) {
      const number = /^\s*[+-]?\d+\s*$/.test(value) ? Number(value) : NaN
      if (!(number >= min && number <= max)) throw mustBe(this)
      return number
    },
  }
}

export const port: OptionType<number> = integer(1, PORT_MAX)

/** In bytes. */
export function size(minBytes = 0): OptionType<number> {
  const least = minBytes === 0 ? '' : `, at least ${formatSize(minBytes)}`
  return {
    description: `a size in bytes, or with a unit (KB to TB, KiB to TiB)${least}`,
    parse(value) {
      const bytes = withUnit(value, SIZE_UNITS_BYTES)
      if (!(bytes >= minBytes && Number.isSafeInteger(bytes))) throw mustBe(this)
      return bytes
    },
  }
}

/** In bytes, with units as Glance's quotas have them: a KB is 1024 bytes there. */
export const storageQuota: OptionType<number> = {
  description: 'a size in bytes, or with a unit of 1024 (B, KB, MB, GB, TB)',
  parse(value) {
    const bytes = withUnit(value, QUOTA_UNITS_BYTES)
    if (!Number.isSafeInteger(bytes)) throw mustBe(this)
    return bytes
  },
}

/** In milliseconds. */
export const duration: OptionType<number> = {
  description: 'a time in seconds, or with a unit (ms, s, min, h, d)',
  parse(value) {
    const milliseconds = withUnit(value, DURATION_UNITS_MS)
    if (!Number.isSafeInteger(milliseconds)) throw mustBe(this)
    return milliseconds
  },
}

export function choice<const C extends string>(...choices: C[]): OptionType<C> {
  return {
    description: choices.length === 1 ? choices[0]! : `one of ${choices.join(', ')}`,
    parse(value) {
      const chosen = choices.find((known) => known === value)
      if (chosen === undefined) throw mustBe(this)
      return chosen
    },
  }
}

/** Values between commas; no text is the empty list. Some of oslo's lists are written in brackets, their texts in quotes. */
export function list<T>(item: OptionType<T>): OptionType<T[]> {
  return {
    description: `a list of ${item.description}, separated by commas`,
    parse(value) {
      const [, inner = value] = BRACKETED.exec(value) ?? []
      if (inner.trim() === '') return []
      return inner.split(',').map((part) => item.parse(part.trim().replace(QUOTED, '$2')))
    },
  }
}

/** `key:value` pairs between commas, as oslo's dictionaries are written. */
export const dictionary: OptionType<Record<string, string>> = {
  description: 'pairs of KEY:VALUE, separated by commas',
  parse(value) {
    const pairs = list(text)
      .parse(value)
      .map((pair) => /^([^:]+):(.*)$/.exec(pair))
    if (pairs.includes(null)) throw mustBe(this)
    return Object.fromEntries(pairs.map((pair) => [pair![1]!.trim(), pair![2]!.trim()]))
  },
}

function withUnit(value: string, units: Readonly<Record<string, number>>): number {
  const [, number, unit = ''] = /^\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*$/.exec(value) ?? []
  return Math.round(Number(number) * (units[unit.toLowerCase()] ?? NaN))
}

function formatSize(bytes: number): string {
  return bytes % KIB ** 2 === 0 ? `${bytes / KIB ** 2} MiB` : String(bytes)
}

function mustBe(type: OptionType<unknown>): Error {
  return new Error(type.description)
}
