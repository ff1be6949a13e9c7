/**
 * Looks after the image cache of this node: brings what is queued, drops what is no image any more or has other bytes now,
 * and keeps it within its limit.
 */
import type { Clock, Log } from '../../cluster/runtime.ts'
import type { CacheHead } from '../cache/cache-file.ts'
import type { CacheFill } from '../cache/cache-fill.ts'
import type { ImageCache } from '../cache/image-cache.ts'
import type { OpenImage } from '../data/open-image.ts'
import { cacheableOf, cacheHeadOf } from '../images/caching-opener.ts'
import type { ImageOpener } from '../images/image-opener.ts'
import type { ImageRecord } from '../images/image-record.ts'
import type { ImageRegisters } from '../images/image-registers.ts'
import { Loop, type RunResult } from './loop.ts'

export interface CacheKeeperComponents {
  clock: Clock
  log: Log
  cache: ImageCache
  opener: Pick<ImageOpener, 'open'>
  registers: Pick<ImageRegisters, 'read'>
  /** What this node knows of an image. */
  known: (imageId: string) => ImageRecord | undefined
  /** Whether it knows of all images (R11). */
  caughtUp: () => boolean
  isKeptHere: (record: ImageRecord) => boolean
}

const LOOK_EVERY_MS = 60_000
/** What is queued while as many images as may be are coming in otherwise. */
const BUSY_REST_MS = 1_000

export class CacheKeeper {
  readonly loop: Loop
  readonly #components: CacheKeeperComponents
  #isCleanWanted = false

  constructor(components: CacheKeeperComponents) {
    this.#components = components
    const { queue } = components.cache
    const options = { name: 'cache-keeper', everyMs: LOOK_EVERY_MS, retryMs: LOOK_EVERY_MS }
    this.loop = new Loop(components, options, (signal) => this.#runOnce(signal), {
      queue: () => ({ depth: queue.all.length, oldestAgeMs: queue.oldestAgeMs }),
    })
  }

  nudge(): void {
    this.loop.nudge()
  }

  /** Reads everything back at the next run, which is soon. */
  requestClean(): void {
    this.#isCleanWanted = true
    this.loop.nudge()
  }

  /** An image has changed; null: it is gone. */
  noteChanged(imageId: string, record: ImageRecord | null): void {
    const { cache, log } = this.#components
    const isGone = record === null || record.status === 'pending_delete'
    if (!isGone && isStill(record, cache.head(imageId))) return
    const dropped = isGone ? cache.forget(imageId) : cache.drop(imageId)
    dropped.catch((error: unknown) => {
      log.warn({ image: imageId, error: String(error) }, 'the cache could not forget an image')
    })
  }

  async #runOnce(signal: AbortSignal): Promise<RunResult> {
    const { cache, caughtUp } = this.#components
    if (!caughtUp()) return { restMs: BUSY_REST_MS }
    await this.#dropForeign()
    await cache.prune()
    if (this.#isCleanWanted) {
      this.#isCleanWanted = false
      await cache.clean(signal)
    }
    return this.#bringQueued(signal)
  }

  /** Nobody is told of what happened while a node was down. */
  async #dropForeign(): Promise<void> {
    const { cache, known } = this.#components
    for (const { imageId } of cache.entries) this.noteChanged(imageId, known(imageId) ?? null)
  }

  async #bringQueued(signal: AbortSignal): Promise<RunResult> {
    const { queue } = this.#components.cache
    const failed: unknown[] = []
    let isBusy = false
    for (const id of queue.all) {
      signal.throwIfAborted()
      try {
        const outcome = await this.#bring(id, signal)
        if (outcome === 'over') await queue.remove(id)
        isBusy ||= outcome === 'busy'
      } catch (error) {
        signal.throwIfAborted()
        failed.push(error)
      }
    }
    if (failed.length > 0) throw failed[0]
    return isBusy ? { restMs: BUSY_REST_MS } : undefined
  }

  /** over: it is here, or there is nothing to bring. Throws as the ways to the image do. */
  async #bring(imageId: string, signal: AbortSignal): Promise<'over' | 'busy'> {
    const { cache, registers, opener, isKeptHere, log } = this.#components
    const known = await registers.read(imageId)
    const head = known?.live ? cacheHeadOf(known.record) : null
    const leaveOut = (why: string): 'over' => {
      log.info({ image: imageId }, `a queued image is not cached: ${why}`)
      return 'over'
    }
    if (!known?.live || !head) return leaveOut('it is not active, or nothing tells its bytes from others')
    if (isKeptHere(known.record)) return leaveOut('this node holds it as a member of the cluster')
    if (!cache.fits(head)) return leaveOut('it is larger than the cache')
    if (cache.head(imageId)?.identity === head.identity) return 'over'
    const fill = cache.beginFill(head)
    if (!fill) return 'busy'
    try {
      const image = await opener.open(known.record)
      if (!image) throw new Error('the image has no bytes')
      await pour(image, fill, signal)
    } catch (error) {
      await fill.abandon(error instanceof Error ? error : undefined)
      throw error
    }
    const failure = await fill.finish()
    if (failure !== null) throw failure
    return 'over'
  }
}

async function pour(image: OpenImage, fill: CacheFill, signal: AbortSignal): Promise<void> {
  for await (const lease of image.read(0, image.sizeBytes - 1, signal)) {
    try {
      await fill.write(lease.bytes)
    } finally {
      lease.release()
    }
    if (fill.failure !== null) throw fill.failure
  }
}

function isStill(record: ImageRecord, head: CacheHead | null): boolean {
  const now = head && cacheableOf(record)
  return now?.identity === head?.identity && now?.sizeBytes === head?.sizeBytes
}
