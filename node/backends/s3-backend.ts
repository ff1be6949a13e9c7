/**
 * A bucket that is spoken to in the manner of S3, request by request signed (Signature Version 4). Images of more than one part
 * are sent in parts, one of which is filled while the one before is on its way; the signature holds the SHA-256 of each, so that
 * the server takes no other bytes than were meant, and each can be sent again.
 */
import { AwsV4Signer } from 'aws4fetch'
import { webcrypto } from 'node:crypto'
import { sleep, type Clock } from '../../cluster/runtime.ts'
import { BackendError, lastPartOf, type Backend, type ObjectRange, type PutRequest } from './backend.ts'
import { BackendHttp, drop, type BackendAnswer, type BackendRequest } from './backend-http.ts'
import { BodyParts, partBytes } from './body-parts.ts'

export interface S3BackendOptions {
  /** Of the store. */
  id: string
  /** `https://host:port`, without a path. */
  endpoint: string
  region: string
  accessKey: string
  secretKey: string
  /** Of keys that were lent for a while. */
  sessionToken?: string
  bucket: string
  /** Make the bucket when an image is put and there is none. */
  createBucket: boolean
  /** Whether the bucket is named by the host or by the path. */
  style: 'virtual' | 'path'
  /** Of the first parts, bytes. */
  partBytes: number
  /** Authorities that vouch for the server, PEM; null = those that Node.js knows. */
  ca: string | null
}

/** S3 takes 10 000 parts of an object: growing so, parts of 10 MiB have room for a TiB. */
const PARTS_MAX = 10_000
const GROW_EVERY = 500
/** The answer to the last request of an upload may come late, with blanks before it, and say 200 and yet that it failed. */
const COMPLETE = /<CompleteMultipartUploadResult/
/** To take back the parts of an upload that failed. */
const ABORT_MS = 10_000
const ABORT_TRIES = 3
const ABORT_PAUSE_MS = 1000

interface Call {
  method: BackendRequest['method']
  /** Of an object; absent: the bucket's own. */
  name?: string
  query?: Record<string, string>
  headers?: Record<string, string>
  body?: Uint8Array
  signal: AbortSignal
}

export class S3Backend implements Backend {
  readonly properties: Readonly<Record<string, unknown>>
  readonly #options: S3BackendOptions
  readonly #http: BackendHttp
  readonly #clock: Clock

  constructor(clock: Clock, options: S3BackendOptions) {
    this.#options = options
    this.#clock = clock
    this.#http = new BackendHttp(clock, { id: options.id, ca: options.ca, insecure: false })
    const { bucket, partBytes: size } = options
    this.properties = { bucket, s3_store_large_object_chunk_size: size }
  }

  urlOf(name: string): string {
    const { endpoint, bucket } = this.#options
    return `s3://${new URL(endpoint).host}/${bucket}/${name}`
  }

  nameOf(url: string): string {
    return lastPartOf(url)
  }

