/**
 * The image cache of this node: whole images that it does not hold as a member of the cluster, kept on its disk because they
 * were asked for here. It counts for no copy, no loop of the cluster looks at it, and all of it may vanish at any time.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, open, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock, Log } from '../../cluster/runtime.ts'
import { ChunkBufferPool, SLOT_BYTES } from '../../cluster/transfer/chunk-buffer.ts'
import type { ChunkHasher } from '../../cluster/transfer/chunk-hasher.ts'
import type { OpenImage } from '../data/open-image.ts'
import type { SpaceProbe } from '../store/free-space.ts'
import { fileBytesOf, PIECE_BYTES, readTail, type CacheHead } from './cache-file.ts'
import { CacheFill } from './cache-fill.ts'
import { CacheQueue } from './cache-queue.ts'
import { CacheShelf, type CacheEntry } from './cache-shelf.ts'
import { isSound, readCached, type CachedFile } from './cached-bytes.ts'

export interface ImageCacheComponents {
  clock: Clock
  log: Log
  hasher: ChunkHasher
  /** For downloads. */
  pool: ChunkBufferPool
  /** Of the file system that the directory is on. */
  probe: SpaceProbe
}

export interface ImageCacheOptions {
  /** It has a folder of its own in it. */
  directory: string
  bytesMax: number
  /** What is left free on its file system. */
  freeBytesMin: number
}

export interface CacheFigures {
  images: number
  usedBytes: number
  bytesMax: number
  queued: number
  /** Downloads since the start that came from it, and those that could have. */
  hits: number
  misses: number
  /** Images that had to make room since the start. */
  evicted: number
  /** Images that were found damaged since the start. */
  damaged: number
}

export interface Pruned {
  files: number
  bytes: number
}

/** Others pass by uncached meanwhile: it bounds memory, and what is on the disk twice. */
const FILLS_MAX = 4
const SLOTS_PER_FILL = 2
/** The file system is asked again after so many bytes. */
const ASK_EVERY_BYTES = 64 * 1024 ** 2
/** A disk that does not answer must not keep the node from stopping. */
const STOP_PATIENCE_MS = 5_000
const FOLDER = 'serac-image-cache'
const NONCE_BYTES = 4
const DIRECTORY_MODE = 0o750
/** `IMAGE_ID.NONCE`: a file of its own for each fill, so that to delete one never hits another. */
const FILE_NAME = /^[0-9a-f-]{36}\.[0-9a-f]{8}$/

export class ImageCache {
  readonly queue: CacheQueue
  readonly #components: ImageCacheComponents
  readonly #options: ImageCacheOptions
  readonly #shelf: CacheShelf
  readonly #fills = new Map<string, CacheFill>()
  readonly #fillPool = new ChunkBufferPool(FILLS_MAX * SLOTS_PER_FILL * SLOT_BYTES)
  #askedAfterBytes = ASK_EVERY_BYTES
  #counts = { hits: 0, misses: 0, evicted: 0, damaged: 0 }

