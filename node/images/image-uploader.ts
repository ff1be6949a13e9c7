/**
 * One upload, from `queued` to `active` or back (architecture §4): the register says who uploads, the writer stores the
 * bytes on W nodes, and only then the register says that the image is active.
 */
import { hasCode } from '../../cluster/errors.ts'
import type { NodeIdentity } from '../../cluster/network/identity.ts'
import { COPIES_DEFAULT } from '../../cluster/placement/placement-policy.ts'
import { sleep, stopController, type Clock, type Log, type Random } from '../../cluster/runtime.ts'
import type { UploadId } from '../../cluster/transfer/local-chunks.ts'
import type { ImageHolder } from '../data/image-holder.ts'
import type { ImageWriter, StoredImage } from '../data/image-writer.ts'
import { ImageError } from '../errors.ts'
import type { Grant } from './image-policy.ts'
import type { ImageRegisters } from './image-registers.ts'
import { isoSeconds } from './image-times.ts'

export interface ImageUploaderComponents {
  identity: NodeIdentity
  clock: Clock
  random: Random
  log: Log
  registers: Pick<ImageRegisters, 'apply'>
  writer: Pick<ImageWriter, 'write' | 'unpin'>
  holder: Pick<ImageHolder, 'noteHeld'>
}

export interface ImageUploaderOptions {
  /** Largest image. */
  sizeBytesMax: number
}

export interface UploadRequest {
  grant: Grant
  id: string
  body: AsyncIterable<Uint8Array>
  declaredSizeBytes: number | null
  /** What is left of the owner's quota; null = no quota. */
  roomBytes: number | null
}

const UPLOAD_ID_BYTES = 16
/** A failed upload gives its image back even when the majority is away for a while; then the reaper does it. */
const GIVE_BACK_TRIES = 20
const GIVE_BACK_PAUSE_MS = 500

export class ImageUploader {
  readonly #components: ImageUploaderComponents
  readonly #options: ImageUploaderOptions
  readonly #stopping = stopController()
  readonly #running = new Map<UploadId, Promise<unknown>>()

  constructor(components: ImageUploaderComponents, options: ImageUploaderOptions) {
    this.#components = components
    this.#options = options
  }

  /** Resolves when the image is active. Throws ImageError, or what the writer threw; the image is then `queued` again. */
  upload(request: UploadRequest): Promise<void> {
    const uploadId = Buffer.from(this.#components.random.bytes(UPLOAD_ID_BYTES)).toString('hex')
    const running = this.#upload(uploadId, request)
    this.#track(uploadId, running)
    return running
  }

  /** Whether this node still works on an upload; its image is for the reaper otherwise. */
  isRunning(uploadId: UploadId): boolean {
    return this.#running.has(uploadId)
  }

  /** Aborts what runs and waits until each image was given back, as far as a majority is there. */
  async stop(): Promise<void> {
    this.#stopping.abort(new ImageError('UNAVAILABLE', 'This node is stopping; send the data again.'))
    await Promise.allSettled(this.#running.values())
  }

  #track(uploadId: UploadId, running: Promise<unknown>): void {
    this.#running.set(uploadId, running)
    const forget = () => {
      if (this.#running.get(uploadId) === running) this.#running.delete(uploadId)
    }
    running.then(forget, forget)
  }

  async #upload(uploadId: UploadId, request: UploadRequest): Promise<void> {
    await this.#begin(uploadId, request)
    const stored = await this.#store(uploadId, request)
    await this.#activate(request.id, uploadId, stored)
    await this.#conclude(uploadId, stored)
  }

  async #begin(uploadId: UploadId, { id, grant, declaredSizeBytes }: UploadRequest): Promise<void> {
    const { registers, identity } = this.#components
    const upload = {
      uploadId,
      node: identity.id,
      startNonce: identity.startNonce,
      ...(declaredSizeBytes === null ? {} : { reservedBytes: declaredSizeBytes }),
    }
    try {
      await registers.apply(id, 'image.start-upload', { grant, upload, now: this.#now() })
    } catch (error) {
      // It may be `saving` under this upload, which will never bring any bytes.
      if (hasCode(error, 'OUTCOME_UNKNOWN')) await this.#giveBack(id, uploadId)
      throw error
    }
  }

  async #store(
    uploadId: UploadId,
    { id, body, declaredSizeBytes, roomBytes }: UploadRequest,
  ): Promise<StoredImage> {
    const sizeBytesMax = Math.min(this.#options.sizeBytesMax, roomBytes ?? Infinity)
    const { writer } = this.#components
    const session = {
      imageId: id,
      upload: uploadId,
      copies: COPIES_DEFAULT,
      sizeBytesMax,
      declaredSizeBytes,
    }
    try {
      return await writer.write({ ...session, signal: this.#stopping.signal }, body)
    } catch (error) {
      await this.#giveBack(id, uploadId)
      throw error
    }
  }

  async #activate(id: string, uploadId: UploadId, stored: StoredImage): Promise<void> {
    const { root, sizeBytes, chunkSizeBytes, md5, sha512 } = stored
    const data = { root, chunkSizeBytes, copies: COPIES_DEFAULT, uploadId }
    try {
      const args = { uploadId, data, sizeBytes, md5, sha512, now: this.#now() }
      await this.#components.registers.apply(id, 'image.finish-upload', args)
    } catch (error) {
      // It may be active now: its bytes stay claimed until the reaper has asked a majority.
      if (hasCode(error, 'OUTCOME_UNKNOWN')) throw error
      await this.#components.writer.unpin(uploadId, stored.pinnedAt)
      if (hasCode(error, 'CONFLICT', 'NOT_FOUND')) throw wasDeleted(id, error)
      await this.#giveBack(id, uploadId)
      throw error
    }
  }

  /** The image is active: whatever fails now is put right by the updater. */
  async #conclude(uploadId: UploadId, stored: StoredImage): Promise<void> {
    const { writer, holder, identity, log } = this.#components
    try {
      if (stored.holders.includes(identity.id)) await holder.noteHeld(stored.root)
      await writer.unpin(uploadId, stored.pinnedAt)
    } catch (error) {
      log.warn(
        { upload: uploadId, error: String(error) },
        'the claims of a finished upload are left to the updater',
      )
    }
  }

  /** `saving` back to `queued`. Tried in the background for a while when no majority answers. */
  async #giveBack(id: string, uploadId: UploadId): Promise<void> {
    if (await this.#tryGiveBack(id, uploadId)) return
    this.#track(uploadId, this.#keepGivingBack(id, uploadId, this.#stopping.signal))
  }

  async #keepGivingBack(id: string, uploadId: UploadId, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#components
    for (let tries = 0; tries < GIVE_BACK_TRIES && !signal.aborted; tries++) {
      await sleep(clock, GIVE_BACK_PAUSE_MS, signal).catch(() => {})
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
  return new ImageError(
    'GONE',
    `Image ${id} was deleted or taken over while its data was uploaded.`,
    { id },
    cause,
  )
}
