/** Where the bytes of an import come from. */
import { ImageError } from '../errors.ts'
import type { ImportMethod } from '../config/import-options.ts'
import { bytesOf } from '../images/bytes-of.ts'
import type { ImageOpener } from '../images/image-opener.ts'
import { plainImage, type ImageRecord } from '../images/image-record.ts'
import { OutboundError, shownUrl, type OutboundHttp } from '../outbound/outbound-http.ts'
import type { RemoteFacts, RemoteGlance, RemoteImage } from './remote-glance.ts'

export interface ImportSourceComponents {
  outbound: Pick<OutboundHttp, 'send'>
  opener: Pick<ImageOpener, 'open'>
  remote: Pick<RemoteGlance, 'describe' | 'read'>
}

export interface ImportSourceOptions {
  /** Largest image. */
  sizeBytesMax: number
}

/** What is to be fetched. */
export interface Fetched {
  method: ImportMethod
  image: ImageRecord
  /** Of web-download, else null. */
  uri: string | null
  /** Of glance-download, else null. */
  remote: RemoteImage | null
}

export class ImportSource {
  readonly #components: ImportSourceComponents
  readonly #options: ImportSourceOptions

  constructor(components: ImportSourceComponents, options: ImportSourceOptions) {
    this.#components = components
    this.#options = options
  }

  /** What the other side says of the image; null where nobody says anything of bytes. Throws as RemoteGlance. */
  async facts({ remote }: Fetched, signal: AbortSignal): Promise<RemoteFacts | null> {
    return remote && this.#components.remote.describe(remote, signal)
  }

  /**
   * Nothing is asked for before the first piece is; each is done with when the next is asked for. Throws OutboundError,
   * ImageError, or the signal's reason.
   */
  open(
    { method, uri, image, remote }: Fetched,
    facts: RemoteFacts | null,
    signal: AbortSignal,
  ): AsyncIterable<Uint8Array> {
    if (remote && facts) return this.#components.remote.read(remote, facts.sizeBytes, signal)
    if (uri !== null) return this.#download(uri, signal)
    return method === 'glance-direct' ? this.#staged(image, signal) : this.#located(image, signal)
  }

  /** In one go: what breaks off may be something else when it is asked for again, and nothing would tell. */
  async *#download(uri: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const { sizeBytesMax } = this.#options
    const answer = await this.#components.outbound.send({ url: uri, method: 'GET', sizeBytesMax, signal })
    try {
      if (answer.status !== 200)
        throw new OutboundError('OUTBOUND_FAILED', `${shownUrl(uri)} answers with status ${answer.status}.`)
      yield* answer.body
    } finally {
      await answer.close()
    }
  }

  async *#staged(image: ImageRecord, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const { id, staged } = image
    if (!staged) throw new ImageError('CONFLICT', `Nothing is staged for image ${id}.`)
    yield* this.#located(
      { ...plainImage(image), status: 'active', data: staged, size: staged.sizeBytes },
      signal,
    )
  }

  async *#located(image: ImageRecord, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const located = await this.#components.opener.open(image)
    if (!located) throw new ImageError('UNAVAILABLE', 'The bytes of this image are nowhere to be had.')
    yield* bytesOf(located, signal)
  }
}
