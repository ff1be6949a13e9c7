/** What the façade asks of the image cache of the node that it is part of; node/images/cache-service.ts answers. */
import type { Caller } from './image-requests.ts'

export interface CachedImage {
  imageId: string
  hits: number
  sizeBytes: number
  /** Wall times, ms. */
  lastAccessedMs: number
  cachedAtMs: number
}

export interface CacheState {
  cached: CachedImage[]
  queued: string[]
}

/** What of the cache a request is about. */
export type CachePart = 'cache' | 'queue'

/** Every call throws FORBIDDEN, and NOT_FOUND where this node has no cache. */
export interface CacheServicePort {
  list(caller: Caller): CacheState
  /** Has the image brought. NOT_FOUND; INVALID unless it is active; TOO_LARGE when very many are queued. */
  queue(caller: Caller, imageId: string): Promise<void>
  /** Out of cache and queue. NOT_FOUND unless there is such an image, or was and is here still. */
  remove(caller: Caller, imageId: string): Promise<void>
  /** `parts` is looked at when the caller may, and throws INVALID. */
  clear(caller: Caller, parts: () => readonly CachePart[]): Promise<void>
  /** Everything is read back soon, and what is wrong dropped. */
  clean(caller: Caller): void
  prune(caller: Caller): Promise<{ files: number; bytes: number }>
  /** URLs of the image APIs of the nodes that have an image in their caches. NOT_FOUND. */
  nodesWith(caller: Caller, imageId: string): Promise<string[]>
  /** The calls that were there before, whatever the image is, and one rule for all of them. */
  legacyList(caller: Caller): CacheState
  legacyQueue(caller: Caller, imageId: string): Promise<void>
  legacyRemove(caller: Caller, part: CachePart, imageId: string): Promise<void>
  /** Answers how many there were. */
  legacyClear(caller: Caller, part: CachePart): Promise<number>
}
