/**
 * A container of Swift. What is larger than one object is sent as segments beside it, which a list then puts together (a
 * static large object: unlike a dynamic one it never shows fewer segments than there are). Bytes are sent as they come
 * and the MD5 that Swift found is compared with that of what was sent.
 */
import type { Clock } from '../../cluster/runtime.ts'
import { lastPartOf, type Backend, type ByteDigest, type ObjectRange, type PutRequest } from './backend.ts'
import { type BackendAnswer, BackendHttp, type BackendRequest, drop } from './backend-http.ts'
import { BodyParts, partBytes } from './body-parts.ts'
import { type SwiftAccount, type SwiftCredentials, SwiftSession } from './swift-session.ts'

export interface SwiftBackendOptions {
  /** Of the store. */
  id: string
  credentials: SwiftCredentials
  /** Letters, digits, `_`, `.` and `-`. */
  container: string
  /** Make the container when an image is put and there is none. */
  createContainer: boolean
  /** What is announced to be larger, and what is not announced, is sent in segments. */
  largeBytes: number
  /** Of the first segments. */
  segmentBytes: number
  ca: string | null
  insecure: boolean
}

export interface SwiftBackendComponents {
  clock: Clock
  /** Begins one, computed beside the event loop. */
  md5: () => ByteDigest
}

/** Swift takes 1000 segments in a list, unless told otherwise: growing so, segments of 200 MB have room for a TB. */
const GROW_EVERY = 100
const DELETES_AT_ONCE = 8
/** After a failure, for what was sent of it, ms. */
const CLEAN_UP_MS = 15_000
/** Names in one page of a listing. */
const LISTED_MAX = 1000

interface Call {
  method: BackendRequest['method']
  /** Below the account. */
  path: string
  headers?: Record<string, string>
  body?: Exclude<BackendRequest['body'], undefined>
  signal: AbortSignal
}

interface Segment {
  path: string
  etag: string
  size_bytes: number
}

export class SwiftBackend implements Backend {
  readonly properties: Readonly<Record<string, unknown>>
  readonly #options: SwiftBackendOptions
  readonly #http: BackendHttp
  readonly #session: SwiftSession
  readonly #md5: () => ByteDigest

  constructor({ clock, md5 }: SwiftBackendComponents, options: SwiftBackendOptions) {
    this.#md5 = md5
    this.#options = options
    const { id, ca, insecure, credentials, container, largeBytes, segmentBytes } = options
    this.#http = new BackendHttp(clock, { id, ca, insecure })
    this.#session = new SwiftSession({ http: this.#http, clock }, credentials)
    this.properties = {
      container,
      large_object_size: largeBytes,
      large_object_chunk_size: segmentBytes,
    }
  }

  urlOf(name: string): string {
    return `swift+config://${this.#options.id}/${this.#options.container}/${name}`
  }

  nameOf(url: string): string {
    return lastPartOf(url)
  }

