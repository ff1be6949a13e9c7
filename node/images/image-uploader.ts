/**
 * One upload, from `queued` to `active` or back (architecture §4): the register says who uploads, the writer stores the
 * bytes on W nodes, and only then the register says that the image is active.
 */
import { ClusterError, hasCode, toError } from '../../cluster/errors.ts'
import type { NodeIdentity } from '../../cluster/network/identity.ts'
import { sleep, stopController, type Clock, type Log, type Random } from '../../cluster/runtime.ts'
import type { UploadId } from '../../cluster/transfer/local-chunks.ts'
import { objectName, type Backends, type StoredObject } from '../backends/backends.ts'
import type { BackendWriter, WrittenObject } from '../data/backend-writer.ts'
import type { HashAlgorithm } from '../data/hash-algorithms.ts'
import type { ImageHolder } from '../data/image-holder.ts'
import type { ImageWriter, StoredImage } from '../data/image-writer.ts'
import type { Copies } from '../config/copies.ts'
import { ImageError } from '../errors.ts'
import type { FormatRules } from '../inspect/image-format.ts'
import { UploadInspection } from '../inspect/upload-inspection.ts'
import type { BackendGate } from './backend-gate.ts'
import { wantedCopies, type CopiesPolicy } from './copies-policy.ts'
import type { FinishUploadArgs } from './image-decisions.ts'
import { failureOf, type UploadFailure } from './image-operations.ts'
import type { Grant } from './image-policy.ts'
import type { ImageRecord, ImageUpload } from './image-record.ts'
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
  backends: Pick<Backends, 'has' | 'objectFor'>
  backendWriter: Pick<BackendWriter, 'write' | 'remove'>
  gate: Pick<BackendGate, 'require'>
}

export interface ImageUploaderOptions {
  /** Largest image. */
  sizeBytesMax: number
  copies: CopiesPolicy
  formats: FormatRules
  /** Where a plain upload goes that names no store. */
  defaultStore: string
}

export interface UploadRequest {
  grant: Grant
  id: string
  body: AsyncIterable<Uint8Array>
  declaredSizeBytes: number | null
  /** What is left of the owner's quota; null = no quota. */
  roomBytes: number | null
  terms?: UploadTerms
}

/** What other ways than the plain upload ask for beside. */
export interface UploadTerms {
  /** Of a plain upload; absent: the default one. */
  store?: string
  /** That the data must have, hex; absent or null: any. */
  md5?: string | null
  /** What becomes of the image when no data comes of it; absent: it is queued again. */
  onFailure?: NonNullable<ImageUpload['onFailure']>
  /** Called when the image belongs to this upload: from now on it ends one way or the other. */
  onBegun?: () => void
  /** Waited for before anything is read; resolves with what ends the turn. */
  turn?: (signal: AbortSignal) => Promise<() => void>
}

/** What an upload of any kind brings. */
export interface AnyUpload extends Omit<UploadRequest, 'grant'> {
  /** Never used before; absent: a new one. */
  uploadId?: UploadId
  /**
   * Where the bytes are to be. They are sent to the first one: a back end, or else the cluster; the others are named in the
   * record from the start, and filled by the steps. Absent: the cluster alone.
   */
  stores?: readonly string[]
  /** Whether the cluster takes the bytes though it is none of `stores`: the steps bring them on, and it keeps nothing. */
  isStaged?: boolean
}

/** What an upload has left: chunks of the cluster, or an object of a back end. */
export type StoredBytes = StoredImage | WrittenObject

