/**
 * As much of vCenter as a store of files asks for, in memory and over TLS, made after the published protocol alone (vSphere Web
 * Services API reference: urn:vim25 by SOAP at /sdk, and files below /folder): no VMware product was there to compare it with.
 */
import { createServer } from 'node:https'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { createIdentity } from '../../cluster/network/identity.ts'
import { systemRandom } from '../../cluster/runtime.ts'
import { createBulkCredentials } from '../../cluster/transfer/bulk-certificate.ts'
import { bodyOf, ranged, type LocalAnswer } from './local-server.ts'

export const VMWARE_USER = 'VSPHERE.LOCAL\\glance & co'
export const VMWARE_PASSWORD = 'a <secret>'
const DIRECTORY = 'openstack_glance'
const COOKIE = 'vmware_soap_session'
const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

interface Call {
  method: string
  /** Parameters, decoded; of the last of one name. */
  values: Map<string, string>
  xml: string
  cookie: string
}

export class VmwareStandIn {
  /** HOST:PORT. */
  host = ''
  /** PEM; of another name than that of this host. */
  cert = ''
  /** By `[datastore] directory/name`. */
  readonly files = new Map<string, Buffer>()
  /** By their names; their data center. */
  readonly datastores = new Map([
    ['fast', 'dc/one'],
    ['slow', 'dc/two'],
  ])
  /** `METHOD path` of files, names of methods otherwise, in turn. */
  readonly calls: string[] = []
  /** Headers of the last PUT. */
  lastPut: IncomingMessage['headers'] = {}
  /** Asked before each call: what it answers is the answer; 'hang up' ends the connection. */
  fault: (call: string) => LocalAnswer | 'hang up' | null = () => null
  /** The fault with which each task ends; null: it does what it is for. */
  taskFault: string | null = null
  knowsRanges = true
  #sessions = new Set<string>()
  #logins = 0
  /** Looks until a task is over, and how it ends then. */
  readonly #tasks = new Map<string, { looks: number; fault: string | null }>()

  static async start(t: Test): Promise<VmwareStandIn> {
    const standIn = new VmwareStandIn()
    const { cert, key } = createBulkCredentials(createIdentity(systemRandom))
    const server = createServer({ cert, key }, (request, response) => {
      standIn.#handle(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.teardown(() => {
      server.closeAllConnections()
      return new Promise<void>((resolve) => server.close(() => resolve()))
    })
    standIn.cert = cert
    standIn.host = `127.0.0.1:${(server.address() as AddressInfo).port}`
    return standIn
  }

