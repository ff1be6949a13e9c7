/** Requests of the page to the node that served it. */

/** Thrown for an answer that is none of success; status 0: there was no answer. */
export class RequestError extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.name = 'RequestError'
    this.status = status
  }
}

/** How an operator says who they are; for this tab only. */
export interface Credentials {
  kind: 'operator' | 'keystone'
  token: string
}

const CREDENTIALS_KEY = 'serac.credentials'
/** The node answers within two seconds whoever is silent. */
const ANSWER_LIMIT_MS = 8000

export function keepCredentials(credentials: Credentials): void {
  sessionStorage.setItem(CREDENTIALS_KEY, JSON.stringify(credentials))
}

/** Throws RequestError. */
export async function ask<T>(path: string): Promise<T> {
  return (await send('GET', path)) as T
}

/** Throws RequestError. Answers null when the answer has no body. */
export async function send(method: string, path: string, body?: object): Promise<unknown> {
  const answer = await fetch(path, {
    method,
    headers: { ...credentialHeaders(), ...(body && { 'content-type': 'application/json' }) },
    signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
    ...(body && { body: JSON.stringify(body) }),
  }).catch(() => {
    throw new RequestError(0, 'The node does not answer.')
  })
  const text = await answer.text()
  if (answer.ok) return text === '' ? null : (JSON.parse(text) as unknown)
  throw new RequestError(answer.status, messageIn(text) ?? `The node answered ${answer.status}.`)
}

function credentialHeaders(): Record<string, string> {
  const kept = sessionStorage.getItem(CREDENTIALS_KEY)
  if (kept === null) return {}
  const { kind, token } = JSON.parse(kept) as Credentials
  return kind === 'operator' ? { authorization: `Bearer ${token}` } : { 'x-auth-token': token }
}

function messageIn(text: string): string | null {
  try {
    const { error } = JSON.parse(text) as { error?: { message?: string } }
    return error?.message ?? null
  } catch {
    return null
  }
}
