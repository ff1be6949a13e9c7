/** What of an answer must be the same on both sides: without ids, times and hosts, and with bodies taken apart. */
import type { Answer } from './exchange.ts'

export interface NormalAnswer {
  status: number
  headers: Readonly<Record<string, string>>
  /** Parsed JSON, an `ErrorBody`, or text. */
  body: unknown
}

/** An error in whichever form: the same parts stand in all of them. */
interface ErrorBody {
  form: 'html' | 'json' | 'text'
  code: string
  title: string
  message: string
}

/** Matters of the connection and of the moment. */
const IGNORED_HEADERS = new Set(['connection', 'keep-alive', 'date', 'transfer-encoding'])

export const UUID = /[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}/g
const REQUEST_ID = /\breq-[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}\b/g
/** How each server names the bytes that it keeps itself, up to their image. */
const OWN_LOCATION = /\b(?:serac:\/\/|file:\/\/\/[\w./-]+\/images\/)(?=[\da-f]{8}-)/g
/** As Glance lets it out of its database. */
const RAW_TIME = /\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\b/g
/** Colons are encoded in the links of lists, the one before a time, too. */
const TIME = /(?<!\d)\d{4}-\d\d-\d\dT\d\d(?::|%3A)\d\d(?::|%3A)\d\dZ/g

/** Names the ids that one server made up within one case by the order in which they appeared. */
export class Normaliser {
  readonly #host: string
  readonly #chosen: ReadonlySet<string>
  readonly #ids = new Map<string, string>()

  /** Ids that are `chosen` stay as they are. */
  constructor(url: string, chosen: ReadonlySet<string>) {
    this.#host = new URL(url).host
    this.#chosen = chosen
  }

  /** Of an answer to `method`. */
  answer(method: string, { status, headers, body }: Answer): NormalAnswer {
    const text = this.#text(body)
    const type = headers['content-type'] ?? ''
    return { status, headers: this.#headers(method, headers, body), body: parsedBody(status, type, text) }
  }

  #headers(method: string, headers: Answer['headers'], body: Buffer): Record<string, string> {
    // HEAD may tell the length that a body would have, or that there is none.
    const isIgnored = (name: string) =>
      IGNORED_HEADERS.has(name) || (method === 'HEAD' && name === 'content-length')
    const kept = Object.entries(headers).filter(([name]) => !isIgnored(name))
    return Object.fromEntries(
      kept.map(([name, value]) => {
        // Bodies are compared themselves, and messages differ in length.
        if (name === 'content-length' && Number(value) === body.length) return [name, '<true>']
        // The order of methods means nothing.
        if (name === 'allow') return [name, value.split(', ').toSorted().join(', ')]
        return [name, this.#normal(value)]
      }),
    )
  }

  #text(body: Buffer): string {
    const text = body.toString('utf8')
    return Buffer.from(text).equals(body) ? this.#normal(text) : body.toString('hex')
  }

  #normal(text: string): string {
    return text
      .replaceAll(this.#host, '<host>')
      .replaceAll(REQUEST_ID, '<request id>')
      .replaceAll(RAW_TIME, '<raw time>')
      .replaceAll(TIME, '<time>')
      .replaceAll(OWN_LOCATION, '<own>/')
      .replaceAll(UUID, (id) => (this.#chosen.has(id) ? id : this.#nameOf(id)))
  }

  #nameOf(id: string): string {
    const known = this.#ids.get(id) ?? `<id ${this.#ids.size + 1}>`
    this.#ids.set(id, known)
    return known
  }
}

function parsedBody(status: number, type: string, text: string): unknown {
  const value = type.startsWith('application/json') ? normalValue(jsonOr(text)) : text
  return status < 400 ? value : (errorBody(type, value) ?? value)
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}

/** Lists whose order means nothing. */
const SETS = new Set(['tags', 'enum'])
/** The same for lists of objects with names. */
const NAMED_SETS = new Set(['objects', 'resource_types', 'resource_type_associations'])

/** Seconds since 1970, with fractions; 0: never. */
const MOMENTS = new Set(['last_accessed', 'last_modified'])

/** Sets in order; the list of versions by their ids, and others by names. */
function normalValue(value: unknown, name = ''): unknown {
  if (typeof value === 'number' && value > 0 && MOMENTS.has(name)) return '<moment>'
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) {
    const items = value.map((item: unknown) => normalValue(item))
    if (name === 'versions')
      return Object.fromEntries(items.map((item) => [(item as { id: string }).id, item]))
    if (NAMED_SETS.has(name) && items.every((item) => typeof item === 'object'))
      return Object.fromEntries(items.map((item) => [(item as { name: string }).name, item]))
    return SETS.has(name) ? items.toSorted((a, b) => String(a).localeCompare(String(b))) : items
  }
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, normalValue(inner, name)]))
}

const HTML_ERROR =
  /^<html>\s*<head>\s*<title>([^<]*)<\/title>\s*<\/head>\s*<body>\s*<h1>([^<]*)<\/h1>(.*)<\/body>\s*<\/html>\s*$/s
const TEXT_ERROR = /^(\d{3} ([^\n]*))\n\n(.*)$/s

/** null when it has none of the forms in which Glance writes errors. */
function errorBody(type: string, value: unknown): ErrorBody | null {
  if (typeof value === 'string') return type.startsWith('text/html') ? htmlError(value) : textError(value)
  const { message, code, title, ...rest } = value as Record<string, unknown>
  if (typeof message !== 'string' || typeof code !== 'string' || typeof title !== 'string') return null
  return Object.keys(rest).length === 0 ? { form: 'json', code, title, message: message.trim() } : null
}

function htmlError(text: string): ErrorBody | null {
  const [, title, code, message] = HTML_ERROR.exec(text) ?? []
  if (title === undefined || code === undefined || message === undefined) return null
  return { form: 'html', code, title, message: message.trim() }
}

function textError(text: string): ErrorBody | null {
  const [, code, title, message] = TEXT_ERROR.exec(text) ?? []
  if (code === undefined || title === undefined || message === undefined) return null
  return { form: 'text', code, title, message: message.trim() }
}
