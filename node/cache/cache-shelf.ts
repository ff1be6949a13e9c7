/** What is in the cache, the longest unused first, and how much room it takes. Pure: the files are the business of others. */
import { fileBytesOf, type CacheHead, type CacheUse } from './cache-file.ts'

export interface CacheEntry extends CacheHead, CacheUse {
  /** Name of its file. */
  file: string
  /** Wall time at which it came. */
  cachedAtMs: number
}

export class CacheShelf {
  readonly #bytesMax: number
  /** By image, in the order of their last use. */
  readonly #entries = new Map<string, CacheEntry>()
  #entryBytes = 0
  #takenBytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** Of entries and of what is being filled. */
  get usedBytes(): number {
    return this.#entryBytes + this.#takenBytes
  }

  get size(): number {
    return this.#entries.size
  }

  all(): CacheEntry[] {
    return [...this.#entries.values()]
  }

  get(imageId: string): CacheEntry | undefined {
    return this.#entries.get(imageId)
  }

  /** Counts a hit. */
  touch(entry: CacheEntry, nowMs: number): void {
    entry.hits++
    entry.lastAccessedMs = nowMs
    if (this.#entries.get(entry.imageId) !== entry) return
    this.#entries.delete(entry.imageId)
    this.#entries.set(entry.imageId, entry)
  }

  /** As the one used last. Answers the one whose place it takes, if there was one. */
  add(entry: CacheEntry): CacheEntry | null {
    const before = this.remove(entry.imageId)
    this.#entries.set(entry.imageId, entry)
    this.#entryBytes += fileBytesOf(entry)
    return before
  }

  remove(imageId: string): CacheEntry | null {
    const entry = this.#entries.get(imageId)
    if (!entry) return null
    this.#entries.delete(imageId)
    this.#entryBytes -= fileBytesOf(entry)
    return entry
  }

  /** Whether an image of which `bytes` are to be kept could ever have room. */
  hasRoomFor(bytes: number): boolean {
    return bytes <= this.#bytesMax
  }

  /**
   * Takes room for what is being filled, and answers whose it was: their files must go before it is used. Null, and nobody
   * has lost anything, when what others fill leaves none.
   */
  take(bytes: number): CacheEntry[] | null {
    if (this.#takenBytes + bytes > this.#bytesMax) return null
    this.#takenBytes += bytes
    return this.prune()
  }

  giveBack(bytes: number): void {
    this.#takenBytes -= bytes
  }

  /** Takes the longest unused out until all is within the limit. Answers them. */
  prune(): CacheEntry[] {
    const out: CacheEntry[] = []
    for (const { imageId } of this.#entries.values()) {
      if (this.usedBytes <= this.#bytesMax) break
      out.push(this.remove(imageId)!)
    }
    return out
  }
}
