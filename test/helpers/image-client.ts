/** The Glance calls of the probe tests. Unlike a real client it judges nothing: every answer is a result. */
import { createHash } from 'node:crypto'
import { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { buffer } from 'node:stream/consumers'

export interface Reply {
  status: number
  headers: IncomingHttpHeaders
  body: Buffer
}

/** What the probes look at of an image. */
export interface ShownImage {
  id: string
  name: string | null
  status: string
  size: number | null
  virtual_size: number | null
  os_hash_value: string | null
}

export interface Call {
  headers?: Record<string, string | number>
  body?: Buffer | AsyncIterable<Uint8Array>
  /** Hangs up when aborted; the answer is then an AbortError. */
  signal?: AbortSignal
}

export interface Upload {
  /** Gives the answer; rejects when the connection breaks before it. */
  answer: Promise<Reply>
  /** Hangs up. */
  destroy(): void
}

const PATCH_HEADERS = { 'content-type': 'application/openstack-images-v2.1-json-patch' }
const DATA_HEADERS = { 'content-type': 'application/octet-stream' }

/** Every request has a connection of its own, so that none meets the dead one of a killed node. */
export class ImageClient {
  readonly url: string
  readonly #headers: Record<string, string>

  /** `headers` come with every request: a token. */
  constructor(url: string, headers: Record<string, string> = {}) {
    this.url = url
    this.#headers = headers
  }

  async send(method: string, path: string, call: Call = {}): Promise<Reply> {
    return readReply(await this.open(method, path, call))
  }

  /** The answer's head; its body is still to be read, or to be destroyed. */
  open(method: string, path: string, call: Call = {}): Promise<IncomingMessage> {
    return this.#begin(method, path, call).answer
  }

  create(fields: Record<string, unknown> = {}): Promise<Reply> {
    const body = JSON.stringify({ name: 'probe', disk_format: 'raw', container_format: 'bare', ...fields })
    const headers = { 'content-type': 'application/json' }
    return this.send('POST', '/v2/images', { headers, body: Buffer.from(body) })
  }

  /** Creates an image that takes data; throws when that does not succeed. */
  async newImage(fields: Record<string, unknown> = {}): Promise<string> {
    const reply = await this.create(fields)
    if (reply.status !== 201) throw new Error(`create answered ${describe(reply)}`)
    return (jsonOf(reply) as ShownImage).id
  }

  put(id: string, body: Buffer | AsyncIterable<Uint8Array>, headers: Call['headers'] = {}): Promise<Reply> {
    return this.upload(id, body, headers).answer
  }

  upload(id: string, body: Buffer | AsyncIterable<Uint8Array>, headers: Call['headers'] = {}): Upload {
    const call = { headers: { ...DATA_HEADERS, ...headers }, body }
    const { outgoing, answer } = this.#begin('PUT', `/v2/images/${id}/file`, call)
    return { answer: answer.then(readReply), destroy: () => void outgoing.destroy() }
  }

  data(id: string): Promise<Reply> {
    return this.send('GET', `/v2/images/${id}/file`)
  }

  /** Throws when the image cannot be shown. */
  async show(id: string): Promise<ShownImage> {
    const reply = await this.send('GET', `/v2/images/${id}`)
    if (reply.status !== 200) throw new Error(`show answered ${describe(reply)}`)
    return jsonOf(reply) as ShownImage
  }

  /** Resolves with true when every image of `names` (by id) is shown, by a majority and not from memory; else throws. */
  async showsAll(names: ReadonlyMap<string, string>): Promise<boolean> {
    for (const [id, name] of names) {
      const reply = await this.send('GET', `/v2/images/${id}`)
      if (reply.status !== 200) throw new Error(`show answered ${describe(reply)}`)
      if (reply.headers['x-serac-consistency'] !== undefined) throw new Error(`${id} is served as stale`)
      const shown = jsonOf(reply) as ShownImage
      if (shown.name !== name) throw new Error(`${id} is ${shown.name}, not ${name}`)
    }
    return true
  }

  rename(id: string, name: string): Promise<Reply> {
    return this.patch(id, [{ op: 'replace', path: '/name', value: name }])
  }

  patch(id: string, operations: readonly object[]): Promise<Reply> {
    const body = Buffer.from(JSON.stringify(operations))
    return this.send('PATCH', `/v2/images/${id}`, { headers: PATCH_HEADERS, body })
  }

  remove(id: string): Promise<Reply> {
    return this.send('DELETE', `/v2/images/${id}`)
  }

  #begin(method: string, path: string, { headers = {}, body = Buffer.alloc(0), signal }: Call) {
    const length = Buffer.isBuffer(body) ? { 'content-length': body.length } : {}
    const options = {
      method,
      agent: false,
      headers: { ...this.#headers, ...length, ...headers },
      ...(signal ? { signal } : {}),
    }
    const outgoing = request(new URL(path, this.url), options)
    return { outgoing, answer: exchange(outgoing, body) }
  }
}

async function exchange(
  outgoing: ClientRequest,
  body: Buffer | AsyncIterable<Uint8Array>,
): Promise<IncomingMessage> {
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve).on('error', reject)
  })
  if (Buffer.isBuffer(body)) outgoing.end(body)
  // A refusal may come before all is sent; then the answer counts and not the broken pipe.
  else pipeline(Readable.from(body, { objectMode: false }), outgoing).catch(() => {})
  return answered
}

async function readReply(answer: IncomingMessage): Promise<Reply> {
  return { status: answer.statusCode ?? 0, headers: answer.headers, body: await buffer(answer) }
}

export function jsonOf({ body }: Reply): unknown {
  return JSON.parse(body.toString()) as unknown
}

/** For messages of tests. */
export function describe({ status, body }: Reply): string {
  return `${status} ${body.toString('utf8', 0, 200)}`
}

export function sha512(bytes: Uint8Array): string {
  return createHash('sha512').update(bytes).digest('hex')
}
