/**
 * Deletes in their back ends the objects that images no longer have. What is to be deleted stands in the records, tombstones
 * included, until it is gone there: a back end that is down delays it, however long, and loses nothing.
 */
import { hasCode } from '../../cluster/errors.ts'
import type { Clock, Log } from '../../cluster/runtime.ts'
import { BackendError } from '../backends/backend.ts'
import type { Backends, StoredObject } from '../backends/backends.ts'
import type { ImageRegisters } from '../images/image-registers.ts'
import { Loop } from './loop.ts'
import { unlessOver } from './unless-over.ts'

export interface ObjectReaperComponents {
  clock: Clock
  log: Log
  registers: Pick<ImageRegisters, 'apply'>
  backends: Pick<Backends, 'has' | 'delete'>
  /** Objects that wait for their end by the ids of their images, as this node knows. */
  discarded: () => ReadonlyMap<string, readonly StoredObject[]>
  /** Whether this node is the one that sees to an image now: all of them at once would only be in each other's way. */
  seesTo: (imageId: string) => boolean
  /** Until this node has caught up, its reaper stands still (R11). */
  caughtUp: () => boolean
}

const LOOK_EVERY_MS = 5000
/** So long after it has seen them any node deletes objects: the one that sees to them may not reach the back end. */
const OVERDUE_MS = 60_000
/** For one object; a large one has many segments. */
const DELETE_MS = 120_000
/** What is in use in its back end is looked at again after that, ms. */
const IN_USE_PAUSE_MS = 60_000
/** The rest comes at the next look. */
const IMAGES_PER_RUN_MAX = 200

export class ObjectReaper {
  readonly loop: Loop
  readonly #components: ObjectReaperComponents
  /** Since when this node has known of an image with such objects; monotonic. */
  readonly #seenMs = new Map<string, number>()
  /** Until when an object that is in use is left alone, by its URL; monotonic. */
  readonly #inUseUntilMs = new Map<string, number>()

  constructor(components: ObjectReaperComponents) {
    this.#components = components
    const options = { name: 'object-reaper', everyMs: LOOK_EVERY_MS, retryMs: LOOK_EVERY_MS }
    this.loop = new Loop(components, options, (signal) => this.#runOnce(signal), {
      queue: () => this.#queue(),
    })
  }

  async #runOnce(signal: AbortSignal): Promise<void> {
    const { caughtUp, discarded } = this.#components
    if (!caughtUp()) return
    const waiting = discarded()
    this.#note(waiting)
    // One that does not answer makes only itself wait.
    const silent = new Set<string>()
    const due = [...waiting].filter(([id]) => this.#isDue(id)).slice(0, IMAGES_PER_RUN_MAX)
    for (const [id, objects] of due) {
      signal.throwIfAborted()
      await this.#deleteAll(id, objects, silent, signal)
    }
  }

  async #deleteAll(
    id: string,
    objects: readonly StoredObject[],
    silent: Set<string>,
    signal: AbortSignal,
  ): Promise<void> {
    const { backends, registers, log } = this.#components
    const urls: string[] = []
    for (const object of objects) {
      const { store, url } = object
      if (silent.has(store) || !backends.has(store) || this.#isInUse(url)) continue
      try {
        await backends.delete(object, AbortSignal.any([signal, AbortSignal.timeout(DELETE_MS)]))
        urls.push(url)
      } catch (error) {
        signal.throwIfAborted()
        if (hasCode(error, 'BACKEND_IN_USE')) this.#inUseUntilMs.set(url, this.#nowMs() + IN_USE_PAUSE_MS)
        else silent.add(store)
        const reason = error instanceof BackendError ? error.message : String(error)
        log.warn({ image: id, store, error: reason }, 'what an image had in a store cannot be deleted now')
      }
    }
    if (urls.length === 0) return
    await unlessOver(async () => {
      await registers.apply(id, 'image.forget-objects', { urls })
      log.info({ image: id, objects: urls.length }, 'what an image no longer has was deleted in its stores')
    })
  }

  #note(waiting: ReadonlyMap<string, unknown>): void {
    const nowMs = this.#nowMs()
    for (const id of this.#seenMs.keys()) if (!waiting.has(id)) this.#seenMs.delete(id)
    for (const [url, untilMs] of this.#inUseUntilMs) if (untilMs <= nowMs) this.#inUseUntilMs.delete(url)
    for (const id of waiting.keys()) if (!this.#seenMs.has(id)) this.#seenMs.set(id, nowMs)
  }

  #isInUse(url: string): boolean {
    return (this.#inUseUntilMs.get(url) ?? 0) > this.#nowMs()
  }

  #nowMs(): number {
    return this.#components.clock.monotonicMs()
  }

  #isDue(id: string): boolean {
    return this.#components.seesTo(id) || this.#ageMs(id) >= OVERDUE_MS
  }

  #ageMs(id: string): number {
    const nowMs = this.#nowMs()
    return nowMs - (this.#seenMs.get(id) ?? nowMs)
  }

  #queue(): { depth: number; oldestAgeMs: number } {
    const ids = [...this.#components.discarded().keys()]
    return {
      depth: ids.length,
      oldestAgeMs: ids.reduce((oldest, id) => Math.max(oldest, this.#ageMs(id)), 0),
    }
  }
}
