/** Where the bytes of an import come from. */
import { ImageError } from '../errors.ts'
import type { OutsideBytes } from '../data/outside-bytes.ts'
import { outsideImageOf } from '../images/image-locations.ts'
import type { ImageRecord } from '../images/image-record.ts'
import { OutboundError, shownUrl, type OutboundHttp } from '../outbound/outbound-http.ts'

export interface ImportSourceComponents {
  outbound: Pick<OutboundHttp, 'send'>
  outside: Pick<OutsideBytes, 'open'>
}

export interface ImportSourceOptions {
  /** Largest image. */
  sizeBytesMax: number
  /** Whether bytes may lie behind http(s) URLs. */
  isHttpOn: boolean
}

/** What is to be fetched: a URL, or, where that is null, what lies at the locations of an image. */
export interface Fetched {
  uri: string | null
  image: ImageRecord
}

export class ImportSource {
  readonly #components: ImportSourceComponents
  readonly #options: ImportSourceOptions

  constructor(components: ImportSourceComponents, options: ImportSourceOptions) {
    this.#components = components
    this.#options = options
  }

  /** Nothing is asked for before the first piece is. Throws OutboundError, ImageError, or the signal's reason. */
  open({ uri, image }: Fetched, signal: AbortSignal): AsyncIterable<Uint8Array> {
    return uri === null ? this.#located(image, signal) : this.#download(uri, signal)
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

  async *#located(image: ImageRecord, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const located = this.#options.isHttpOn ? outsideImageOf(image) : null
    if (!located)
      throw new ImageError('UNAVAILABLE', 'The bytes of this image are in a store that is not enabled here.')
    for await (const lease of this.#components.outside.open(located).read(0, located.sizeBytes - 1, signal)) {
      try {
        yield lease.bytes
      } finally {
        lease.release()
      }
    }
  }
}