  async put(name: string, body: AsyncIterable<Uint8Array>, request: PutRequest): Promise<number> {
    const parts = new BodyParts(body)
    const base = this.#baseOf(request)
    try {
      if (this.#options.createBucket) await this.#createBucket(request.signal)
      const first = await parts.collect(partBytes(0, base, GROW_EVERY))
      if (await parts.hasMore()) return await this.#putParts(name, first, parts, base, request.signal)
      await drop(await this.#expect(200, { method: 'PUT', name, body: first, signal: request.signal }))
      return first.length
    } finally {
      await parts.close()
    }
  }

  async *open(name: string, { start, end }: ObjectRange, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const headers = { range: `bytes=${start}-${end}` }
    const answer = await this.#call({ method: 'GET', name, headers, signal })
    if (answer.status !== 206) throw await this.#http.failure(answer)
    yield* this.#http.bytes(answer, signal)
  }

  async delete(name: string, signal: AbortSignal): Promise<void> {
    await this.abandonUploads(name, signal)
    const answer = await this.#call({ method: 'DELETE', name, signal })
    // Some say so of an object that is not there. A bucket that is not there is another matter.
    if (answer.status === 404 && !(await this.#isBucketThere(signal))) throw await this.#http.failure(answer)
    if (![200, 204, 404].includes(answer.status)) throw await this.#http.failure(answer)
    await drop(answer)
  }

  /** Sizes by name of what begins with `prefix`, as the bucket has it at some moment while it is listed, in order. */
  async *list(prefix: string, signal: AbortSignal): AsyncGenerator<{ name: string; sizeBytes: number }> {
    for (let from: string | undefined, isOver = false; !isOver;) {
      const page = { 'list-type': '2', prefix, ...(from !== undefined && { 'continuation-token': from }) }
      const answer = await this.#expect(200, { method: 'GET', query: page, signal })
      const text = await this.#http.text(answer, signal)
      for (const object of elementsOf(text, 'Contents')) {
        const [name = '', size = ''] = ['Key', 'Size'].map((element) => elementsOf(object, element)[0])
        yield { name: plainText(name), sizeBytes: Number(size) }
      }
      from = elementsOf(text, 'NextContinuationToken').map(plainText)[0]
      isOver = from === undefined
    }
  }

  /** Null when it is not there. */
  async sizeOf(name: string, signal: AbortSignal): Promise<number | null> {
    const answer = await this.#call({ method: 'HEAD', name, signal })
    if (answer.status === 404) return null
    if (answer.status !== 200) throw await this.#http.failure(answer)
    await drop(answer)
    return Number(answer.headers['content-length'])
  }

  /** All of it; throws BACKEND_NOT_FOUND. */
  async *read(name: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const answer = await this.#call({ method: 'GET', name, signal })
    if (answer.status !== 200) throw await this.#http.failure(answer)
    yield* this.#http.bytes(answer, signal)
  }

  /** Takes back what is left of uploads that never came to their end: S3 keeps, and bills, their parts for ever. */
  async abandonUploads(name: string, signal: AbortSignal): Promise<void> {
    for (const id of await this.#openUploads(name, signal)) await this.#abort(name, id, signal)
  }

  /** Throws BACKEND_REFUSED when the bucket is not there, or not for this key. */
  async requireBucket(signal: AbortSignal): Promise<void> {
    await drop(await this.#expect(200, { method: 'HEAD', signal }))
  }

  close(): Promise<void> {
    return this.#http.close()
  }

  /** So large from the start that what was announced goes into the parts there may be. */
  #baseOf({ sizeBytes }: PutRequest): number {
    return Math.max(this.#options.partBytes, Math.ceil((sizeBytes ?? 0) / PARTS_MAX))
  }

  async #putParts(
    name: string,
    first: Buffer,
    parts: BodyParts,
    base: number,
    signal: AbortSignal,
  ): Promise<number> {
    const started = await this.#expect(200, { method: 'POST', name, query: { uploads: '' }, signal })
    const uploadId = elementsOf(await this.#http.text(started, signal), 'UploadId')[0]
    if (uploadId === undefined) throw this.#http.error('BACKEND_UNAVAILABLE', 'does not begin an upload')
    try {
      const tags: string[] = []
      let sizeBytes = 0
      for (let part = first; part.length > 0;) {
        const size = partBytes(tags.length + 1, base, GROW_EVERY)
        const query = { partNumber: String(tags.length + 1), uploadId }
        const sending = this.#expect(200, { method: 'PUT', name, query, body: part, signal })
        // Both are waited for: whoever fails first must not leave the other one behind.
        const [sent, next] = await Promise.allSettled([sending, parts.collect(size)])
        if (sent.status === 'rejected') throw sent.reason
        if (next.status === 'rejected') throw next.reason
        tags.push(sent.value.headers['etag'] ?? '')
        await drop(sent.value)
        sizeBytes += part.length
        part = next.value
      }
      await this.#complete(name, uploadId, tags, signal)
      return sizeBytes
    } catch (error) {
      await this.#takeBack(name, uploadId)
      throw error
    }
  }

  async #complete(name: string, uploadId: string, tags: string[], signal: AbortSignal): Promise<void> {
    const list = tags.map((tag, at) => `<Part><PartNumber>${at + 1}</PartNumber><ETag>${tag}</ETag></Part>`)
    const body = Buffer.from(`<CompleteMultipartUpload>${list.join('')}</CompleteMultipartUpload>`)
    const answer = await this.#expect(200, { method: 'POST', name, query: { uploadId }, body, signal })
    if (!COMPLETE.test(await this.#http.text(answer, signal)))
      throw this.#http.error('BACKEND_UNAVAILABLE', 'did not put the parts of an image together')
  }

  /** As far as the back end answers; what it keeps goes with `delete`. */
  async #takeBack(name: string, uploadId: string): Promise<void> {
    const signal = AbortSignal.timeout(ABORT_MS)
    for (let tries = 0; tries < ABORT_TRIES; tries++) {
      const isDone = await this.#abort(name, uploadId, signal).then(
        () => true,
        () => false,
      )
      if (isDone || signal.aborted) return
      await sleep(this.#clock, ABORT_PAUSE_MS, signal).catch(() => {})
    }
  }

  async #abort(name: string, uploadId: string, signal: AbortSignal): Promise<void> {
    const answer = await this.#call({ method: 'DELETE', name, query: { uploadId }, signal })
    if (![200, 204, 404].includes(answer.status)) throw await this.#http.failure(answer)
    await drop(answer)
  }

  async #openUploads(name: string, signal: AbortSignal): Promise<string[]> {
    const answer = await this.#call({ method: 'GET', query: { uploads: '', prefix: name }, signal })
    if (answer.status !== 200) throw await this.#http.failure(answer)
    const uploads = elementsOf(await this.#http.text(answer, signal), 'Upload')
    return uploads
      .filter((upload) => elementsOf(upload, 'Key')[0] === name)
      .flatMap((upload) => elementsOf(upload, 'UploadId'))
  }

  async #isBucketThere(signal: AbortSignal): Promise<boolean> {
    const answer = await this.#call({ method: 'HEAD', signal })
    await drop(answer)
    return answer.status === 200
  }

  async #createBucket(signal: AbortSignal): Promise<void> {
    if (await this.#isBucketThere(signal)) return
    const { region } = this.#options
    const isFirst = region === 'us-east-1'
    const body = Buffer.from(
      `<CreateBucketConfiguration><LocationConstraint>${region}</LocationConstraint></CreateBucketConfiguration>`,
    )
    await drop(await this.#expect(200, { method: 'PUT', signal, ...(!isFirst && { body }) }))
  }

  async #expect(status: number, call: Call): Promise<BackendAnswer> {
    const answer = await this.#call(call)
    if (answer.status === status) return answer
    const failure = await this.#http.failure(answer)
    // What is put where there is no bucket: nothing that a caller named is missing.
    throw failure.code === 'BACKEND_NOT_FOUND'
      ? new BackendError('BACKEND_REFUSED', failure.message, {}, failure)
      : failure
  }

  #call(call: Call): Promise<BackendAnswer> {
    return this.#http.sendAgain(() => this.#signed(call))
  }

  async #signed({ method, name, query, headers, body, signal }: Call): Promise<BackendRequest> {
    const { accessKey, secretKey, sessionToken, region } = this.#options
    const url = this.#urlFor(name ?? '', query ?? {})
    const signer = new AwsV4Signer({
      method,
      url,
      accessKeyId: accessKey,
      secretAccessKey: secretKey,
      ...(sessionToken !== undefined && { sessionToken }),
      service: 's3',
      region,
      headers: { ...headers, 'x-amz-content-sha256': await sha256(body ?? new Uint8Array(0)) },
    })
    const signed = await signer.sign()
    const all = Object.fromEntries(signed.headers.entries())
    return { method, url: signed.url.href, headers: all, signal, ...(body && { body }) }
  }

  #urlFor(name: string, query: Record<string, string>): string {
    const { endpoint, bucket, style } = this.#options
    const url = new URL(endpoint)
    if (style === 'virtual') url.hostname = `${bucket}.${url.hostname}`
    url.pathname = style === 'virtual' ? `/${name}` : `/${bucket}${name === '' ? '' : `/${name}`}`
    for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value)
    return url.href
  }
}

/** What stands in each element of this name. Of the few elements that are read here none holds one of its own name. */
function elementsOf(xml: string, name: string): string[] {
  return [...xml.matchAll(new RegExp(`<${name}>([^]*?)</${name}>`, 'g'))].map(([, inner = '']) => inner)
}

/** Of XML, which names what would end an element. */
function plainText(xml: string): string {
  const named: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }
  return xml.replaceAll(/&(\w+);/g, (whole, name: string) => named[name] ?? whole)
}

/** Hex; by a thread of the pool and not on the event loop. */
async function sha256(bytes: Uint8Array): Promise<string> {
  return Buffer.from(await webcrypto.subtle.digest('SHA-256', bytes)).toString('hex')
}
