/** As much of Swift as an image store asks for, in memory, with TempAuth and a Keystone of its own. */
import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Test } from 'tap'
import { ranged, StandIn, type LocalAnswer } from './local-server.ts'

export const SWIFT_USER = 'glance'
export const SWIFT_KEY = 'a secret'

interface KeystoneQuestion {
  auth: { identity: { password: { user: { name: string; password: string } } }; scope: object }
}

interface ListedSegment {
  path: string
  etag: string
  size_bytes: number
}

export class SwiftStandIn extends StandIn {
  /** By `/container/name`. */
  readonly objects = new Map<string, Buffer>()
  readonly containers = new Set<string>()
  /** Lists of segments, by the path of the object that they make. */
  readonly lists = new Map<string, ListedSegment[]>()
  tokens = 0

  static async start(t: Test, containers: readonly string[] = ['images']): Promise<SwiftStandIn> {
    const standIn = new SwiftStandIn()
    await standIn.listen(t)
    for (const container of containers) standIn.containers.add(container)
    return standIn
  }

  /** Every token that was given out is void. */
  forgetTokens(): void {
    this.tokens++
  }

  protected override answer(request: IncomingMessage, url: URL, body: Buffer): LocalAnswer {
    if (url.pathname === '/auth/v1.0') return this.#tempAuth(request)
    if (url.pathname === '/v3/auth/tokens')
      return this.#keystone(JSON.parse(body.toString()) as KeystoneQuestion)
    if (request.headers['x-auth-token'] !== this.#token) return { status: 401 }
    const path = url.pathname.replace(/^\/v1\/account/, '')
    const [, container = '', name] = path.split('/')
    if (name === undefined) return this.#onContainer(request.method ?? '', container, url.searchParams)
    if (!this.containers.has(container)) return { status: 404 }
    return this.#onObject(request, path, url.searchParams, body)
  }

  get #token(): string {
    return `token-${this.tokens}`
  }

  #tempAuth({ headers }: IncomingMessage): LocalAnswer {
    if (headers['x-auth-user'] !== `account:${SWIFT_USER}` || headers['x-auth-key'] !== SWIFT_KEY)
      return { status: 401 }
    return {
      status: 200,
      headers: { 'x-storage-url': `${this.url}/v1/account`, 'x-auth-token': this.#token },
    }
  }

  #keystone(asked: KeystoneQuestion): LocalAnswer {
    const { name, password } = asked.auth.identity.password.user
    if (name !== SWIFT_USER || password !== SWIFT_KEY) return { status: 401 }
    const endpoint = (kind: string, region: string, host: string) => ({
      interface: kind,
      region,
      url: `${host}/v1/account`,
    })
    const endpoints = [
      endpoint('internal', 'here', 'http://127.0.0.1:9'),
      endpoint('public', 'elsewhere', 'http://127.0.0.1:9'),
      endpoint('public', 'here', this.url),
    ]
    const catalog = [
      { type: 'image', endpoints: [] },
      { type: 'object-store', endpoints },
    ]
    const expires = new Date(Date.now() + 3_600_000).toISOString()
    return {
      status: 201,
      headers: { 'x-subject-token': this.#token, 'content-type': 'application/json' },
      body: JSON.stringify({ token: { expires_at: expires, catalog, project: asked.auth.scope } }),
    }
  }

  #onContainer(method: string, container: string, query: URLSearchParams): LocalAnswer {
    if (method === 'PUT') {
      this.containers.add(container)
      return { status: 201 }
    }
    if (!this.containers.has(container)) return { status: 404 }
    if (method === 'HEAD') return { status: 204 }
    const start = `/${container}/${query.get('prefix') ?? ''}`
    const paths = [...this.objects.keys(), ...this.lists.keys()].filter((path) => path.startsWith(start))
    const listed = paths.slice(0, Number(query.get('limit')))
    return {
      status: 200,
      body: JSON.stringify(listed.map((path) => ({ name: path.slice(container.length + 2) }))),
    }
  }

  #onObject(request: IncomingMessage, path: string, query: URLSearchParams, body: Buffer): LocalAnswer {
    switch (request.method ?? '') {
      case 'PUT':
        if (query.has('multipart-manifest'))
          return this.#putList(path, JSON.parse(body.toString()) as ListedSegment[])
        this.objects.set(path, body)
        return { status: 201, headers: { etag: md5(body) } }
      case 'DELETE':
        return { status: this.objects.delete(path) || this.lists.delete(path) ? 204 : 404 }
      default: {
        const list = this.lists.get(path)
        const bytes = list
          ? Buffer.concat(list.map((segment) => this.objects.get(segment.path)!))
          : this.objects.get(path)
        return bytes ? ranged(bytes, request.headers.range) : { status: 404 }
      }
    }
  }

  #putList(path: string, segments: ListedSegment[]): LocalAnswer {
    const isSame = ({ path: at, etag, size_bytes: size }: ListedSegment) => {
      const bytes = this.objects.get(at)
      return bytes !== undefined && md5(bytes) === etag && bytes.length === size && size > 0
    }
    if (segments.length === 0 || !segments.every(isSame)) return { status: 400 }
    this.lists.set(path, segments)
    return { status: 201 }
  }
}

function md5(bytes: Buffer): string {
  return createHash('md5').update(bytes).digest('hex')
}
