/**
 * Bytes of images that lie outside of the cluster, in back ends and behind http(s) URLs. Nothing of them is kept here. A read
 * that breaks off goes on where it stopped, at the next place or the same; what comes must be as long as it was, and a whole image must have
 * its digest before its last piece is given out: what cannot be had right ends as an error, never as other bytes.
 */
import { hasCode } from '../../cluster/errors.ts'
import { sleep, type Clock, type Log } from '../../cluster/runtime.ts'
import { BackendError } from '../backends/backend.ts'
import type { Backends } from '../backends/backends.ts'
import { piecesInRange } from '../backends/pieces-in-range.ts'
import { ImageError } from '../errors.ts'
import {
  OutboundError,
  shownUrl,
  type OutboundAnswer,
  type OutboundHttp,
  type OutboundRequest,
} from '../outbound/outbound-http.ts'
import type { HashAlgorithm } from './hash-algorithms.ts'
import type { HashPool } from './hash-pool.ts'
import type { ByteLease, OpenImage } from './open-image.ts'

export interface OutsideBytesComponents {
  outbound: Pick<OutboundHttp, 'send'>
  backends: Pick<Backends, 'open'>
  hashes: Pick<HashPool, 'digest'>
  clock: Clock
  log: Log
}

export interface OutsideBytesOptions {
  /** Largest image. */
  sizeBytesMax: number
  /** How often a failed read is tried again before anything has come of it. */
  retries: number
}

/** An object of a store, or, where that is null, what anybody may have put behind a URL. */
export interface Place {
  url: string
  store: string | null
}

export interface OutsideImage {
  imageId: string
  /** At least one, tried in turn. */
  places: readonly Place[]
  sizeBytes: number
  /** Digests in hex, where they are known. */
  multihash: { algorithm: HashAlgorithm; hex: string } | null
  md5: string | null
  /** Asked when a place delivers nothing: the same image where it has gone meanwhile; null: nowhere else. Never rejects. */
  moved?: (() => Promise<OpenImage | null>) | undefined
}

/** Between two tries, ms: long enough for a proxy to find another server. */
const RETRY_PAUSE_MS = 500
/** For a server to say how much it has, ms. */
const SIZE_TIMEOUT_MS = 40_000
/** A read that breaks off so often, with whatever progress, is given up. */
const BREAKS_MAX = 100
const PARTIAL = 206

export class OutsideBytes {
  readonly #components: OutsideBytesComponents
  readonly #options: OutsideBytesOptions

  constructor(components: OutsideBytesComponents, options: OutsideBytesOptions) {
    this.#components = components
    this.#options = options
  }

