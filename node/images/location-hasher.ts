/**
 * Computes the digests of images whose bytes lie elsewhere, behind the answer to their callers (`do_secure_hash`), and tells
 * their tasks how it ended. An image that is deleted meanwhile, or no longer waits for it, ends the computation; a node that
 * goes leaves it to the reapers.
 */
import { stopController, type Clock, type Log } from '../../cluster/runtime.ts'
import type { ChunkBufferPool } from '../../cluster/transfer/chunk-buffer.ts'
import { Semaphore } from '../../cluster/transfer/semaphore.ts'
import type { ImageDigests } from '../data/checksums.ts'
import { DigestTap } from '../data/digest-tap.ts'
import type { HashPool } from '../data/hash-pool.ts'
import type { OutsideBytes } from '../data/outside-bytes.ts'
import { ImageError } from '../errors.ts'
import type { ImageRecord } from './image-record.ts'
import type { ImageRegisters } from './image-registers.ts'
import { isoSeconds } from './image-times.ts'
import type { LocationTask } from './location-task-port.ts'
import type { StoreList } from './store-list.ts'

export interface LocationHasherComponents {
  clock: Clock
  log: Log
  registers: Pick<ImageRegisters, 'apply'>
  outside: Pick<OutsideBytes, 'open'>
  hashes: Pick<HashPool, 'open'>
  stores: Pick<StoreList, 'places'>
  /** Shared with the uploads. */
  pool: Pick<ChunkBufferPool, 'acquire'>
}

/** Uploads wait for the same workers, and their clients wait for them. */
const IMAGES_AT_ONCE = 2

interface Running {
  imageId: string
  stop: AbortController
  ended: Promise<void>
}

export class LocationHasher {
  readonly #components: LocationHasherComponents
  readonly #turns = new Semaphore(IMAGES_AT_ONCE)
  readonly #running = new Map<string, Running>()
  readonly #stopping = stopController()

  constructor(components: LocationHasherComponents) {
    this.#components = components
  }

  /**
   * `applied`: resolves with the image that has the location, and waits for the computation if one is wanted; who asked for
   * it sees to the task when it rejects. From now on the reapers know that this node is at work.
   */
  begin(imageId: string, task: LocationTask, applied: Promise<ImageRecord>): void {
    const { claim } = task
    const stop = stopController()
    const ended = this.#run(imageId, task, applied, stop.signal).finally(() => this.#running.delete(claim))
    this.#running.set(claim, { imageId, stop, ended })
  }

  isRunning(hashId: string): boolean {
    return this.#running.has(hashId)
  }

  /** The record of an image is another one now; null: it is no more. */
  noteChanged(imageId: string, image: ImageRecord | null): void {
    for (const [hashId, running] of this.#running) {
      if (running.imageId !== imageId) continue
      if (image?.hashing?.hashId === hashId && image.status !== 'pending_delete') continue
      running.stop.abort(new ImageError('GONE', 'The image was deleted, or waits for this location no more.'))
    }
  }

  /** Ends what runs; as far as a majority is there, no image waits for it then. */
  async stop(): Promise<void> {
    const reason = new ImageError('UNAVAILABLE', 'This node is stopping.')
    this.#stopping.abort(reason)
    const running = [...this.#running.values()]
    for (const { stop } of running) stop.abort(reason)
    await Promise.allSettled(running.map(({ ended }) => ended))
  }

  /** Never rejects. */
  async #run(
    imageId: string,
    task: LocationTask,
    applied: Promise<ImageRecord>,
    signal: AbortSignal,
  ): Promise<void> {
    const outcome = await this.#outcome(imageId, task, applied, signal)
    if (outcome !== null) await task.end(outcome.failure, this.#stopping.signal)
  }

  /** `failure`: why the image does not have the location. Null: that is for others to say. Never rejects. */
  async #outcome(
    imageId: string,
    task: LocationTask,
    applied: Promise<ImageRecord>,
    signal: AbortSignal,
  ): Promise<{ failure: string | null } | null> {
    const seen = { isApplied: false }
    try {
      const image = await applied
      seen.isApplied = true
      await task.begin()
      const failure =
        image.hashing?.hashId === task.claim ? await this.#finish(image, task.claim, signal) : null
      return { failure }
    } catch (error) {
      // Deleted, or refused from the start.
      if (error instanceof ImageError && error.code !== 'UNAVAILABLE')
        return seen.isApplied ? { failure: error.message } : null
      const { log } = this.#components
      log.warn({ image: imageId, error: String(error) }, 'the digests of an image could not be computed')
      const left = await this.#giveUp(imageId, task.claim)
      return seen.isApplied ? left : null
    }
  }

  /** Why the image does not have its location; null: it has. */
  async #finish(image: ImageRecord, hashId: string, signal: AbortSignal): Promise<string | null> {
    const { registers, log } = this.#components
    const digests = await this.#digests(image, signal)
    const { status } = await registers.apply(image.id, 'image.finish-hash', {
      hashId,
      ...digests,
      now: this.#now(),
    })
    if (status !== 'queued') return null
    log.warn({ image: image.id }, 'the bytes at a location are not what was said: the image is queued again')
    return 'The bytes at the location are not what validation_data says of them.'
  }

  /** The image waits no longer. Null: what cannot be said now is the reaper's to say. */
  async #giveUp(imageId: string, hashId: string): Promise<{ failure: string | null } | null> {
    const { registers } = this.#components
    const image = await registers
      .apply(imageId, 'image.abort-hash', { hashId, now: this.#now() })
      .catch(() => null)
    if (image === null) return null
    const isWithout = image.status === 'queued'
    return { failure: isWithout ? 'The bytes at the location could not be read.' : null }
  }

  #now(): string {
    return isoSeconds(this.#components.clock.wallMs())
  }

  async #digests(image: ImageRecord, signal: AbortSignal): Promise<ImageDigests> {
    const endTurn = await this.#turns.acquire(signal)
    try {
      const { hashes, pool, outside, stores } = this.#components
      const checksums = await hashes.open(signal, image.hashing?.hashAlgo)
      const tap = new DigestTap({ pool, checksums }, signal)
      try {
        const sizeBytes = image.size ?? 0
        const places = stores.places(image)
        const source = { imageId: image.id, places, sizeBytes, multihash: null, md5: null }
        for await (const { bytes } of outside.open(source).read(0, sizeBytes - 1, signal))
          await tap.add(bytes)
        return await tap.finish()
      } finally {
        await tap.close()
      }
    } finally {
      endTurn()
    }
  }
}
