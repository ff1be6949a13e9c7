/** Reads a manifest: finds the chunks of a byte range, loading no page that the range does not need. */
import { ClusterError } from '../../cluster/errors.ts'
import type { ChunkHash } from '../../cluster/transfer/local-chunks.ts'
import {
  chunkLength,
  decodePage,
  ENTRIES_PER_PAGE,
  type ManifestEntry,
  type ManifestPage,
} from './manifest-page.ts'

/** Delivers a page's verified bytes, in memory that stays as it is. */
export type LoadPage = (hash: ChunkHash, signal: AbortSignal) => Promise<Buffer>

/** One chunk, cut to the range asked for. */
export interface ChunkSlice {
  /** null = a chunk of zeros. */
  hash: ManifestEntry
  /** First byte within the chunk. */
  from: number
  /** Behind the last byte. */
  to: number
}

interface PlacedPage {
  page: ManifestPage
  /** Index within the image of the page's first chunk. */
  first: number
}

export class Manifest {
  readonly #root: ManifestPage
  readonly #load: LoadPage

  private constructor(root: ManifestPage, load: LoadPage) {
    this.#root = root
    this.#load = load
  }

  /** Throws what `load` throws, and CORRUPT_VALUE. */
  static async open(root: ChunkHash, load: LoadPage, signal: AbortSignal): Promise<Manifest> {
    return new Manifest(decodePage(await load(root, signal)), load)
  }

  get sizeBytes(): number {
    return this.#root.sizeBytes
  }

  get chunkSizeBytes(): number {
    return this.#root.chunkSizeBytes
  }

  /** The pages below the root. */
  get leaves(): ChunkHash[] {
    return this.#root.level === 1 ? [...present(this.#root.entries)] : []
  }

  /** The chunks of the bytes `start` to `end` (inclusive), in order. The range must lie within the image. */
  async *slices(start: number, end: number, signal: AbortSignal): AsyncGenerator<ChunkSlice> {
    if (start < 0 || end >= this.sizeBytes)
      throw new RangeError(`no bytes ${start}-${end} in ${this.sizeBytes}`)
    const size = this.chunkSizeBytes
    const pages = this.#pages(Math.floor(start / size), Math.floor(end / size), signal)
    for await (const { page, first } of pages) {
      yield* slicesOfPage(page, start - first * size, end - first * size)
    }
  }

  /** Every stored chunk and page but the root, each as often as it occurs: what references must name. */
  async *hashes(signal: AbortSignal): AsyncGenerator<ChunkHash> {
    if (this.#root.level === 1) yield* present(this.#root.entries)
    for await (const { page } of this.#pages(0, Infinity, signal)) yield* present(page.entries)
  }

  /** The pages of level 0 that hold the chunks `firstChunk` to `lastChunk`. */
  async *#pages(firstChunk: number, lastChunk: number, signal: AbortSignal): AsyncGenerator<PlacedPage> {
    if (this.#root.level === 0) {
      yield { page: this.#root, first: 0 }
      return
    }
    const begin = Math.floor(firstChunk / ENTRIES_PER_PAGE)
    const end = Math.min(this.#root.entries.length, Math.floor(lastChunk / ENTRIES_PER_PAGE) + 1)
    for (let index = begin; index < end; index++) {
      yield { page: await this.#loadLeaf(index, signal), first: index * ENTRIES_PER_PAGE }
    }
  }

  async #loadLeaf(index: number, signal: AbortSignal): Promise<ManifestPage> {
    const { sizeBytes, chunkSizeBytes, entries } = this.#root
    const page = decodePage(await this.#load(entries[index] ?? '', signal))
    const pageBytes = ENTRIES_PER_PAGE * chunkSizeBytes
    const fits =
      page.level === 0 &&
      page.chunkSizeBytes === chunkSizeBytes &&
      page.sizeBytes === Math.min(pageBytes, sizeBytes - index * pageBytes)
    if (fits) return page
    throw new ClusterError('CORRUPT_VALUE', 'a manifest page does not belong in its place', { index })
  }
}

/** `start` and `end` count from the page's first byte and may lie outside it. */
function* slicesOfPage(page: ManifestPage, start: number, end: number): Generator<ChunkSlice> {
  const size = page.chunkSizeBytes
  const first = Math.max(0, Math.floor(start / size))
  const last = Math.min(page.entries.length - 1, Math.floor(end / size))
  for (let index = first; index <= last; index++) {
    const from = Math.max(0, start - index * size)
    const to = Math.min(chunkLength(index, page), end + 1 - index * size)
    yield { hash: page.entries[index] ?? null, from, to }
  }
}

function* present(entries: readonly ManifestEntry[]): Generator<ChunkHash> {
  for (const hash of entries) if (hash !== null) yield hash
}