  async put(name: string, body: AsyncIterable<Uint8Array>, request: PutRequest): Promise<number> {
    const { sizeBytes, signal } = request
    const parts = new BodyParts(body)
    try {
      await this.#requireContainer(signal)
      const isWhole = sizeBytes !== null && sizeBytes <= this.#options.largeBytes
      // What is sent beyond the announced size ends as an error of the body.
      return isWhole
        ? (await this.#putBytes(this.#pathOf(name), parts.take(Infinity), signal)).size_bytes
        : await this.#putSegments(name, parts, signal)
    } catch (error) {
      await this.delete(name, AbortSignal.timeout(CLEAN_UP_MS)).catch(() => {})
      throw error
    } finally {
      await parts.close()
    }
  }

  async *open(name: string, { start, end }: ObjectRange, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const headers = { range: `bytes=${start}-${end}` }
    const answer = await this.#call({ method: 'GET', path: this.#pathOf(name), headers, signal })
    if (answer.status !== 206) throw await this.#http.failure(answer)
    yield* this.#http.bytes(answer, signal)
  }

  async delete(name: string, signal: AbortSignal): Promise<void> {
    // The list first: what is left then is found by its name.
    await this.#deletePath(this.#pathOf(name), signal)
    for (;;) {
      const segments = await this.#segmentsOf(name, signal)
      for (let at = 0; at < segments.length; at += DELETES_AT_ONCE)
        await Promise.all(
          segments.slice(at, at + DELETES_AT_ONCE).map((path) => this.#deletePath(path, signal)),
        )
      if (segments.length < LISTED_MAX) return
    }
  }

  close(): Promise<void> {
    return this.#http.close()
  }

  async #putSegments(name: string, parts: BodyParts, signal: AbortSignal): Promise<number> {
    const segments: Segment[] = []
    while (await parts.hasMore()) {
      const path = `${this.#segmentPrefixOf(name)}${String(segments.length + 1).padStart(5, '0')}`
      const size = partBytes(segments.length, this.#options.segmentBytes, GROW_EVERY)
      segments.push(await this.#putBytes(path, parts.take(size), signal))
    }
    // A list of nothing is none.
    if (segments.length === 0)
      return (await this.#putBytes(this.#pathOf(name), parts.take(0), signal)).size_bytes
    const body = Buffer.from(JSON.stringify(segments))
    const path = `${this.#pathOf(name)}?multipart-manifest=put`
    const answer = await this.#call({ method: 'PUT', path, body, signal })
    if (answer.status !== 201) throw await this.#http.failure(answer)
    await drop(answer)
    return segments.reduce((sum, { size_bytes }) => sum + size_bytes, 0)
  }

  /** Not again when it fails: the bytes are gone by then. */
  async #putBytes(path: string, bytes: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<Segment> {
    const digest = this.#md5()
    let sizeBytes = 0
    const counted = async function* () {
      for await (const piece of bytes) {
        await digest.add(piece)
        sizeBytes += piece.length
        yield piece
      }
    }
    try {
      const account = await this.#session.account(signal)
      const answer = await this.#send(account, { method: 'PUT', path, body: counted(), signal })
      if (answer.status !== 201) throw await this.#http.failure(answer)
      await drop(answer)
      const etag = await digest.finish()
      if (answer.headers['etag']?.replaceAll('"', '') !== etag)
        throw this.#http.error('BACKEND_UNAVAILABLE', 'has stored other bytes than were sent')
      return { path, etag, size_bytes: sizeBytes }
    } finally {
      await digest.close()
    }
  }

  async #requireContainer(signal: AbortSignal): Promise<void> {
    const path = this.#containerPath()
    const found = await this.#call({ method: 'HEAD', path, signal })
    await drop(found)
    if (found.status === 204 || found.status === 200) return
    if (found.status !== 404) throw await this.#http.failure(found)
    if (!this.#options.createContainer) throw this.#http.error('BACKEND_REFUSED', 'has no container')
    const made = await this.#call({ method: 'PUT', path, signal })
    if (made.status !== 201 && made.status !== 202) throw await this.#http.failure(made)
    await drop(made)
  }

  async #segmentsOf(name: string, signal: AbortSignal): Promise<string[]> {
    const prefix = this.#segmentPrefixOf(name).slice(this.#containerPath().length + 1)
    const path = `${this.#containerPath()}?format=json&limit=${LISTED_MAX}&prefix=${prefix}`
    const answer = await this.#call({ method: 'GET', path, signal })
    if (answer.status !== 200 && answer.status !== 204) throw await this.#http.failure(answer)
    const text = await this.#http.text(answer, signal)
    const listed = (text === '' ? [] : JSON.parse(text)) as { name: string }[]
    return listed.map(({ name: found }) => `${this.#containerPath()}/${found}`)
  }

  async #deletePath(path: string, signal: AbortSignal): Promise<void> {
    const answer = await this.#call({ method: 'DELETE', path, signal })
    if (answer.status !== 204 && answer.status !== 404) throw await this.#http.failure(answer)
    await drop(answer)
  }

  /** For requests without a body that would be gone. A token that is refused is asked for anew, once. */
  async #call(call: Call): Promise<BackendAnswer> {
    const account = await this.#session.account(call.signal)
    const answer = await this.#http.sendAgain(() => requestOf(account, call))
    if (answer.status !== 401) return answer
    await drop(answer)
    this.#session.forget(account)
    const fresh = await this.#session.account(call.signal)
    return this.#http.sendAgain(() => requestOf(fresh, call))
  }

  #send(account: SwiftAccount, call: Call): Promise<BackendAnswer> {
    return this.#http.send(requestOf(account, call))
  }

  #containerPath(): string {
    return `/${this.#options.container}`
  }

  #pathOf(name: string): string {
    return `${this.#containerPath()}/${name}`
  }

  /** As Glance names them. */
  #segmentPrefixOf(name: string): string {
    return `${this.#pathOf(name)}-`
  }
}

function requestOf({ url, token }: SwiftAccount, { path, headers, ...rest }: Call): BackendRequest {
  return { ...rest, url: url + path, headers: { ...headers, 'x-auth-token': token } }
}
