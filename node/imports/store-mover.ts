/**
 * Moves images from one store to another while they are in use, one when it is asked for: the bytes go the way of an upload,
 * are compared with the image's digests, and are read back where they are to stay; only then the register says that they are
 * there and no longer where they were. What lies there is deleted behind that, by the reapers.
 *
 * How far a move is stands in the record alone: which stores it names, and the upload that owns it meanwhile. So the same
 * request is asked again and again until the image is where it should be, of this node or another, whoever has died in between.
 */
import { hasCode } from '../../cluster/errors.ts'
import type { Clock, Log } from '../../cluster/runtime.ts'
import { Semaphore } from '../../cluster/transfer/semaphore.ts'
import type { StoredObject } from '../backends/backends.ts'
import { algorithmOr512, isHashAlgorithm } from '../data/hash-algorithms.ts'
import type { ObjectDigests } from '../data/object-digests.ts'
import type { TransferPace } from '../data/transfer-pace.ts'
import { ImageError } from '../errors.ts'
import { bytesOf } from '../images/bytes-of.ts'
import type { ImageOpener } from '../images/image-opener.ts'
import { plainImage, type ImageRecord } from '../images/image-record.ts'
import type { ImageRegisters } from '../images/image-registers.ts'
import type { ImageUploader, StoredBytes, UploadSteps } from '../images/image-uploader.ts'
import { storedObjects } from '../images/location-rules.ts'
import type { StoreList } from '../images/store-list.ts'
import { isAtWork, isInStore, type MovingStore } from '../images/store-move-operations.ts'
import { AskedWork, type Progress } from './asked-work.ts'

export interface StoreMoverComponents {
  clock: Clock
  log: Log
  registers: Pick<ImageRegisters, 'apply' | 'read'>
  uploader: Pick<ImageUploader, 'run'>
  opener: Pick<ImageOpener, 'open'>
  digests: Pick<ObjectDigests, 'of'>
  stores: StoreList
  /** Of all moves of this node together. */
  pace: TransferPace
}

export interface StoreMove {
  imageId: string
  /** Ids of stores. */
  from: string
  to: string
  /** The image stays in `from` as well. */
  keepSource: boolean
}

type MoveStep = 'copying' | 'verifying'

/** How a move stands. */
export type StoreMoveState =
  /** Ask again. Bytes that have come so far; `verifying`: of the reading back that follows. */
  | Progress<MoveStep>
  | StoreMoveEnd
  /** It is there, and was before. */
  | { state: 'present' }
  /** Somebody works on the image, maybe another node at this very move: ask again. */
  | { state: 'busy' }
  /** There is no such image, or `from` has nothing of it. */
  | { state: 'absent' }

type StoreMoveEnd =
  /** By this node, lately. */
  | { state: 'moved' }
  /** Asked again, it is tried again. */
  | { state: 'failed'; why: string }

interface Running {
  move: StoreMove
  progress: Progress<MoveStep>
}

/** Uploads wait for the same workers and the same disk. */
const MOVES_AT_ONCE = 4

export class StoreMover {
  readonly #components: StoreMoverComponents
  readonly #turns = new Semaphore(MOVES_AT_ONCE)
  readonly #moves: AskedWork<MoveStep, StoreMoveEnd>

  constructor(components: StoreMoverComponents) {
    this.#components = components
    this.#moves = new AskedWork(components.clock)
  }

