/**
 * Computes the digests of images whose bytes lie elsewhere, behind the answer to their callers (`do_secure_hash`). An image
 * that is deleted meanwhile, or no longer waits for it, ends the computation; a node that goes leaves it to the reaper.
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

  constructor(components: LocationHasherComponents) {
    this.#components = components
  }

  /** `applied`: resolves with the image that waits for the computation. From now on the reaper knows of it. */
  begin(imageId: string, hashId: string, applied: Promise<ImageRecord>): void {
    const stop = stopController()
    const ended = this.#run(imageId, hashId, applied, stop.signal).finally(() => this.#running.delete(hashId))
    this.#running.set(hashId, { imageId, stop, ended })
  }

  isRunning(hashId: string): boolean {
    return this.#running.has(hashId)
  }

  /** The record of an image is another one now; null: it is no more. */
  noteChanged(imageId: string, image: ImageRecord | null): void {
    for (const [hashId, running] of this.#running) {
      if (running.imageId !== imageId) continue
      if (image?.hashing?.hashId === hashId && image.status !== 'pending_delete') continue
      running.stop.abort(new ImageError('GONE', 'Nobody waits for these digests any more.'))
    }
  }

  /** Ends what runs; as far as a majority is there, no image waits for it then. */
  async stop(): Promise<void> {
    const reason = new ImageError('UNAVAILABLE', 'This node is stopping.')
    const running = [...this.#running.values()]
    for (const { stop } of running) stop.abort(reason)
    await Promise.allSettled(running.map(({ ended }) => ended))
  }

  /** Never rejects. */
  async #run(
    imageId: string,
    hashId: string,
    applied: Promise<ImageRecord>,
    signal: AbortSignal,
  ): Promise<void> {
    const { registers, clock, log } = this.#components
    const now = () => isoSeconds(clock.wallMs())
    try {
      const digests = await this.#digests(await applied, signal)
      const image = await registers.apply(imageId, 'image.finish-hash', { hashId, ...digests, now: now() })
      if (image.status === 'queued')
        log.warn(
          { image: imageId },
          'the bytes at a location are not what was said: the image is queued again',
        )
    } catch (error) {
      // Deleted, or refused from the start.
      if (error instanceof ImageError && error.code !== 'UNAVAILABLE') return
      log.warn({ image: imageId, error: String(error) }, 'the digests of an image could not be computed')
      // What cannot be said now is the reaper's to say.
      await registers.apply(imageId, 'image.abort-hash', { hashId, now: now() }).catch(() => {})
    }
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
