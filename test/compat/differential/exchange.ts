/** Sends requests over one connection that is kept open, byte for byte as a case has them. */
import { Agent, request as httpRequest } from 'node:http'
import { buffer } from 'node:stream/consumers'

export interface OutgoingRequest {
  method: string
  path: string
  headers: Readonly<Record<string, string>>
  body: Buffer | null
  chunked: boolean
}

export interface Answer {
  status: number
  /** Names in lower case; of a repeated header all values in order. */
  headers: Readonly<Record<string, string>>
  body: Buffer
}

/** Past any answer on a busy machine. */
const ANSWER_LIMIT_MS = 60_000

export class Exchange {
  readonly url: string
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })

  constructor(url: string) {
    this.url = url
  }

  async send({ method, path, headers, body, chunked }: OutgoingRequest): Promise<Answer> {
    const { hostname, port } = new URL(this.url)
    const length = body === null || chunked ? {} : { 'content-length': body.length }
    const framing = chunked ? { 'transfer-encoding': 'chunked' } : length
    const sent = httpRequest({
      agent: this.#agent,
      hostname,
      port,
      method,
      path,
      headers: { ...headers, ...framing },
      signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
    })
    return new Promise((resolve, reject) => {
      sent.once('error', reject)
      sent.once('response', (response) => {
        const { statusCode = 0 } = response
        buffer(response).then(
          (bytes) =>
            resolve({ status: statusCode, headers: flatHeaders(response.headersDistinct), body: bytes }),
          reject,
        )
      })
      sent.end(body ?? undefined)
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}

function flatHeaders(headers: Readonly<NodeJS.Dict<string[]>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, values = []]) => [name, values.join(' | ')]))
}