/** Where uploads of different origin differ. */
export interface UploadSteps {
  /** Claims the image for the upload. */
  begin: (upload: ImageUpload) => Promise<ImageRecord>
  /** Null: the bytes are taken as they are. Asked before the first of them; may find out something before it answers. */
  inspectionOf: (record: ImageRecord) => UploadInspection | null | Promise<UploadInspection | null>
  hashAlgorithm: HashAlgorithm
  /** Makes the image active; may throw what is wrong with the bytes instead. What takes long ends with the signal. */
  finish: (args: FinishUploadArgs, signal: AbortSignal, stored: StoredBytes) => Promise<unknown>
  /** What is said of the image when this upload fails; absent: what others say when its node is gone. */
  failureOf?: (error: unknown) => UploadFailure
  /**
   * The bytes could not be stored. Answers whether the image has come to its end all the same, by another way; may throw what
   * keeps it from there.
   */
  rescue?: (ended: UploadEnd, signal: AbortSignal) => Promise<boolean>
}

/** For the operation that ends an upload. */
export type UploadEnd = Pick<FinishUploadArgs, 'uploadId' | 'now'>

/** What is fixed when its bytes begin to come. */
interface Storing {
  record: ImageRecord
  /** Null: the cluster takes them. */
  object: StoredObject | null
  copies: Copies
}

interface Stored {
  stored: StoredBytes
  inspection: UploadInspection | null
}

/** What is known of an image when all its bytes are stored. */
interface Finished {
  stored: StoredBytes
  virtualSize: number | null
  copies: Copies
}

