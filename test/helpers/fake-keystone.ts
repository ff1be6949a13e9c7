/**
 * A Keystone in this process, as far as services talk to it: password authentication and the validation of tokens, by the
 * published v3 API. What it is asked is kept, and it can be made slow, silent or confused.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import type { Test } from 'tap'

export interface FakeToken {
  userId: string
  projectId?: string
  domainId?: string
  system?: boolean
  roles: string[]
  /** Wall time, ms; an hour from now when not given. */
  expiresAtMs?: number
}

interface Asked {
  method: string
  path: string
  token: string | undefined
  subject: string | undefined
}

export const SERVICE_USER = { name: 'glance', password: 'pa$$word of the service user' }
const HOUR_MS = 3_600_000

export class FakeKeystone {
  readonly tokens = new Map<string, FakeToken>()
  readonly asked: Asked[] = []
  /** The tokens that it gave to the service user and still takes. */
  readonly own = new Set<string>()
  /** Replaces the answers to validations. */
  answer: ((response: ServerResponse) => void) | null = null
  /** Every answer waits for it. */
  gate: Promise<unknown> = Promise.resolve()
  /** Life of the service user's tokens, ms. */
  ownLifeMs = HOUR_MS
  /** What the catalogue says of identity endpoints. */
  endpoints: object[] = []
  readonly #server: Server

  private constructor() {
    this.#server = createServer((request, response) => void this.#serve(request, response))
  }

  /** Listens until `t` ends. */
  static async start(t: Test): Promise<FakeKeystone> {
    const keystone = new FakeKeystone()
    keystone.#server.listen(0, '127.0.0.1')
    await once(keystone.#server, 'listening')
    t.teardown(() => keystone.stop())
    return keystone
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  get validations(): Asked[] {
    return this.asked.filter(({ method }) => method === 'GET')
  }

  get authentications(): number {
    return this.asked.length - this.validations.length
  }

  /** Nobody listens any more. */
  stop(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url: path = '', headers } = request
    const [token, subject] = [headers['x-auth-token'], headers['x-subject-token']].map((value) =>
      value === undefined ? undefined : String(value),
    )
    this.asked.push({ method, path, token, subject })
    const body = method === 'POST' ? ((await json(request)) as AuthRequest) : null
    await this.gate
    if (body !== null) return this.#authenticate(body, response)
    if (token === undefined || !this.own.has(token)) return send(response, 401, error(401))
    if (this.answer !== null) return this.answer(response)
    this.#validate(subject ?? '', new URL(path, this.url).searchParams, response)
  }

  #authenticate({ auth }: AuthRequest, response: ServerResponse): void {
    const { user } = auth.identity.password
    const isKnown =
      user.name === SERVICE_USER.name && user.password === SERVICE_USER.password && 'project' in auth.scope
    if (!isKnown) return send(response, 401, error(401))
    const token = `own-${this.asked.length}`
    this.own.add(token)
    response.setHeader('x-subject-token', token)
    const catalog = [{ type: 'identity', endpoints: this.endpoints }]
    send(response, 201, {
      token: {
        ...describe({ userId: 'glance', projectId: 'service', roles: ['service'] }, this.ownLifeMs),
        catalog,
      },
    })
  }

  #validate(subject: string, query: URLSearchParams, response: ServerResponse): void {
    const token = this.tokens.get(subject)
    if (token === undefined) return send(response, 404, error(404))
    const isExpired = (token.expiresAtMs ?? Infinity) <= Date.now()
    if (isExpired && query.get('allow_expired') !== '1') return send(response, 404, error(404))
    send(response, 200, { token: describe(token, HOUR_MS) })
  }
}

interface AuthRequest {
  auth: {
    identity: { password: { user: { name: string; password: string } } }
    scope: object
  }
}

function describe({ userId, projectId, domainId, system, roles, expiresAtMs }: FakeToken, lifeMs: number) {
  const nowMs = Date.now()
  return {
    methods: ['password'],
    user: { id: userId, name: userId, domain: { id: 'default', name: 'Default' }, password_expires_at: null },
    audit_ids: ['x'],
    issued_at: keystoneTime(nowMs),
    expires_at: keystoneTime(expiresAtMs ?? nowMs + lifeMs),
    ...(roles.length > 0 && { roles: roles.map((name) => ({ id: name, name })) }),
    ...(projectId !== undefined && {
      project: { id: projectId, name: projectId, domain: { id: 'default', name: 'Default' } },
      is_domain: false,
    }),
    ...(domainId !== undefined && { domain: { id: domainId, name: domainId } }),
    ...(system && { system: { all: true } }),
  }
}

/** With microseconds. */
function keystoneTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z')
}

function error(code: number): object {
  return { error: { code, message: 'whatever', title: 'whatever' } }
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
