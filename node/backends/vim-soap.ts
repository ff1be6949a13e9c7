/**
 * The few calls of VMware's vSphere Web Services (`urn:vim25`, SOAP 1.1 at /sdk) that a store of files needs: names and shapes as
 * published in the vSphere Web Services API reference.
 */
import type { BackendErrorCode } from './backend.ts'
import { BackendHttp } from './backend-http.ts'

/** A managed object: its type, and what the server calls it. */
export interface ManagedObject {
  type: string
  value: string
}

/** Parameters in their order; a managed object is written with its type. */
export type Parameters = readonly (readonly [name: string, value: string | ManagedObject | RawXml])[]

export interface RawXml {
  xml: string
}

export interface SoapAnswer {
  xml: string
  /** Cookies that came with it, as `name=value`. */
  cookies: string[]
}

/** Any server since 5.5 answers to it. */
const ACTION = '"urn:vim25/5.5"'

/** What the server says in place of an answer, by the name of its type: `NotAuthenticated`, `FileNotFound` and so on. */
export class SoapFault extends Error {
  readonly fault: string

  constructor(fault: string) {
    super(`fault ${fault}`)
    this.name = 'SoapFault'
    this.fault = fault
  }
}

export class VimSoap {
  readonly #http: BackendHttp
  readonly #url: string

  /** `url`: `https://host[:port]`. */
  constructor(http: BackendHttp, url: string) {
    this.#http = http
    this.#url = `${url}/sdk`
  }

  /** Throws SoapFault, or BackendError when that is no answer at all. */
  async call(
    method: string,
    on: ManagedObject,
    parameters: Parameters,
    { cookie, signal }: { cookie: string | null; signal: AbortSignal },
  ): Promise<SoapAnswer> {
    const headers = {
      'content-type': 'text/xml; charset=utf-8',
      soapaction: ACTION,
      ...(cookie !== null && { cookie }),
    }
    const body = Buffer.from(envelope(method, [['_this', on], ...parameters]))
    const answer = await this.#http.send({ method: 'POST', url: this.#url, headers, body, signal })
    // Faults come with status 500.
    if (answer.status !== 200 && answer.status !== 500) throw await this.#http.failure(answer)
    const xml = await this.#http.text(answer, signal)
    if (/<(?:[\w-]+:)?Fault[\s>]/.test(xml)) throw new SoapFault(faultIn(elementIn(xml, 'detail') ?? ''))
    if (answer.status !== 200 || !xml.includes(`${method}Response`))
      throw this.#http.error('BACKEND_UNAVAILABLE', 'does not speak the protocol of vSphere')
    return { xml, cookies: answer.cookies.map((line) => line.split(';', 1)[0]!.trim()) }
  }

  /** What a fault means for who asked. */
  failure({ fault }: SoapFault): Error {
    return this.#http.error(CODES.get(fault) ?? 'BACKEND_UNAVAILABLE', `answers with the fault ${fault}`)
  }
}

const CODES = new Map<string, BackendErrorCode>([
  ['InvalidLogin', 'BACKEND_REFUSED'],
  ['NotAuthenticated', 'BACKEND_REFUSED'],
  ['NoPermission', 'BACKEND_REFUSED'],
  ['FileNotFound', 'BACKEND_NOT_FOUND'],
  ['FileLocked', 'BACKEND_IN_USE'],
  ['CannotDeleteFile', 'BACKEND_REFUSED'],
  ['NoDiskSpace', 'BACKEND_FULL'],
])

/** What stands in the first element of this name, decoded; null: there is none. */
export function textIn(xml: string, name: string): string | null {
  const inner = elementIn(xml, name)
  return inner === null ? null : decoded(inner)
}

/** The managed object in the first element of this name; null: there is none. */
export function objectIn(xml: string, name: string): ManagedObject | null {
  const found = new RegExp(`<${name}\\s[^>]*?\\btype="(\\w+)"[^>]*>([^<]+)</${name}>`).exec(xml)
  return found ? { type: found[1]!, value: decoded(found[2]!) } : null
}

/** What RetrievePropertiesEx answers for one property, as it stands there; null: nothing. */
export function propertyIn(xml: string, name: string): string | null {
  const sets = xml.match(/<propSet>[^]*?<\/propSet>/g) ?? []
  const set = sets.find((one) => textIn(one, 'name') === name)
  return set === undefined ? null : elementIn(set, 'val')
}

/** The name of the type of the first fault: `<fault xsi:type="FileNotFound">`, or `<FileNotFoundFault xsi:type=...>`. */
export function faultIn(xml: string): string {
  return (
    /<[\w:]*[Ff]ault[^>]*\s(?:\w+:)?type="(?:\w+:)?(\w+)"/.exec(xml)?.[1] ??
    /<(?:\w+:)?(\w+)Fault[\s/>]/.exec(xml)?.[1] ??
    'unknown'
  )
}

function elementIn(xml: string, name: string): string | null {
  return new RegExp(`<${name}(?:\\s[^>]*)?>([^]*?)</${name}>`).exec(xml)?.[1] ?? null
}

function envelope(method: string, parameters: Parameters): string {
  const inner = parameters.map(([name, value]) => {
    if (typeof value === 'string') return `<${name}>${encoded(value)}</${name}>`
    if ('xml' in value) return `<${name}>${value.xml}</${name}>`
    return `<${name} type="${encoded(value.type)}">${encoded(value.value)}</${name}>`
  })
  return (
    '<?xml version="1.0" encoding="UTF-8"?>' +
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" ' +
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>' +
    `<${method} xmlns="urn:vim25">${inner.join('')}</${method}></soapenv:Body></soapenv:Envelope>`
  )
}

/** Of a property of one object, for RetrievePropertiesEx. */
export function propertySpec({ type, value }: ManagedObject, names: readonly string[]): RawXml {
  const paths = names.map((name) => `<pathSet>${encoded(name)}</pathSet>`).join('')
  const object = `<obj type="${encoded(type)}">${encoded(value)}</obj>`
  const set = `<propSet><type>${encoded(type)}</type>${paths}</propSet>`
  return { xml: `${set}<objectSet>${object}</objectSet>` }
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

function encoded(text: string): string {
  return text.replaceAll(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)
}

function decoded(xml: string): string {
  return xml.replaceAll(
    /&(?:#(\d+)|#x([\da-fA-F]+)|(\w+));/g,
    (whole, decimal?: string, hex?: string, name = '') => {
      if (decimal !== undefined) return String.fromCodePoint(Number(decimal))
      if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16))
      return ENTITIES[name as string] ?? whole
    },
  )
}