  /** As after its time limit. */
  endSessions(): void {
    this.#sessions.clear()
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'https://local')
    const said =
      url.pathname === '/sdk' ? await this.#soap(request) : await this.#onFile(request, url, response)
    if (said === 'hang up') request.socket.destroy()
    else response.writeHead(said.status, said.headers).end(request.method === 'HEAD' ? undefined : said.body)
  }

  /** A session comes as a cookie; without a living one, a file is refused before its bytes are read. */
  async #onFile(
    request: IncomingMessage,
    url: URL,
    response: ServerResponse,
  ): Promise<LocalAnswer | 'hang up'> {
    const { method = '' } = request
    const call = `${method} ${url.pathname}${url.search}`
    this.calls.push(call)
    const fault = this.fault(call)
    if (fault) return fault
    if (!this.#isLive(request)) {
      response.setHeader('connection', 'close')
      return { status: 401 }
    }
    const store = url.searchParams.get('dsName') ?? ''
    const [, folder, directory, name = ''] = decodeURIComponent(url.pathname).split('/')
    if (folder !== 'folder' || this.datastores.get(store) !== url.searchParams.get('dcPath'))
      return { status: 404 }
    if (directory !== DIRECTORY) return { status: 404 }
    const path = `[${store}] ${directory}/${name}`
    if (method === 'PUT') return this.#put(request, path)
    const bytes = this.files.get(path)
    if (!bytes) return { status: 404 }
    if (method === 'HEAD') return { status: 200, headers: { 'content-length': String(bytes.length) } }
    return ranged(bytes, this.knowsRanges ? request.headers.range : undefined)
  }

  async #put(request: IncomingMessage, path: string): Promise<LocalAnswer> {
    if (this.files.has(path)) return { status: 409 }
    this.lastPut = request.headers
    // What has come when a connection breaks stays there.
    const pieces: Buffer[] = []
    try {
      for await (const piece of request) pieces.push(piece as Buffer)
    } finally {
      this.files.set(path, Buffer.concat(pieces))
    }
    return { status: 201 }
  }

  #isLive({ headers }: IncomingMessage): boolean {
    const [, session = ''] = new RegExp(`${COOKIE}="([^"]+)"`).exec(headers.cookie ?? '') ?? []
    return this.#sessions.has(session)
  }

  async #soap(request: IncomingMessage): Promise<LocalAnswer | 'hang up'> {
    const xml = (await bodyOf(request)).toString()
    const [, method = '', inner = ''] =
      /<soapenv:Body><(\w+) xmlns="urn:vim25">([^]*)<\/\1><\/soapenv:Body>/.exec(xml) ?? []
    this.calls.push(method)
    const fault = this.fault(method)
    if (fault) return fault
    const given = [...inner.matchAll(/<(\w+)(?: type="\w+")?>([^<]*)<\/\1>/g)]
    const values = new Map(given.map(([, name = '', value = '']) => [name, decoded(value)]))
    const isLive = this.#isLive(request)
    const isOpen = ['RetrieveServiceContent', 'Login'].includes(method)
    if (request.method !== 'POST' || !String(request.headers['soapaction']).startsWith('"urn:vim25/'))
      return { status: 400 }
    if (!isLive && !isOpen) return faultOf('NotAuthenticated')
    return this.#on({ method, values, xml, cookie: request.headers.cookie ?? '' })
  }

  #on({ method, values, xml, cookie }: Call): LocalAnswer {
    switch (method) {
      case 'RetrieveServiceContent':
        return answerOf(method, SERVICE_CONTENT)
      case 'Login':
        return this.#login(values)
      case 'SessionIsActive': {
        const isSame =
          cookie.includes(values.get('sessionID') ?? ' ') && values.get('userName') === 'as-the-server-says'
        return answerOf(method, `<returnval>${isSame}</returnval>`)
      }
      case 'FindByInventoryPath': {
        const isThere = [...this.datastores.values()].includes(values.get('inventoryPath') ?? '')
        return answerOf(
          method,
          isThere
            ? `<returnval type="Datacenter">${datacenterId(values.get('inventoryPath')!)}</returnval>`
            : '',
        )
      }
      case 'DeleteDatastoreFile_Task':
        return this.#beginDelete(values)
      case 'RetrievePropertiesEx':
        return this.#task(xml, values.get('obj') ?? '')
      default:
        return faultOf('NotSupported')
    }
  }

  #login(values: Map<string, string>): LocalAnswer {
    if (values.get('userName') !== VMWARE_USER || values.get('password') !== VMWARE_PASSWORD)
      return faultOf('InvalidLogin', 'InvalidLoginFault')
    const key = `session-${++this.#logins}`
    this.#sessions.add(key)
    const user = '<key>' + key + '</key><userName>as-the-server-says</userName><fullName>Glance</fullName>'
    const answer = answerOf('Login', `<returnval>${user}</returnval>`)
    return {
      ...answer,
      headers: { ...answer.headers, 'set-cookie': `${COOKIE}="${key}"; Path=/; HttpOnly; Secure` },
    }
  }

  #beginDelete(values: Map<string, string>): LocalAnswer {
    const path = values.get('name') ?? ''
    const [, store = ''] = /^\[(\w+)\] /.exec(path) ?? []
    const isRight = values.get('datacenter') === datacenterId(this.datastores.get(store) ?? '')
    if (!isRight) return faultOf('InvalidDatastore', 'InvalidDatastoreFault')
    const task = `task-${this.#tasks.size}`
    const fault = this.taskFault ?? (this.files.has(path) ? null : 'FileNotFound')
    this.#tasks.set(task, { looks: 2, fault })
    if (fault === null) this.files.delete(path)
    return answerOf('DeleteDatastoreFile_Task', `<returnval type="Task">${task}</returnval>`)
  }

  #task(xml: string, id: string): LocalAnswer {
    const task = this.#tasks.get(id)
    if (!task || !xml.includes('<pathSet>info.state</pathSet>')) return faultOf('ManagedObjectNotFound')
    const state = task.looks-- > 0 ? 'running' : task.fault === null ? 'success' : 'error'
    const property = (name: string, type: string, value: string) =>
      `<propSet><name>${name}</name><val xsi:type="${type}">${value}</val></propSet>`
    const error = `<fault xsi:type="${task.fault}"><file>[x] y</file></fault><localizedMessage>No.</localizedMessage>`
    const sets =
      property('info.state', 'TaskInfoState', state) +
      (state === 'error' ? property('info.error', 'LocalizedMethodFault', error) : '')
    return answerOf(
      'RetrievePropertiesEx',
      `<returnval><objects><obj type="Task">${id}</obj>${sets}</objects></returnval>`,
    )
  }
}

const SERVICE_CONTENT =
  '<returnval><rootFolder type="Folder">group-d1</rootFolder>' +
  '<propertyCollector type="PropertyCollector">propertyCollector</propertyCollector>' +
  '<about><name>VMware vCenter Server</name><apiVersion>7.0.3.0</apiVersion></about>' +
  '<sessionManager type="SessionManager">SessionManager</sessionManager>' +
  '<fileManager type="FileManager">FileManager</fileManager>' +
  '<searchIndex type="SearchIndex">SearchIndex</searchIndex></returnval>'

function datacenterId(path: string): string {
  return `datacenter-${Buffer.from(path).toString('hex')}`
}

function answerOf(method: string, inner: string): LocalAnswer {
  return soapOf(200, `<${method}Response xmlns="urn:vim25">${inner}</${method}Response>`)
}

function faultOf(type: string, element = `${type}Fault`): LocalAnswer {
  const detail = `<detail><${element} xmlns="urn:vim25" xsi:type="${type}"></${element}></detail>`
  const text = '<faultcode>ServerFaultCode</faultcode><faultstring>It cannot be done.</faultstring>'
  return soapOf(500, `<soapenv:Fault>${text}${detail}</soapenv:Fault>`)
}

function soapOf(status: number, inner: string): LocalAnswer {
  const body =
    '<?xml version="1.0" encoding="UTF-8"?>\n<soapenv:Envelope xmlns:soapenc="http://schemas.xmlsoap.org/soap/encoding/" ' +
    'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema" ' +
    `xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\n<soapenv:Body>\n${inner}\n</soapenv:Body>\n</soapenv:Envelope>`
  return { status, headers: { 'content-type': 'text/xml; charset=utf-8' }, body }
}

function decoded(xml: string): string {
  return xml.replaceAll(/&(?:#(\d+)|(\w+));/g, (_, code?: string, name = '') =>
    code === undefined ? ENTITIES[name as string]! : String.fromCodePoint(Number(code)),
  )
}
