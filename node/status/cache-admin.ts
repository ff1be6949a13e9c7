/** What operators see of and do to the image caches of all nodes, behind the operator port of any of them. */
import { ClusterError, SeracError } from '../../cluster/errors.ts'
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import type { CacheFigures } from '../cache/image-cache.ts'
import { ImageError } from '../errors.ts'
import { clearPart, stateOf, type CacheLoop, type CachePort } from '../images/cache-service.ts'
import type { CachedImage, CachePart } from '../images/cache-service-port.ts'
import type { EventLog } from './event-log.ts'
import type { StatusQuestions } from './status-questions.ts'

export const CACHE_ACTIONS = ['queue', 'delete', 'clear', 'prune', 'clean'] as const
export type CacheAction = (typeof CACHE_ACTIONS)[number]
export const CACHE_PARTS = ['cache', 'queue'] as const

/** `imageId` for queue and delete; `part`, null = both, for clear. */
export interface CacheChange {
  action: CacheAction
  imageId: string | null
  part: CachePart | null
}

/** A node that has no cache. */
const NONE = { figures: null, images: [], queued: [] }

export interface NodeCache {
  /** null: it has none. */
  figures: CacheFigures | null
  images: CachedImage[]
  queued: string[]
}

export interface CacheDocument {
  /** `cache` is null when the node does not answer. */
  nodes: { node: NodeId; api: string | null; cache: NodeCache | null }[]
}

export interface CacheOutcome {
  /** Those that were asked. `changed` counts images; error: why it was not done. */
  nodes: { node: NodeId; changed: number; error: string | null }[]
}

export interface CacheAdminComponents {
  self: NodeId
  apiUrl: string
  cache: (CachePort & { readonly figures: CacheFigures }) | null
  keeper: CacheLoop | null
  /** Whether there is an active image of an id. */
  isActive: (imageId: string) => Promise<boolean>
  members: () => readonly NodeId[]
  questions: StatusQuestions
  events: Pick<EventLog, 'note'>
}

export class CacheAdmin {
  readonly #components: CacheAdminComponents

