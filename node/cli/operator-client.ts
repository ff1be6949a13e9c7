/** Requests of the commands to the operator port of a node. */
import { Readable } from 'node:stream'
import type { ClusterStatus } from '../status/status-types.ts'
import type { NodesDocument } from '../status/cluster-admin.ts'
import { NotAskedError } from './cli-io.ts'

/** A change of the config takes two rounds of votes; a lost majority is noticed within seconds. */
const ANSWER_LIMIT_MS = 20_000

/** Thrown when the node answers that it will not, or cannot now. */
export class OperatorError extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

export class OperatorClient {
  readonly url: string

  constructor(url: string) {
    this.url = url
  }

  nodes(): Promise<NodesDocument> {
    return this.send('GET', '/v1/cluster/nodes') as Promise<NodesDocument>
  }

  status(): Promise<ClusterStatus> {
    return this.send('GET', '/v1/cluster/status') as Promise<ClusterStatus>
  }

  /** The JSON of the answer; null when it has none. Throws an Error with what the node said, or why it said nothing. */
  async send(method: string, path: string, body?: unknown): Promise<unknown> {
    const answer = await this.#ask(path, {
      method,
      signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
      headers: { ...credentials(), ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    return text === '' ? null : (JSON.parse(text) as unknown)
  }

  /** PUTs bytes, however long that takes. Throws as `send`. */
  async sendStream(path: string, body: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
    const headers = { ...credentials(), 'content-type': 'application/octet-stream' }
    const stream = Readable.toWeb(Readable.from(body, { objectMode: false })) as ReadableStream
    const answer = await this.#ask(path, { method: 'PUT', headers, body: stream, duplex: 'half', signal })
    await answer.text()
  }

  /** GETs bytes, which the caller reads to their end or leaves. Throws as `send`; a cut answer throws while it is read. */
  async receiveStream(path: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    const answer = await this.#ask(path, { method: 'GET', headers: credentials(), signal })
    return answer.body ?? Readable.from([])
  }

  async #ask(path: string, request: RequestInit): Promise<Response> {
    const answer = await fetch(new URL(path, this.url), request).catch((error: unknown) => {
      throw new NotAskedError(`could not ask ${this.url}: ${plainReason(error)}`, { cause: error })
    })
    if (answer.ok) return answer
    const message =
      messageIn(await answer.text()) ?? `${this.url} answered ${answer.status} ${answer.statusText}`
    throw new OperatorError(answer.status, message)
  }
}

/** As the shell has them: the token of the operator port, or one of Keystone. */
export function credentials(): Record<string, string> {
  const { SERAC_OPERATOR_TOKEN: token, OS_TOKEN: keystoneToken } = process.env
  return {
    ...(token && { authorization: `Bearer ${token}` }),
    ...(keystoneToken && { 'x-auth-token': keystoneToken }),
  }
}

/** fetch hides the reason (ECONNREFUSED and the like) in the cause of "fetch failed". */
function plainReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError') return `no answer within ${ANSWER_LIMIT_MS / 1000} s`
  return error.cause instanceof Error ? error.cause.message : error.message
}

function messageIn(text: string): string | null {
  try {
    const { error } = JSON.parse(text) as { error?: { message?: unknown } }
    return typeof error?.message === 'string' ? error.message : null
  } catch {
    return null
  }
}
