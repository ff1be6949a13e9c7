/**
 * Requests to the Glance that images are moved from, with a token as the clients' environment says (`openrc`). A move takes
 * longer than a token lives: one that is refused is renewed.
 */
import type { Environment } from '../../config/environment.ts'

interface Credentials {
  authUrl: string
  body: object
}

/** For an answer to begin, ms: a busy Glance with 100 000 images takes its time. */
const ANSWER_LIMIT_MS = 120_000
const DEFAULT_DOMAIN_ID = 'default'

export class GlanceSession {
  /** Without version and credentials. */
  readonly url: string
  readonly #credentials: Credentials | null
  #token: string | null
  #renewal: Promise<string> | null = null

  /** `environment`: OS_TOKEN, or OS_AUTH_URL, OS_USERNAME, OS_PASSWORD and so on; neither: Glance asks for none. */
  constructor(url: string, environment: Environment) {
    this.url = url.replace(/\/+$/, '').replace(/\/v2$/, '')
    this.#token = environment['OS_TOKEN'] ?? null
    this.#credentials = this.#token === null ? credentialsIn(environment) : null
  }

  /** Throws an Error with what Glance said, or why it said nothing. */
  async json(path: string): Promise<unknown> {
    const answer = await this.get(path, AbortSignal.timeout(ANSWER_LIMIT_MS))
    if (answer.ok) return answer.json()
    await answer.body?.cancel()
    throw new Error(`${this.url} answered ${answer.status} ${answer.statusText} to ${path.split('?')[0]}`)
  }

  /** The answer, whatever its status. Its body is to be read or cancelled. */
  async get(path: string, signal: AbortSignal): Promise<Response> {
    const first = await this.#send(path, await this.#currentToken(), signal)
    if (first.status !== 401 || !this.#credentials) return first
    await first.body?.cancel()
    this.#token = null
    return this.#send(path, await this.#currentToken(), signal)
  }

  async #send(path: string, token: string | null, signal: AbortSignal): Promise<Response> {
    return fetch(this.url + path, { headers: token === null ? {} : { 'x-auth-token': token }, signal }).catch(
      (error: unknown) => {
        throw new Error(`could not ask ${this.url}: ${reasonOf(error)}`, { cause: error })
      },
    )
  }

  async #currentToken(): Promise<string | null> {
    if (this.#token !== null || !this.#credentials) return this.#token
    this.#renewal ??= newToken(this.#credentials).finally(() => (this.#renewal = null))
    this.#token = await this.#renewal
    return this.#token
  }
}

function credentialsIn(environment: Environment): Credentials | null {
  const authUrl = environment['OS_AUTH_URL']
  if (authUrl === undefined) return null
  const needed = (name: string): string => {
    const value = environment[name]
    if (value === undefined) throw new Error(`OS_AUTH_URL is set, but ${name} is not.`)
    return value
  }
  const domain = (kind: string) => {
    const name = environment[`OS_${kind}_DOMAIN_NAME`]
    return name === undefined ? { id: environment[`OS_${kind}_DOMAIN_ID`] ?? DEFAULT_DOMAIN_ID } : { name }
  }
  const user = { name: needed('OS_USERNAME'), password: needed('OS_PASSWORD'), domain: domain('USER') }
  const project = { name: needed('OS_PROJECT_NAME'), domain: domain('PROJECT') }
  const auth = { identity: { methods: ['password'], password: { user } }, scope: { project } }
  return { authUrl: `${authUrl.replace(/\/+$/, '').replace(/\/v3$/, '')}/v3`, body: { auth } }
}

async function newToken({ authUrl, body }: Credentials): Promise<string> {
  const answer = await fetch(`${authUrl}/auth/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
  }).catch((error: unknown) => {
    throw new Error(`could not ask Keystone at ${authUrl}: ${reasonOf(error)}`, { cause: error })
  })
  await answer.body?.cancel()
  const token = answer.headers.get('x-subject-token')
  if (answer.status === 201 && token !== null) return token
  throw new Error(`Keystone at ${authUrl} gives no token (${answer.status}): look at the OS_ variables.`)
}

/** fetch hides the reason (ECONNREFUSED and the like) in the cause of "fetch failed". */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? error.cause.message : error.message
}
