/** The image cache of this node, for those whom the policy lets see and change it (glance-api.md §10.3). */
import { hasCode } from '../../cluster/errors.ts'
import type { ImageCache } from '../cache/image-cache.ts'
import { ImageError } from '../errors.ts'
import type { CachePart, CacheServicePort, CacheState } from './cache-service-port.ts'
import { ImageGuard } from './image-guard.ts'
import type { ImagePolicy, ImageRule } from './image-policy.ts'
import type { ImageRecord } from './image-record.ts'
import type { ImageRegisters } from './image-registers.ts'
import type { Caller } from './image-requests.ts'

/** What can be done to the cache, by whomever. */
export type CachePort = Pick<
  ImageCache,
  'entries' | 'queue' | 'has' | 'drop' | 'clear' | 'clearQueue' | 'prune'
>

/** What looks after the cache. */
export interface CacheLoop {
  nudge(): void
  requestClean(): void
}

export interface CacheServiceComponents {
  /** null: this node has none. */
  cache: CachePort | null
  policy: ImagePolicy
  registers: Pick<ImageRegisters, 'read'>
  keeper: CacheLoop | null
  /** Of the image APIs of the nodes that have an image in their caches. */
  urlsWith: (imageId: string) => Promise<string[]>
}

export class CacheService implements CacheServicePort {
  readonly #components: CacheServiceComponents
  readonly #guard: ImageGuard

  constructor(components: CacheServiceComponents) {
    this.#components = components
    const { policy, registers } = components
    this.#guard = new ImageGuard({ policy, read: (id) => registers.read(id) })
  }

  list(caller: Caller): CacheState {
    return stateOf(this.#cacheFor(caller, 'cache_list'))
  }

  async queue(caller: Caller, imageId: string): Promise<void> {
    const image = await this.#visible(caller, imageId)
    const cache = this.#cacheFor(caller, 'cache_image', image)
    if (image.status !== 'active')
      throw new ImageError('INVALID', 'Only images with status active can be targeted for queueing')
    if (!cache.has(imageId)) await cache.queue.add(imageId)
    this.#components.keeper?.nudge()
  }

  async remove(caller: Caller, imageId: string): Promise<void> {
    const image = await this.#visible(caller, imageId).catch((error: unknown) => {
      if (!hasCode(error, 'NOT_FOUND') || !this.#isHere(imageId)) throw error
      return null
    })
    const cache = this.#cacheFor(caller, 'cache_delete', image)
    await cache.drop(imageId)
    await cache.queue.remove(imageId)
  }

  async clear(caller: Caller, parts: () => readonly CachePart[]): Promise<void> {
    const cache = this.#cacheFor(caller, 'cache_delete')
    for (const part of parts()) await clearPart(cache, part)
  }

  clean(caller: Caller): void {
    this.#cacheFor(caller, 'cache_clean')
    this.#components.keeper?.requestClean()
  }

  prune(caller: Caller): Promise<{ files: number; bytes: number }> {
    return this.#cacheFor(caller, 'cache_prune').prune()
  }

  async nodesWith(caller: Caller, imageId: string): Promise<string[]> {
    const image = await this.#visible(caller, imageId)
    this.#cacheFor(caller, 'list_cached_nodes', image)
    return this.#components.urlsWith(imageId)
  }

  legacyList(caller: Caller): CacheState {
    return stateOf(this.#cacheFor(caller, 'manage_image_cache'))
  }

  async legacyQueue(caller: Caller, imageId: string): Promise<void> {
    const cache = this.#cacheFor(caller, 'manage_image_cache')
    if (!cache.has(imageId)) await cache.queue.add(imageId)
    this.#components.keeper?.nudge()
  }

  async legacyRemove(caller: Caller, part: CachePart, imageId: string): Promise<void> {
    const cache = this.#cacheFor(caller, 'manage_image_cache')
    await (part === 'cache' ? cache.drop(imageId) : cache.queue.remove(imageId))
  }

  async legacyClear(caller: Caller, part: CachePart): Promise<number> {
    return clearPart(this.#cacheFor(caller, 'manage_image_cache'), part)
  }

  async #visible(caller: Caller, imageId: string): Promise<ImageRecord> {
    return this.#guard.visible(caller, imageId, await this.#components.registers.read(imageId))
  }

  #isHere(imageId: string): boolean {
    const { cache } = this.#components
    return cache !== null && (cache.has(imageId) || cache.queue.has(imageId))
  }

  /** Glance asks for the right first. */
  #cacheFor(caller: Caller, rule: ImageRule, image: ImageRecord | null = null): CachePort {
    if (image) this.#guard.requireOn(image, caller, rule)
    else this.#guard.require(rule, caller, () => null)
    const { cache } = this.#components
    if (!cache) throw new ImageError('NOT_FOUND', 'Caching via API is not supported at this site.')
    return cache
  }
}

/** As callers see it. */
export function stateOf({ entries, queue }: CachePort): CacheState {
  const cached = entries.map(({ imageId, hits, sizeBytes, lastAccessedMs, cachedAtMs }) => ({
    imageId,
    hits,
    sizeBytes,
    lastAccessedMs,
    cachedAtMs,
  }))
  return { cached, queued: queue.all }
}

/** Answers how many there were. */
export function clearPart(cache: CachePort, part: CachePart): Promise<number> {
  return part === 'cache' ? cache.clear() : cache.clearQueue()
}