  constructor(components: ImageCacheComponents, options: ImageCacheOptions) {
    this.#components = components
    this.#options = options
    this.#shelf = new CacheShelf(options.bytesMax)
    this.queue = new CacheQueue(components.clock, this.#path('queue'))
  }

  /** Finds what is there, and removes what a crash has left. Throws what the disk says. */
  async start(): Promise<void> {
    await rm(this.#path('incomplete'), { recursive: true, force: true })
    for (const name of ['images', 'incomplete', 'queue'])
      await mkdir(this.#path(name), { recursive: true, mode: DIRECTORY_MODE })
    await this.queue.start()
    const found: CacheEntry[] = []
    for (const name of await readdir(this.#path('images'))) {
      if (!FILE_NAME.test(name)) continue
      const entry = await this.#entryOf(name)
      if (entry) found.push(entry)
      else await rm(this.#path('images', name), { force: true })
    }
    for (const entry of found.toSorted((a, b) => a.lastAccessedMs - b.lastAccessedMs))
      await this.#removeFiles(this.#shelf.add(entry))
  }

  /** What is being filled is given up. */
  async stop(): Promise<void> {
    const { clock } = this.#components
    const fills = [...this.#fills.values()].map((fill) => fill.abandon(new Error('the node stops')))
    await Promise.race([
      Promise.all(fills),
      new Promise<void>((resolve) => clock.after(STOP_PATIENCE_MS, resolve)),
    ])
  }

  get figures(): CacheFigures {
    return {
      images: this.#shelf.size,
      usedBytes: this.#shelf.usedBytes,
      bytesMax: this.#options.bytesMax,
      queued: this.queue.all.length,
      ...this.#counts,
    }
  }

  /** The longest unused first. */
  get entries(): readonly Readonly<CacheEntry>[] {
    return this.#shelf.all()
  }

  has(imageId: string): boolean {
    return this.#shelf.get(imageId) !== undefined
  }

  /** What is here of an image. */
  head(imageId: string): CacheHead | null {
    return this.#shelf.get(imageId) ?? null
  }

  /**
   * The image, if it is here with these bytes, and counts that. Its `read` throws CacheDamagedError, at any point, when the file
   * is wrong or has gone: then the rest is to be had elsewhere.
   */
  open({ imageId, identity, sizeBytes }: CacheHead): OpenImage | null {
    const entry = this.#shelf.get(imageId)
    if (entry?.identity !== identity || entry.sizeBytes !== sizeBytes) {
      this.#counts.misses++
      return null
    }
    this.#counts.hits++
    this.#shelf.touch(entry, this.#components.clock.wallMs())
    const file = this.#fileOf(entry)
    return {
      sizeBytes,
      read: (start, end, signal) => readCached(this.#components, file, start, end, signal),
    }
  }

  /** Null: it is here, is being filled, will never fit, or too many others are being filled. */
  beginFill(head: CacheHead): CacheFill | null {
    const { imageId } = head
    const isKnown = this.#fills.has(imageId) || this.#shelf.get(imageId)?.identity === head.identity
    if (isKnown || this.#fills.size >= FILLS_MAX || !this.fits(head)) return null
    const name = `${imageId}.${randomBytes(NONCE_BYTES).toString('hex')}`
    const { clock, hasher } = this.#components
    const fill = new CacheFill(
      {
        clock,
        hasher,
        pool: this.#fillPool,
        take: (bytes) => this.#take(bytes),
        onOver: (error) => this.#onFilled(fill, head, name, error),
      },
      head,
      { draft: this.#path('incomplete', name), file: this.#path('images', name) },
    )
    this.#fills.set(imageId, fill)
    return fill
  }

  /** Whether the whole cache is large enough for it. */
  fits(head: CacheHead): boolean {
    return head.sizeBytes > 0 && this.#shelf.hasRoomFor(fileBytesOf(head))
  }

  /** Takes an image out, also one that is being filled. Answers whether it was there. */
  async drop(imageId: string): Promise<boolean> {
    void this.#fills.get(imageId)?.abandon(new Error('the image was taken out of the cache'))
    const entry = this.#shelf.remove(imageId)
    await this.#removeFiles(entry)
    return entry !== null
  }

  /** There is no such image any more. */
  async forget(imageId: string): Promise<void> {
    await Promise.all([this.drop(imageId), this.queue.remove(imageId)])
  }

  /** Of an image that was found to be wrong. */
  async dropDamaged(imageId: string, why: unknown): Promise<void> {
    if (!(await this.drop(imageId))) return
    this.#counts.damaged++
    this.#components.log.warn(
      { image: imageId, error: String(why) },
      'a cached image was damaged and is dropped',
    )
  }

  /** Answers how many there were. */
  async clear(): Promise<number> {
    const ids = this.#shelf.all().map(({ imageId }) => imageId)
    for (const id of new Set([...ids, ...this.#fills.keys()])) await this.drop(id)
    return ids.length
  }

  async clearQueue(): Promise<number> {
    const ids = this.queue.all
    for (const id of ids) await this.queue.remove(id)
    return ids.length
  }

  /** Back within the limit, if it was lowered. */
  async prune(): Promise<Pruned> {
    const out = this.#shelf.prune()
    await this.#evict(out)
    return { files: out.length, bytes: out.reduce((sum, entry) => sum + fileBytesOf(entry), 0) }
  }

  /** Reads everything back, and drops what is wrong. */
  async clean(signal: AbortSignal): Promise<number> {
    let dropped = 0
    for (const entry of this.#shelf.all()) {
      if (await isSound(this.#components, this.#fileOf(entry), signal)) continue
      if (this.#shelf.get(entry.imageId) !== entry) continue
      await this.dropDamaged(entry.imageId, 'found by reading it back')
      dropped++
    }
    return dropped
  }

  async #entryOf(name: string): Promise<CacheEntry | null> {
    const path = this.#path('images', name)
    try {
      const file = await open(path)
      try {
        const { hashes: _, ...tail } = await readTail(file)
        if (!name.startsWith(`${tail.imageId}.`)) return null
        return { ...tail, file: name, cachedAtMs: (await stat(path)).mtimeMs }
      } finally {
        await file.close()
      }
    } catch (error) {
      this.#components.log.warn(
        { file: name, error: String(error) },
        'a file in the cache is none of its images',
      )
      return null
    }
  }

  #fileOf(entry: CacheEntry): CachedFile {
    return { path: this.#path('images', entry.file), head: entry, use: entry }
  }

  async #take(bytes: number): Promise<void> {
    const out = this.#shelf.take(bytes)
    if (!out) throw new Error('what is being cached at once leaves no room')
    try {
      await this.#evict(out)
      await this.#requireFreeSpace(bytes)
    } catch (error) {
      this.#shelf.giveBack(bytes)
      throw error
    }
  }

  async #requireFreeSpace(bytes: number): Promise<void> {
    this.#askedAfterBytes += bytes
    if (this.#askedAfterBytes < ASK_EVERY_BYTES) return
    const { freeBytes } = await this.#components.probe()
    if (freeBytes - ASK_EVERY_BYTES - FILLS_MAX * PIECE_BYTES < this.#options.freeBytesMin)
      throw new Error('the disk of the cache is full')
    this.#askedAfterBytes = 0
  }

  async #evict(out: readonly CacheEntry[]): Promise<void> {
    this.#counts.evicted += out.length
    await this.#removeFiles(...out)
  }

  #onFilled(fill: CacheFill, head: CacheHead, name: string, error: Error | null): void {
    const { imageId } = head
    const { log, clock } = this.#components
    this.#fills.delete(imageId)
    this.#shelf.giveBack(fill.takenBytes)
    if (error !== null) return log.debug({ image: imageId, error: String(error) }, 'an image was not cached')
    const nowMs = clock.wallMs()
    const entry = { ...head, file: name, hits: 0, lastAccessedMs: nowMs, cachedAtMs: nowMs }
    void this.#removeFiles(this.#shelf.add(entry))
    void this.queue.remove(imageId).catch(() => {})
    log.info({ image: imageId, bytes: head.sizeBytes }, 'an image was cached')
  }

  /** Who reads one of them goes on: the file is open. One that cannot be removed is found at the next start. */
  async #removeFiles(...entries: (CacheEntry | null)[]): Promise<void> {
    for (const entry of entries)
      if (entry) await rm(this.#path('images', entry.file), { force: true }).catch(() => {})
  }

  #path(...names: string[]): string {
    return join(this.#options.directory, FOLDER, ...names)
  }
}
