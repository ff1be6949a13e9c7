/** Makes the pages of a manifest out of its entries, in the order of the image's bytes. */
import { contentHashHex } from '../../cluster/content-hash.ts'
import type { ChunkHash } from '../../cluster/transfer/local-chunks.ts'
import { ENTRIES_PER_PAGE, encodePage, type ManifestEntry } from './manifest-page.ts'

/** A page to be stored like a chunk. */
export interface EncodedPage {
  hash: ChunkHash
  bytes: Buffer
}

export interface ManifestPages {
  root: EncodedPage
  /** The pages that a root of pages names; none where one page holds all entries. */
  leaves: EncodedPage[]
}

export class ManifestBuilder {
  readonly #chunkSizeBytes: number
  readonly #leaves: EncodedPage[] = []
  #entries: ManifestEntry[] = []

  constructor(chunkSizeBytes: number) {
    this.#chunkSizeBytes = chunkSizeBytes
  }

  /** Adds the next chunk of the image. */
  add(entry: ManifestEntry): void {
    // Only when another entry follows is it known that one page is not enough, and that this page's chunks are all full.
    if (this.#entries.length === ENTRIES_PER_PAGE) {
      this.#leaves.push(this.#encode(0, ENTRIES_PER_PAGE * this.#chunkSizeBytes, this.#entries))
      this.#entries = []
    }
    this.#entries.push(entry)
  }

  /** `sizeBytes` is the size of the image. */
  finish(sizeBytes: number): ManifestPages {
    const coveredBytes = this.#leaves.length * ENTRIES_PER_PAGE * this.#chunkSizeBytes
    const last = this.#encode(0, sizeBytes - coveredBytes, this.#entries)
    if (this.#leaves.length === 0) return { root: last, leaves: [] }
    const leaves = [...this.#leaves, last]
    const hashes = leaves.map(({ hash }) => hash)
    return { root: this.#encode(1, sizeBytes, hashes), leaves }
  }

  #encode(level: 0 | 1, sizeBytes: number, entries: ManifestEntry[]): EncodedPage {
    const bytes = encodePage({ level, chunkSizeBytes: this.#chunkSizeBytes, sizeBytes, entries })
    return { hash: contentHashHex(bytes), bytes }
  }
}
