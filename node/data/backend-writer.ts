/** Stores the body of one image as an object of a back end: in one pass it is counted, hashed and sent on. */
import type { ChunkBufferPool } from '../../cluster/transfer/chunk-buffer.ts'
import type { Backends, StoredObject } from '../backends/backends.ts'
import { BackendError } from '../backends/backend.ts'
import { ImageError } from '../errors.ts'
import type { ImageDigests } from './checksums.ts'
import { DigestTap } from './digest-tap.ts'
import type { HashAlgorithm } from './hash-algorithms.ts'
import type { HashPool } from './hash-pool.ts'
import { notDeclaredSize, tooLarge } from './size-errors.ts'
import { until } from './until.ts'

export interface BackendWriterComponents {
  backends: Pick<Backends, 'put' | 'delete'>
  /** Shared with the uploads. */
  pool: Pick<ChunkBufferPool, 'acquire'>
  hashes: Pick<HashPool, 'open'>
}

export interface ObjectRequest {
  object: StoredObject
  sizeBytesMax: number
  /** What the client announced; null = nothing. */
  declaredSizeBytes: number | null
  /** Of the multihash; absent: that of all uploads. */
  hashAlgorithm?: HashAlgorithm
  signal: AbortSignal
}

export interface WrittenObject extends ImageDigests {
  object: StoredObject
  sizeBytes: number
}

/** For what a failure left, ms; what cannot be removed then is the reaper's. */
const REMOVE_MS = 15_000

export class BackendWriter {
  readonly #components: BackendWriterComponents

  constructor(components: BackendWriterComponents) {
    this.#components = components
  }

  /**
   * Resolves when the object is there. Throws ImageError INVALID (not the declared size), TOO_LARGE (over the cap, or the back
   * end is full), UNAVAILABLE with the reason; the error of `body`; the signal's reason.
   */
  async write(request: ObjectRequest, body: AsyncIterable<Uint8Array>): Promise<WrittenObject> {
    const { object, declaredSizeBytes, sizeBytesMax, signal } = request
    if ((declaredSizeBytes ?? 0) > sizeBytesMax) throw tooLarge(sizeBytesMax)
    const checksums = await this.#components.hashes.open(signal, request.hashAlgorithm)
    const tap = new DigestTap({ pool: this.#components.pool, checksums }, signal)
    try {
      const watched = watch(tap, request, until(signal, body))
      const put = { sizeBytes: declaredSizeBytes, signal }
      const sizeBytes = await this.#components.backends.put(object, watched, put)
      return { object, sizeBytes, ...(await tap.finish()) }
    } catch (error) {
      throw asImageError(error)
    } finally {
      await tap.close()
    }
  }

  /** Of an object that no record names: as far as the back end answers. */
  async remove(object: StoredObject): Promise<void> {
    await this.#components.backends.delete(object, AbortSignal.timeout(REMOVE_MS)).catch(() => {})
  }
}

/** In the words of the image service: whatever a back end says no to, it is not the caller's fault. */
export function asImageError(error: unknown): unknown {
  if (!(error instanceof BackendError)) return error
  return error.code === 'BACKEND_FULL'
    ? new ImageError('TOO_LARGE', error.message, {}, error)
    : new ImageError('UNAVAILABLE', `${error.message} Try again.`, {}, error)
}

async function* watch(
  tap: DigestTap,
  { declaredSizeBytes, sizeBytesMax }: ObjectRequest,
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let sizeBytes = 0
  for await (const piece of body) {
    sizeBytes += piece.length
    if (sizeBytes > sizeBytesMax) throw tooLarge(sizeBytesMax)
    if (declaredSizeBytes !== null && sizeBytes > declaredSizeBytes)
      throw notDeclaredSize(declaredSizeBytes, sizeBytes)
    await tap.add(piece)
    yield piece
  }
  if (declaredSizeBytes !== null && sizeBytes !== declaredSizeBytes)
    throw notDeclaredSize(declaredSizeBytes, sizeBytes)
}
