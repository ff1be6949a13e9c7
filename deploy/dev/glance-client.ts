/** The few Glance calls of the demonstration, streaming, with a sha512 of every byte that passes. */
import { createHash } from 'node:crypto'
import { type IncomingMessage, request, type RequestOptions } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { json, text } from 'node:stream/consumers'

/** What the demonstration looks at; the API answers more. */
export interface GlanceImage {
  id: string
  status: string
  size: number | null
  os_hash_value: string | null
}

export interface Transfer {
  sizeBytes: number
  /** Hexadecimal. */
  sha512: string
}

export class GlanceClient {
  readonly #url: string
  readonly #signal: AbortSignal

  constructor(url: string, signal: AbortSignal) {
    this.#url = url
    this.#signal = signal
  }

  async createImage(name: string): Promise<GlanceImage> {
    const body = JSON.stringify({ name, disk_format: 'raw', container_format: 'bare' })
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    const answer = await this.#send(
      '/v2/images',
      { method: 'POST', headers },
      Readable.from([Buffer.from(body)]),
    )
    return (await json(answer)) as GlanceImage
  }

  async showImage(id: string): Promise<GlanceImage> {
    return (await json(await this.#send(`/v2/images/${id}`, { method: 'GET' }))) as GlanceImage
  }

  /** Sends `source` as the image's data; resolves with what was sent. */
  async upload(id: string, source: AsyncIterable<Uint8Array>): Promise<Transfer> {
    const meter = new Meter()
    const headers = { 'content-type': 'application/octet-stream' }
    const body = Readable.from(meter.count(source), { objectMode: false })
    const answer = await this.#send(`/v2/images/${id}/file`, { method: 'PUT', headers }, body)
    answer.resume()
    return meter.result()
  }

  /** Reads the whole image and throws it away; resolves with what came. */
  async download(id: string): Promise<Transfer> {
    const meter = new Meter()
    const answer = await this.#send(`/v2/images/${id}/file`, { method: 'GET' })
    for await (const _ of meter.count(answer)) this.#signal.throwIfAborted()
    return meter.result()
  }

  /** Resolves with the answer when it is a success; its body is still to be read. */
  async #send(
    path: string,
    options: RequestOptions,
    body: Readable = Readable.from([]),
  ): Promise<IncomingMessage> {
    const outgoing = request(new URL(path, this.#url), { ...options, signal: this.#signal })
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      outgoing.once('response', resolve).once('error', reject)
    })
    const sent = pipeline(body, outgoing)
    // A refusal may come before all is sent; then the answer counts and not the broken pipe.
    sent.catch(() => {})
    const answer = await answered.catch(async (error: unknown) => {
      // What broke the source says more than the connection that was cut because of it.
      await sent
      throw error
    })
    const { statusCode = 0 } = answer
    if (statusCode >= 200 && statusCode < 300) return answer
    throw new Error(`${options.method} ${path} on ${this.#url} answered ${statusCode}: ${await text(answer)}`)
  }
}

class Meter {
  readonly #hash = createHash('sha512')
  #sizeBytes = 0

  async *count(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const bytes of source) {
      this.#hash.update(bytes)
      this.#sizeBytes += bytes.length
      yield bytes
    }
  }

  result(): Transfer {
    return { sizeBytes: this.#sizeBytes, sha512: this.#hash.digest('hex') }
  }
}