  constructor(components: CacheAdminComponents) {
    this.#components = components
    const { apiUrl, questions } = components
    questions.on('cache', async (args) =>
      args === null ? { api: apiUrl, ...this.#own() } : this.#changeOwn(decodeChange(args)),
    )
  }

  async describe(): Promise<CacheDocument> {
    const members = this.#components.members()
    const answers = await this.#components.questions.askAll(members, 'cache', decodeNodeCache)
    return {
      nodes: members.map((node) => {
        const { api = null, ...cache } = answers.get(node) ?? {}
        return { node, api, cache: answers.has(node) ? { ...NONE, ...cache } : null }
      }),
    }
  }

  /** URLs of the image APIs of the nodes that have an image in their caches. */
  async urlsWith(imageId: string): Promise<string[]> {
    const { nodes } = await this.describe()
    return nodes.flatMap(({ api, cache }) =>
      api !== null && cache?.images.some((image) => image.imageId === imageId) ? [api] : [],
    )
  }

  /**
   * At one node, or at every one that has a cache. Throws NOT_FOUND for a node or an image that there is not; CONFLICT where
   * there is no cache; INVALID for what does not belong together.
   */
  async change(change: CacheChange, node: NodeId | null): Promise<CacheOutcome> {
    const { members, isActive, events, self } = this.#components
    requireSound(change)
    if (node !== null && !members().includes(node))
      throw new ImageError('NOT_FOUND', `Node ${node} is no member of this cluster.`)
    if (change.action === 'queue' && !(await isActive(change.imageId!)))
      throw new ImageError('NOT_FOUND', `There is no active image ${change.imageId}.`)
    const { nodes } = await this.describe()
    const asked = nodes.filter((each) => (node === null ? hasCache(each) : each.node === node))
    if (!asked.some((each) => each.cache === null || hasCache(each)))
      throw new ImageError('CONFLICT', 'There is no image cache: image_cache_dir is not set.')
    const outcome = { nodes: await Promise.all(asked.map((each) => this.#changeAt(each.node, change))) }
    events.note({ kind: 'CACHE_SET', severity: 'info', who: self, text: wordsFor(change) }, { ...change })
    return outcome
  }

  async #changeAt(node: NodeId, change: CacheChange): Promise<CacheOutcome['nodes'][number]> {
    try {
      const answer = await this.#components.questions.ask(node, 'cache', change)
      return { node, changed: decodeChanged(answer), error: null }
    } catch (error) {
      const reason = error instanceof SeracError ? error.message : 'it does not answer'
      return { node, changed: 0, error: reason }
    }
  }

  #own(): NodeCache {
    const { cache } = this.#components
    if (!cache) return NONE
    const { cached: images, queued } = stateOf(cache)
    return { figures: cache.figures, images, queued }
  }

  async #changeOwn({ action, imageId, part }: CacheChange): Promise<{ changed: number }> {
    const { cache, keeper } = this.#components
    if (!cache) throw new ImageError('CONFLICT', 'This node has no image cache.')
    switch (action) {
      case 'queue': {
        const isNew = !cache.has(imageId!) && !cache.queue.has(imageId!)
        if (isNew) await cache.queue.add(imageId!)
        keeper?.nudge()
        return { changed: Number(isNew) }
      }
      case 'delete': {
        const gone = [await cache.drop(imageId!), await cache.queue.remove(imageId!)]
        return { changed: Number(gone.includes(true)) }
      }
      case 'clear': {
        let changed = 0
        for (const each of part === null ? CACHE_PARTS : [part]) changed += await clearPart(cache, each)
        return { changed }
      }
      case 'prune':
        return { changed: (await cache.prune()).files }
      case 'clean':
        keeper?.requestClean()
        return { changed: 0 }
    }
  }
}

function hasCache({ cache }: CacheDocument['nodes'][number]): boolean {
  return cache !== null && cache.figures !== null
}

function requireSound({ action, imageId, part }: CacheChange): void {
  const isOfImage = action === 'queue' || action === 'delete'
  if (isOfImage !== (imageId !== null))
    throw new ImageError('INVALID', isOfImage ? `${action} needs an image.` : `${action} is for all images.`)
  if (part !== null && action !== 'clear') throw new ImageError('INVALID', 'Only clear has a part.')
}

function wordsFor({ action, imageId, part }: CacheChange): string {
  const what =
    imageId === null ? (part === null ? 'the image cache' : `the ${part} of the image cache`) : imageId
  const words: Readonly<Record<CacheAction, string>> = {
    queue: `An operator has queued ${what} for the image cache.`,
    delete: `An operator has taken ${what} out of the image cache.`,
    clear: `An operator has emptied ${what}.`,
    prune: `An operator has pruned ${what}.`,
    clean: `An operator has ${what} read back.`,
  }
  return words[action]
}

/** Throws BAD_FRAME. */
function decodeChange(value: unknown): CacheChange {
  const { action, imageId = null, part = null } = (value ?? {}) as Record<keyof CacheChange, unknown>
  const isSound =
    (CACHE_ACTIONS as readonly unknown[]).includes(action) &&
    (imageId === null || typeof imageId === 'string') &&
    (part === null || (CACHE_PARTS as readonly unknown[]).includes(part))
  if (!isSound) throw new ClusterError('BAD_FRAME', 'a change of a cache is malformed')
  const change = { action, imageId, part } as CacheChange
  requireSound(change)
  return change
}

function decodeChanged(value: unknown): number {
  const { changed } = (value ?? {}) as { changed?: unknown }
  if (typeof changed === 'number') return changed
  throw new ClusterError('BAD_FRAME', 'its release knows no image cache')
}

/** Throws BAD_FRAME: a release that knows no cache answers with its report. */
function decodeNodeCache(value: unknown): NodeCache & { api: string } {
  const { api, figures, images, queued } = (value ?? {}) as Record<'api' | keyof NodeCache, unknown>
  const isSound =
    typeof api === 'string' &&
    (figures === null || isCacheFigures(figures)) &&
    Array.isArray(images) &&
    images.every(isCachedImage) &&
    Array.isArray(queued) &&
    queued.every((id): id is string => typeof id === 'string')
  if (!isSound) throw new ClusterError('BAD_FRAME', 'what a node says of its cache is malformed')
  return { api, figures, images, queued }
}

function isCachedImage(value: unknown): value is CachedImage {
  const { imageId, ...figures } = (value ?? {}) as Partial<CachedImage>
  const { hits, sizeBytes, lastAccessedMs, cachedAtMs } = figures
  return typeof imageId === 'string' && [hits, sizeBytes, lastAccessedMs, cachedAtMs].every(Number.isFinite)
}

export function isCacheFigures(value: unknown): value is CacheFigures {
  const { images, usedBytes, bytesMax, queued, hits, misses, evicted, damaged } = (value ??
    {}) as Partial<CacheFigures>
  return [images, usedBytes, bytesMax, queued, hits, misses, evicted, damaged].every(Number.isFinite)
}