const UPLOAD_ID_BYTES = 16
/** Of other containers the disk's format is not that of the bytes, as in Glance. */
const INSPECTED_CONTAINER = 'bare'
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
    const { id, grant } = request
    const { registers } = this.#components
    const stores = [request.terms?.store ?? this.#options.defaultStore]
    return this.run(
      { ...request, stores },
      {
        begin: (upload) => registers.apply(id, 'image.start-upload', { grant, upload, now: this.#now() }),
        inspectionOf: (record) => this.inspectionOf(record),
        hashAlgorithm: 'sha512',
        finish: (args) => registers.apply(id, 'image.finish-upload', args),
      },
    )
  }

  /** As `upload`, with steps of another kind. Throws what they throw, too. */
  run(request: AnyUpload, steps: UploadSteps): Promise<void> {
    const uploadId = request.uploadId ?? this.#newId()
    const running = this.#upload(uploadId, request, steps)
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
    // One that ends may leave something to be ended.
    while (this.#running.size > 0) await Promise.allSettled(this.#running.values())
  }

  #track(uploadId: UploadId, running: Promise<unknown>): void {
    this.#running.set(uploadId, running)
    const forget = () => {
      if (this.#running.get(uploadId) === running) this.#running.delete(uploadId)
    }
    running.then(forget, forget)
  }

  async #upload(uploadId: UploadId, request: AnyUpload, steps: UploadSteps): Promise<void> {
    const objects = this.#objectsOf(uploadId, request)
    if (objects.length > 0) await this.#components.gate.require()
    const record = await this.#begin(uploadId, request, objects, steps)
    request.terms?.onBegun?.()
    // From here on that is fixed.
    const copies = wantedCopies(record, this.#options.copies)
    const [first] = request.isStaged ? [] : (request.stores ?? [])
    const object = objects.find(({ store }) => store === first) ?? null
    const brought = await this.#store(uploadId, request, { record, object, copies }, steps)
    if (!brought) return
    const { stored, inspection } = brought
    const virtualSize = inspection?.virtualSizeOf(stored.sizeBytes) ?? null
    if (inspection?.note) this.#components.log.warn({ image: request.id }, inspection.note)
    await this.#activate(request, uploadId, { stored, virtualSize, copies }, steps)
    this.#conclude(uploadId, request, stored)
  }

  /** For the bytes of an image, as they come. `lets` as UploadInspection has it. Null: they are taken as they are. */
  inspectionOf(
    { containerFormat, diskFormat }: ImageRecord,
    options?: { lets: 'everything' },
  ): UploadInspection | null {
    if (containerFormat !== INSPECTED_CONTAINER || diskFormat === null) return null
    return new UploadInspection(diskFormat, this.#options.formats, options)
  }

  #objectsOf(uploadId: UploadId, { id, stores = [] }: AnyUpload): StoredObject[] {
    const { backends } = this.#components
    return stores
      .filter((store) => backends.has(store))
      .map((store) => backends.objectFor(store, objectName(id, uploadId)))
  }

  #newId(): UploadId {
    return Buffer.from(this.#components.random.bytes(UPLOAD_ID_BYTES)).toString('hex')
  }

  /** Answers the image, whose formats do not change any more. */
  async #begin(
    uploadId: UploadId,
    request: AnyUpload,
    objects: StoredObject[],
    steps: UploadSteps,
  ): Promise<ImageRecord> {
    const { identity } = this.#components
    const { declaredSizeBytes, terms } = request
    const upload = {
      uploadId,
      node: identity.id,
      startNonce: identity.startNonce,
      ...(declaredSizeBytes === null ? {} : { reservedBytes: declaredSizeBytes }),
      ...(terms?.onFailure && { onFailure: terms.onFailure }),
      ...(objects.length > 0 && { objects }),
    }
    try {
      return await steps.begin(upload)
    } catch (error) {
      // It may be `saving` under this upload, which will never bring any bytes.
      if (hasCode(error, 'OUTCOME_UNKNOWN')) await this.#giveBack(request, uploadId, steps, error)
      throw error
    }
  }

  /** Null: the image has come to its end without these bytes. */
  async #store(
    uploadId: UploadId,
    request: AnyUpload,
    { record, object, copies }: Storing,
    steps: UploadSteps,
  ): Promise<Stored | null> {
    const { id, body, declaredSizeBytes, roomBytes, terms } = request
    const sizeBytesMax = Math.min(this.#options.sizeBytesMax, roomBytes ?? Infinity)
    const { writer, backendWriter } = this.#components
    const { hashAlgorithm } = steps
    const session = { sizeBytesMax, declaredSizeBytes, hashAlgorithm, signal: this.#stopping.signal }
    let endTurn = () => {}
    try {
      endTurn = (await terms?.turn?.(this.#stopping.signal)) ?? endTurn
      const inspection = await steps.inspectionOf(record)
      const watched = inspection?.watch(body, sizeBytesMax) ?? body
      const stored = await (object
        ? backendWriter.write({ ...session, object }, watched)
        : writer.write({ ...session, imageId: id, upload: uploadId, copies }, watched))
      await this.#requireDigest(uploadId, stored, terms?.md5 ?? null)
      return { stored, inspection }
    } catch (failure) {
      const error = await this.#rescue(uploadId, steps, failure)
      if (error === null) return null
      const isDeleted = await this.#giveBack(request, uploadId, steps, error)
      // Nothing protects the chunks of an image that was deleted: what they were missed for is not what the client did.
      if (isDeleted && error instanceof ClusterError) throw wasDeleted(id, error)
      throw error
    } finally {
      endTurn()
    }
  }

  /** Answers what the upload fails for; null: it does not. */
  async #rescue(uploadId: UploadId, steps: UploadSteps, failure: unknown): Promise<Error | null> {
    const isRescued = steps.rescue?.({ uploadId, now: this.#now() }, this.#stopping.signal)
    try {
      return (await isRescued) ? null : toError(failure)
    } catch (error) {
      return toError(error)
    }
  }

  /** Throws INVALID when the data is not what was announced; nothing of it is kept then. */
  async #requireDigest(uploadId: UploadId, stored: StoredBytes, wanted: string | null): Promise<void> {
    const { md5 } = stored
    if (wanted === null || wanted === md5) return
    await this.#undo(uploadId, stored)
    throw new ImageError('INVALID', `The data has the checksum ${md5}, not ${wanted} as was said.`)
  }

  /** Nobody will ask for these bytes. */
  async #undo(uploadId: UploadId, stored: StoredBytes): Promise<void> {
    const { writer, backendWriter } = this.#components
    // The record, or what is left of it, may name the object no more.
    if ('object' in stored) await backendWriter.remove(stored.object)
    else await writer.unpin(uploadId, stored.pinnedAt)
  }

  async #activate(
    request: AnyUpload,
    uploadId: UploadId,
    { stored, virtualSize, copies }: Finished,
    steps: UploadSteps,
  ): Promise<void> {
    const { id } = request
    const { sizeBytes, md5, multihash: sha512 } = stored
    const bytes =
      'object' in stored
        ? { data: null, objects: [stored.object] }
        : { data: { root: stored.root, chunkSizeBytes: stored.chunkSizeBytes, copies, uploadId } }
    try {
      const args = { uploadId, ...bytes, sizeBytes, virtualSize, md5, sha512, now: this.#now() }
      await steps.finish(args, this.#stopping.signal, stored)
    } catch (error) {
      // It may be active now: its bytes stay claimed until the reaper has asked a majority.
      if (hasCode(error, 'OUTCOME_UNKNOWN')) throw error
      await this.#undo(uploadId, stored)
      if (hasCode(error, 'CONFLICT', 'NOT_FOUND')) throw wasDeleted(id, error)
      await this.#giveBack(request, uploadId, steps, error)
      throw error
    }
  }

  /**
   * The image is active: whatever fails now is put right by the updater. The client waits neither for the mark nor for the
   * end of the pins: the disk of this node, or one of the nodes that have some, may hang by now.
   */
  #conclude(uploadId: UploadId, { isStaged }: AnyUpload, stored: StoredBytes): void {
    if ('object' in stored) return
    const { writer, holder, identity, log } = this.#components
    const onFailure = (error: unknown) =>
      log.warn(
        { upload: uploadId, error: String(error) },
        'the claims of a finished upload are left to the updater',
      )
    const conclude = async () => {
      if (!isStaged && stored.holders.includes(identity.id))
        await holder.noteHeld(stored.root).catch(onFailure)
      await writer.unpin(uploadId, stored.pinnedAt).catch(onFailure)
    }
    this.#track(uploadId, conclude())
  }

  /**
   * `saving` back to `queued`, or to what the steps or terms say. Tried in the background for a while when no majority
   * answers. Answers whether the image is known to be deleted.
   */
  async #giveBack(
    { id, terms }: AnyUpload,
    uploadId: UploadId,
    steps: UploadSteps,
    error: unknown,
  ): Promise<boolean> {
    const operation = steps.failureOf?.(error) ?? failureOf(terms ?? {})
    const outcome = await this.#tryGiveBack(id, operation, uploadId)
    if (outcome === 'unanswered') this.#track(uploadId, this.#keepGivingBack(id, operation, uploadId))
    return outcome === 'deleted'
  }

  async #keepGivingBack(id: string, operation: UploadFailure, uploadId: UploadId): Promise<void> {
    const { clock, log } = this.#components
    const { signal } = this.#stopping
    for (let tries = 0; tries < GIVE_BACK_TRIES && !signal.aborted; tries++) {
      await sleep(clock, GIVE_BACK_PAUSE_MS, signal).catch(() => {})
      if ((await this.#tryGiveBack(id, operation, uploadId)) !== 'unanswered') return
    }
    log.warn({ image: id }, 'a failed upload could not give its image back; the reaper will')
  }

  async #tryGiveBack(
    id: string,
    operation: UploadFailure,
    uploadId: UploadId,
  ): Promise<'settled' | 'deleted' | 'unanswered'> {
    try {
      await this.#components.registers.apply(id, operation, { uploadId, now: this.#now() })
      return 'settled'
    } catch (error) {
      if (hasCode(error, 'NOT_FOUND')) return 'deleted'
      // It no longer belongs to this upload.
      return hasCode(error, 'CONFLICT') ? 'settled' : 'unanswered'
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