  /** How much there is. Throws INVALID with the reason when it cannot be told or fetched; TOO_LARGE. */
  async sizeOf(url: string): Promise<number> {
    const size = await this.#askSize(url).catch((error: unknown) => {
      throw error instanceof OutboundError
        ? new ImageError('INVALID', `Invalid location: ${error.message}`, {}, error)
        : error
    })
    if (size > this.#options.sizeBytesMax)
      throw new ImageError('TOO_LARGE', `The location has more than ${this.#options.sizeBytesMax} bytes.`)
    if (size > 0) return size
    throw new ImageError(
      'INVALID',
      `Invalid location: ${shownUrl(url)} has no bytes, or does not say how many.`,
    )
  }

  open(image: OutsideImage): OpenImage {
    return {
      sizeBytes: image.sizeBytes,
      read: (start, end, signal) => this.#read(image, start, end, signal),
    }
  }

  /** Signed URLs are often good for GET alone, and some servers know no HEAD. */
  async #askSize(url: string): Promise<number> {
    for (const method of ['HEAD', 'GET'] as const) {
      const answer = await this.#send({ url, method, signal: AbortSignal.timeout(SIZE_TIMEOUT_MS) })
      await answer.close()
      if (answer.status === 200 && answer.lengthBytes) return answer.lengthBytes
      if (method === 'GET' && answer.status !== 200) throw statusError(url, answer.status)
    }
    return 0
  }

  async *#read(
    image: OutsideImage,
    start: number,
    end: number,
    signal: AbortSignal,
  ): AsyncGenerator<ByteLease> {
    const isWhole = start === 0 && end === image.sizeBytes - 1
    const expected = isWhole ? digestOf(image) : null
    const digest = expected && this.#components.hashes.digest(expected.algorithm)
    try {
      let at = start
      for await (const piece of this.#pieces(image, start, end, signal)) {
        at += piece.length
        await digest?.add(piece)
        if (at > end && digest && (await digest.finish()) !== expected.hex) throw this.#wrongBytes(image)
        yield { bytes: piece, release: () => {} }
      }
    } finally {
      await digest?.close()
    }
  }

  async *#pieces(
    { imageId, places, sizeBytes, moved }: OutsideImage,
    start: number,
    end: number,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const { clock, log } = this.#components
    let at = start
    for (let failures = 0, turn = 0; at <= end; turn++) {
      const place = places[turn % places.length]!
      try {
        for await (const piece of this.#from(place, at, end, sizeBytes, signal)) {
          failures = 0
          at += piece.length
          yield piece
        }
      } catch (error) {
        signal.throwIfAborted()
        if (!(error instanceof OutboundError || error instanceof BackendError)) throw error
        const from = { image: imageId, url: shownUrl(place.url), error: error.message }
        log.warn(from, 'a location delivers nothing')
        const elsewhere = (await moved?.()) ?? null
        if (elsewhere) {
          yield* copiedPieces(elsewhere, at, end, signal)
          return
        }
        const isHopeless =
          turn >= BREAKS_MAX || (places.length === 1 && hasCode(error, 'OUTBOUND_REFUSED', 'BACKEND_REFUSED'))
        // Each place has its turn, whatever the retries.
        if (++failures > this.#options.retries + places.length - 1 || isHopeless)
          throw new ImageError(
            'UNAVAILABLE',
            'The location of the image does not deliver it; try again.',
            {},
            error,
          )
        // Another place need not be waited for.
        if (failures % places.length === 0) await sleep(clock, RETRY_PAUSE_MS, signal)
      }
    }
  }

  /** The bytes `start` to `end`, all of them, or an error of what does not deliver. */
  async *#from(
    { url, store }: Place,
    start: number,
    end: number,
    sizeBytes: number,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    if (store === null) {
      yield* this.#fromUrl(url, start, end, sizeBytes, signal)
      return
    }
    let at = start
    for await (const piece of this.#components.backends.open({ url, store }, { start, end }, signal)) {
      at += piece.length
      if (at > end + 1) break
      yield piece
    }
    if (at !== end + 1)
      throw new BackendError('BACKEND_UNAVAILABLE', `The store ${store} has not sent what it was asked for.`)
  }

  async *#fromUrl(
    url: string,
    start: number,
    end: number,
    sizeBytes: number,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const isPart = start > 0 || end < sizeBytes - 1
    const answer = await this.#send({ url, method: 'GET', ...(isPart && { range: { start, end } }), signal })
    try {
      const first = firstByteOf(answer, { url, start, sizeBytes })
      const at = yield* piecesInRange(answer.body, { start, end }, first)
      if (at > end) return
      throw new OutboundError('OUTBOUND_FAILED', `${shownUrl(url)} has ended too early.`)
    } finally {
      await answer.close()
    }
  }

  #send(request: Omit<OutboundRequest, 'sizeBytesMax'>): Promise<OutboundAnswer> {
    return this.#components.outbound.send({ ...request, sizeBytesMax: this.#options.sizeBytesMax })
  }

  #wrongBytes({ imageId }: OutsideImage): ImageError {
    this.#components.log.error({ image: imageId }, 'the location of an image has other bytes than it had')
    return new ImageError('UNAVAILABLE', 'The location of the image has other bytes than it had.')
  }
}

/** Pieces in memory of their own: whoever takes them gives nothing back. */
async function* copiedPieces(
  image: OpenImage,
  start: number,
  end: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for await (const lease of image.read(start, end, signal)) {
    const piece = Uint8Array.from(lease.bytes)
    lease.release()
    yield piece
  }
}

/** At which byte the answer begins: a server need not know ranges. Other bytes than asked for, or of another image, are none. */
function firstByteOf(
  { status, headers, lengthBytes }: OutboundAnswer,
  { url, start, sizeBytes }: { url: string; start: number; sizeBytes: number },
): number {
  if (status === PARTIAL) {
    const [, first, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers['content-range'] ?? '') ?? []
    if (Number(first) === start && (total === '*' || Number(total) === sizeBytes)) return start
    throw new OutboundError('OUTBOUND_FAILED', `${shownUrl(url)} has sent other bytes than it was asked for.`)
  }
  if (status !== 200) throw statusError(url, status)
  if (lengthBytes === null || lengthBytes === sizeBytes) return 0
  throw new OutboundError(
    'OUTBOUND_FAILED',
    `${shownUrl(url)} has ${lengthBytes} bytes now, not ${sizeBytes}.`,
  )
}

function statusError(url: string, status: number): OutboundError {
  return new OutboundError('OUTBOUND_FAILED', `${shownUrl(url)} answers with status ${status}.`)
}

function digestOf({ multihash, md5 }: OutsideImage): OutsideImage['multihash'] {
  const known = multihash ?? (md5 === null ? null : { algorithm: 'md5', hex: md5 })
  return known && { ...known, hex: known.hex.toLowerCase() }
}