  /** Begins or goes on with a move, and answers soon. Throws INVALID for stores that cannot be moved between; NO_QUORUM. */
  async move(move: StoreMove): Promise<StoreMoveState> {
    this.#requireStores(move)
    const { imageId } = move
    if (this.#moves.isRunning(imageId)) return (await this.#moves.join(imageId, move)) ?? { state: 'busy' }
    const known = await this.#components.registers.read(imageId)
    const record = known?.live ? known.record : null
    const { from, to, keepSource } = move
    const [isThere, isHere] = [to, from].map((id) => record !== null && isInStore(record, this.#storeOf(id)))
    if (!record || (!isThere && !isHere)) return { state: 'absent' }
    if (isThere && (!isHere || keepSource)) return { state: 'present' }
    if (isAtWork(record)) return { state: 'busy' }
    const plain = plainImage(record)
    const progress: Progress<MoveStep> = { state: 'copying', sizeBytes: plain.size ?? 0, doneBytes: 0 }
    const begun = this.#moves.begin(imageId, { order: move, progress }, (noted, signal) =>
      this.#run({ move, progress: noted }, plain, signal),
    )
    return (await begun) ?? { state: 'busy' }
  }

  /** Nobody waits for the bytes of an image that is no more. */
  noteDeleted(imageId: string): void {
    this.#moves.abort(imageId, new ImageError('GONE', `Image ${imageId} was deleted.`))
  }

  /** The uploads must have been stopped. */
  async stop(): Promise<void> {
    await this.#moves.stop(new ImageError('UNAVAILABLE', 'The node that moved the image was stopped.'))
  }

  async #run(running: Running, record: ImageRecord, signal: AbortSignal): Promise<StoreMoveEnd> {
    const { log } = this.#components
    const { from, to, imageId } = running.move
    try {
      if (isInStore(record, this.#storeOf(to))) await this.#leave(running, record, signal)
      else await this.#copy(running, record, signal)
      log.info({ image: imageId, from, to, sizeBytes: running.progress.sizeBytes }, 'an image was moved')
      return { state: 'moved' }
    } catch (error) {
      log.warn({ image: imageId, from, to, error: String(error) }, 'an image could not be moved')
      return { state: 'failed', why: reasonOf(error) }
    }
  }

  /** A copy is there already. */
  async #leave(running: Running, record: ImageRecord, signal: AbortSignal): Promise<void> {
    const { imageId, ...move } = running.move
    const [from, to] = [this.#storeOf(move.from), this.#storeOf(move.to)]
    const object = storedObjects(record).find(({ store }) => store === to)
    const endTurn = await this.#turns.acquire(signal)
    try {
      // What the cluster keeps is looked after by its own loops.
      if (object) await this.#requireBytes(running, record, object, signal)
      await this.#components.registers.apply(imageId, 'image.leave-store', { from, to })
    } finally {
      endTurn()
    }
  }

  async #copy(running: Running, record: ImageRecord, signal: AbortSignal): Promise<void> {
    const { id, size } = record
    const terms = {
      onFailure: 'end-store-move' as const,
      turn: (stopped: AbortSignal) => this.#turns.acquire(AbortSignal.any([stopped, signal])),
    }
    const body = this.#body(running, record, signal)
    const stores = [running.move.to]
    const request = { id, body, declaredSizeBytes: size, roomBytes: null, terms, stores }
    await this.#components.uploader.run(request, this.#steps(running, record, signal))
  }

  async *#body(running: Running, record: ImageRecord, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const { opener, pace } = this.#components
    const image = await opener.open(record, { preferred: [running.move.from] })
    if (!image) throw new ImageError('UNAVAILABLE', 'The bytes of the image are nowhere to be had.')
    for await (const piece of bytesOf(image, signal)) {
      const noteMoved = await pace.begin(signal)
      noteMoved(piece.length)
      running.progress.doneBytes += piece.length
      yield piece
    }
  }

  #steps(running: Running, record: ImageRecord, stopped: AbortSignal): UploadSteps {
    const { registers } = this.#components
    const { id } = record
    const { from, to, keepSource: isKept } = running.move
    const [source, target] = [this.#storeOf(from), this.#storeOf(to)]
    return {
      begin: ({ uploadId, node, startNonce, onFailure, objects }) => {
        // Nothing is reserved: of its owner's quota the image takes no more room than it has.
        const upload = {
          uploadId,
          node,
          startNonce,
          ...(onFailure && { onFailure }),
          ...(objects && { objects }),
        }
        return registers.apply(id, 'image.begin-store-move', { from: source, to: target, upload })
      },
      inspectionOf: () => null,
      hashAlgorithm: algorithmOr512(record.hashAlgo),
      finish: async ({ uploadId, data, objects = [] }, signal, stored) => {
        requireSame(record, stored)
        const both = AbortSignal.any([signal, stopped])
        if ('object' in stored) await this.#requireBytes(running, record, stored.object, both)
        const args = { uploadId, from: source, data, objects, isKept }
        await registers.apply(id, 'image.finish-store-move', args)
      },
      failureOf: () => 'image.end-store-move',
    }
  }

  async #requireBytes(
    running: Running,
    record: ImageRecord,
    object: StoredObject,
    signal: AbortSignal,
  ): Promise<void> {
    const { id: imageId, size, hashAlgo } = record
    const wanted = { imageId, object, sizeBytes: size ?? 0, hashAlgorithm: algorithmOr512(hashAlgo) }
    Object.assign(running.progress, { state: 'verifying', doneBytes: 0 })
    const noteBytes = (count: number) => void (running.progress.doneBytes += count)
    requireSame(record, await this.#components.digests.of(wanted, signal, noteBytes))
  }

  #requireStores({ from, to }: StoreMove): void {
    const { writable } = this.#components.stores
    const unknown = [from, to].find((id) => !writable.includes(id))
    if (unknown !== undefined)
      throw new ImageError('INVALID', `There is no store ${unknown} to move images between.`)
    if (from === to) throw new ImageError('INVALID', 'The two stores are the same.')
  }

  #storeOf(id: string): MovingStore {
    return id === this.#components.stores.clusterId ? null : id
  }
}

/** Throws UNAVAILABLE. */
function requireSame(
  { checksum, hashAlgo, hashValue }: ImageRecord,
  { md5, multihash }: Pick<StoredBytes, 'md5' | 'multihash'>,
): void {
  const isComputed = hashAlgo !== null && isHashAlgorithm(hashAlgo)
  if ((checksum ?? md5) === md5 && (!isComputed || (hashValue ?? multihash) === multihash)) return
  throw new ImageError('UNAVAILABLE', 'Other bytes came than those of the image.')
}

function reasonOf(error: unknown): string {
  if (hasCode(error, 'NO_QUORUM', 'OUTCOME_UNKNOWN')) return 'No majority of the voters can be reached.'
  if (hasCode(error, 'STORE_FULL')) return 'There is no room left for image data.'
  return error instanceof Error ? error.message : String(error)
}
