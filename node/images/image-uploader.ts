/**
 * One upload, from `queued` to `active` or back (architecture §4): the register says who uploads, the writer stores the
 * bytes on W nodes, and only then the register says that the image is active.
 */
import { hasCode } from '../../cluster/errors.ts'
import type { NodeIdentity } from '../../cluster/network/identity.ts'
import { sleep, type Clock, type Log, type Random } from '../../cluster/runtime.ts'
import { CHUNK_BYTES_MAX } from '../../cluster/transfer/chunk-buffer.ts'
import type { UploadId } from '../../cluster/transfer/local-chunks.ts'
import { ImageError } from '../errors.ts'
import type { ImageRegisters } from './image-registers.ts'
import { isoSeconds } from './image-times.ts'
import type { CallerRights } from './visibility.ts'

/** What came of storing a body. */
export interface StoredData {
  root: string
  sizeBytes: number
  /** Hex digests of the whole body. */
  md5: string
  sha512: string
}

/** Stores image bytes; node/data/image-writer.ts. A failed write leaves no pin and no reference behind. */
export interface DataWriter {
  write(session: {
    imageId: string
    uploadId: UploadId
    body: AsyncIterable<Uint8Array>
    declaredSizeBytes: number | null
    signal: AbortSignal
  }): Promise<StoredData>
  /** Ends the claims of an upload whose bytes were stored but are not wanted. */
  discard(uploadId: UploadId): Promise<void>
}

export interface ImageUploaderComponents {
  identity: NodeIdentity
  clock: Clock
  random: Random
  log: Log
  registers: ImageRegisters
  writer: DataWriter
  /** Called when an image became active here, with its root: this node holds all of it. */
  onStored(imageId: string, root: string): void
}

export interface UploadRequest {
  caller: CallerRights
  id: string
  body: AsyncIterable<Uint8Array>
  declaredSizeBytes: number | null
}

const UPLOAD_ID_BYTES = 16
/** A failed upload gives its image back even when the majority is away for a while; then the reaper does it. */
const GIVE_BACK_TRIES = 20
const GIVE_BACK_PAUSE_MS = 500

export class ImageUploader {
  readonly #components: ImageUploaderComponents
  readonly #stopping = new AbortController()
  readonly #running = new Set<Promise<unknown>>()

  constructor(components: ImageUploaderComponents) {
    this.#components = components
  }

  /** Resolves when the image is active. Throws ImageError, or what the writer threw; the image is then `queued` again. */
  upload(request: UploadRequest): Promise<void> {
    const running = this.#upload(request)
    this.#running.add(running)
    const forget = () => this.#running.delete(running)
    running.then(forget, forget)
    return running
  }

  /** Aborts what runs and waits until each image was given back, as far as a majority is there. */
  async stop(): Promise<void> {
    this.#stopping.abort(new ImageError('UNAVAILABLE', 'This node is stopping; send the data again.'))
    await Promise.allSettled(this.#running)
  }

  async #upload({ caller, id, body, declaredSizeBytes }: UploadRequest): Promise<void> {
    const { registers, identity, random, writer, onStored } = this.#components
    const uploadId = Buffer.from(random.bytes(UPLOAD_ID_BYTES)).toString('hex')
    const upload = { uploadId, node: identity.id, startNonce: identity.startNonce }
    await registers.apply(id, 'image.start-upload', { caller, upload, now: this.#now() })
    let stored: StoredData
    try {
      const signal = this.#stopping.signal
      stored = await writer.write({ imageId: id, uploadId, body, declaredSizeBytes, signal })
    } catch (error) {
      await this.#giveBack(id, uploadId)
      throw error
    }
    await this.#activate(id, uploadId, stored)
    onStored(id, stored.root)
  }

  async #activate(id: string, uploadId: UploadId, stored: StoredData): Promise<void> {
    const { root, sizeBytes, md5, sha512 } = stored
    const data = { root, chunkSizeBytes: CHUNK_BYTES_MAX, copies: null, uploadId }
    try {
      const args = { uploadId, data, sizeBytes, md5, sha512, now: this.#now() }
      await this.#components.registers.apply(id, 'image.finish-upload', args)
    } catch (error) {
      // It may be active now: its bytes stay claimed until the reaper has asked a majority.
      if (hasCode(error, 'OUTCOME_UNKNOWN')) throw error
      await this.#components.writer.discard(uploadId)
      if (!hasCode(error, 'CONFLICT', 'NOT_FOUND')) await this.#giveBack(id, uploadId)
      throw hasCode(error, 'CONFLICT', 'NOT_FOUND') ? wasDeleted(id, error) : error
    }
  }

  /** `saving` back to `queued`. Tried in the background for a while when no majority answers. */
  async #giveBack(id: string, uploadId: UploadId): Promise<void> {
    if (await this.#tryGiveBack(id, uploadId)) return
    void this.#keepGivingBack(id, uploadId)
  }

  async #keepGivingBack(id: string, uploadId: UploadId): Promise<void> {
    const { clock, log } = this.#components
    for (let tries = 0; tries < GIVE_BACK_TRIES && !this.#stopping.signal.aborted; tries++) {
      await sleep(clock, GIVE_BACK_PAUSE_MS)
      if (await this.#tryGiveBack(id, uploadId)) return
    }
    log.warn({ image: id }, 'a failed upload could not give its image back; the reaper will')
  }

  /** True when the image is queued again, or no longer belongs to this upload. */
  async #tryGiveBack(id: string, uploadId: UploadId): Promise<boolean> {
    try {
      await this.#components.registers.apply(id, 'image.abort-upload', { uploadId, now: this.#now() })
      return true
    } catch (error) {
      return hasCode(error, 'CONFLICT', 'NOT_FOUND')
    }
  }

  #now(): string {
    return isoSeconds(this.#components.clock.wallMs())
  }
}

function wasDeleted(id: string, cause: unknown): ImageError {
  return new ImageError('GONE', `Image ${id} was deleted or taken over while its data was uploaded.`, { id }, cause)
}
