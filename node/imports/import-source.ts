/** Where the bytes of an import come from. */
import { ImageError } from '../errors.ts'
import type { ImageReader } from '../data/image-reader.ts'
import type { OpenImage } from '../data/open-image.ts'
import type { OutsideBytes } from '../data/outside-bytes.ts'
import type { ImportMethod } from '../config/import-options.ts'
import { outsideImageOf } from '../images/image-locations.ts'
import type { ImageRecord } from '../images/image-record.ts'
import { openManifest } from '../images/open-manifest.ts'
import { OutboundError, shownUrl, type OutboundHttp } from '../outbound/outbound-http.ts'
import type { RemoteFacts, RemoteGlance, RemoteImage } from './remote-glance.ts'

export interface ImportSourceComponents {
  outbound: Pick<OutboundHttp, 'send'>
  outside: Pick<OutsideBytes, 'open'>
  reader: Pick<ImageReader, 'open'>
  remote: Pick<RemoteGlance, 'describe' | 'read'>
}

export interface ImportSourceOptions {
  /** Largest image. */
  sizeBytesMax: number
  /** Whether bytes may lie behind http(s) URLs. */
  isHttpOn: boolean
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

  async *#staged({ id, staged }: ImageRecord, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    if (!staged) throw new ImageError('CONFLICT', `Nothing is staged for image ${id}.`)
    const { root, copies } = staged
    yield* bytesOf(await openManifest(this.#components.reader, { imageId: id, root, copies }), signal)
  }

  async *#located(image: ImageRecord, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const located = this.#options.isHttpOn ? outsideImageOf(image) : null
    if (!located)
      throw new ImageError('UNAVAILABLE', 'The bytes of this image are in a store that is not enabled here.')
    yield* bytesOf(this.#components.outside.open(located), signal)
  }
}

async function* bytesOf(image: OpenImage, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  if (image.sizeBytes === 0) return
  for await (const lease of image.read(0, image.sizeBytes - 1, signal)) {
    try {
      yield lease.bytes
    } finally {
      lease.release()
    }
  }
}
