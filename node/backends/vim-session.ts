/** Who this node is to vSphere: a session that is logged in to by SOAP, and then shown as a cookie, to the files as well. */
import type { BackendHttp } from './backend-http.ts'
import {
  objectIn,
  SoapFault,
  textIn,
  VimSoap,
  type ManagedObject,
  type Parameters,
  type SoapAnswer,
} from './vim-soap.ts'

export interface VimCredentials {
  /** `https://host[:port]`. */
  url: string
  user: string
  password: string
  /** How often a session that has ended is asked for anew within one request. */
  tries: number
}

/** The objects that a server has one of. */
type Service = 'sessionManager' | 'propertyCollector' | 'searchIndex' | 'fileManager'

interface Session {
  cookie: string
  key: string
  /** As the server writes it, which is not as it was given. */
  user: string
  services: Readonly<Record<Service, ManagedObject>>
}

const ROOT: ManagedObject = { type: 'ServiceInstance', value: 'ServiceInstance' }
const SERVICES = ['sessionManager', 'propertyCollector', 'searchIndex', 'fileManager'] as const

export class VimSession {
  readonly #http: BackendHttp
  readonly #soap: VimSoap
  readonly #credentials: VimCredentials
  #known: Session | null = null
  #asking: Promise<Session> | null = null

  constructor(http: BackendHttp, credentials: VimCredentials) {
    this.#http = http
    this.#credentials = credentials
    this.#soap = new VimSoap(http, credentials.url)
  }

  /** For requests for files. Throws BackendError. */
  async cookie(signal: AbortSignal): Promise<string> {
    return (await this.#session(signal)).cookie
  }

  /** As `cookie`, of a session that has just been seen to live: for what cannot be sent again. */
  async freshCookie(signal: AbortSignal): Promise<string> {
    const session = await this.#session(signal)
    const parameters = [
      ['sessionID', session.key],
      ['userName', session.user],
    ] as const
    const { sessionManager } = session.services
    const question = this.#soap.call('SessionIsActive', sessionManager, parameters, { ...session, signal })
    const isActive = await question.then(
      ({ xml }) => textIn(xml, 'returnval') === 'true',
      // Who may not ask that is told by the next login.
      (error: unknown) => {
        if (error instanceof SoapFault) return false
        throw error
      },
    )
    if (!isActive) this.forget(session.cookie)
    return this.cookie(signal)
  }

  /** The session was refused. */
  forget(cookie: string): void {
    if (this.#known?.cookie === cookie) this.#known = null
  }

  /** Throws SoapFault for what is no matter of the session, or BackendError. */
  async call(method: string, on: Service, parameters: Parameters, signal: AbortSignal): Promise<SoapAnswer> {
    for (let tries = 1; ; tries++) {
      const session = await this.#session(signal)
      try {
        return await this.#soap.call(method, session.services[on], parameters, { ...session, signal })
      } catch (error) {
        const isOver = error instanceof SoapFault && error.fault === 'NotAuthenticated'
        if (!isOver || tries > this.#credentials.tries) throw error
        this.forget(session.cookie)
      }
    }
  }

  /** Of a fault. */
  failure(fault: SoapFault): Error {
    return this.#soap.failure(fault)
  }

  async #session(signal: AbortSignal): Promise<Session> {
    if (this.#known) return this.#known
    // One login for all that wait; whoever asked first and gave up takes the others with it, and they are tried again.
    this.#asking ??= this.#login(signal).finally(() => (this.#asking = null))
    this.#known = await this.#asking
    return this.#known
  }

  async #login(signal: AbortSignal): Promise<Session> {
    const { user, password } = this.#credentials
    try {
      const content = await this.#soap.call('RetrieveServiceContent', ROOT, [], { cookie: null, signal })
      const services = this.#servicesIn(content.xml)
      const first = content.cookies.length > 0 ? content.cookies.join('; ') : null
      const parameters = [
        ['userName', user],
        ['password', password],
      ] as const
      const on = services.sessionManager
      const answer = await this.#soap.call('Login', on, parameters, { cookie: first, signal })
      const cookie = answer.cookies.length > 0 ? answer.cookies.join('; ') : first
      const [key, name] = [textIn(answer.xml, 'key'), textIn(answer.xml, 'userName')]
      if (cookie === null || key === null || name === null) throw this.#silent()
      return { cookie, key, user: name, services }
    } catch (error) {
      throw error instanceof SoapFault ? this.#soap.failure(error) : error
    }
  }

  #servicesIn(xml: string): Session['services'] {
    const found = SERVICES.map((name) => [name, objectIn(xml, name)] as const)
    if (found.some(([, object]) => object === null)) throw this.#silent()
    return Object.fromEntries(found) as Session['services']
  }

  #silent(): Error {
    return this.#http.error('BACKEND_UNAVAILABLE', 'does not speak the protocol of vSphere')
  }
}
