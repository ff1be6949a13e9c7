/**
 * Who wants which chunk, for all chunks in one pass: locations, references and pins are each kept in the order of the
 * chunks' hashes, so they are merged and nothing is looked up.
 */
import type { ChunkHash } from '../../cluster/transfer/local-chunks.ts'
import type { PinKey, ReferenceKey } from './chunk-rows.ts'

/** A chunk that is here or referenced, as one look at the index showed it. */
export interface WalkedChunk {
  hash: ChunkHash
  /** Whether the index names its place. */
  isHere: boolean
  isReferenced: boolean
  isPinned: boolean
  /** Whether it is the manifest of an image that has references here. */
  isRoot: boolean
  /** It is not here, though a manifest of which everything should be here wants it. */
  isMissed: boolean
}

export interface ClaimKeys {
  locations: AsyncIterable<ChunkHash>
  references: AsyncIterable<ReferenceKey>
  pins: AsyncIterable<PinKey>
}

/** The rows of one key space, walked along. */
class Cursor<T> {
  readonly #rows: AsyncIterator<T>
  readonly #hashOf: (row: T) => ChunkHash
  #row: T | null = null

  constructor(rows: AsyncIterable<T>, hashOf: (row: T) => ChunkHash) {
    this.#rows = rows[Symbol.asyncIterator]()
    this.#hashOf = hashOf
  }

  /** Of the next row; null at the end. */
  get hash(): ChunkHash | null {
    return this.#row === null ? null : this.#hashOf(this.#row)
  }

  async step(): Promise<void> {
    const next = await this.#rows.next()
    this.#row = next.done ? null : next.value
  }

  /** Passes over the rows before `hash`, then tells each of it; answers whether there was one. */
  async pass(hash: ChunkHash, onRow: (row: T) => void = () => {}): Promise<boolean> {
    let isFound = false
    for (; this.#row !== null && this.#hashOf(this.#row) <= hash; await this.step()) {
      if (this.#hashOf(this.#row) !== hash) continue
      isFound = true
      onRow(this.#row)
    }
    return isFound
  }

  async close(): Promise<void> {
    await this.#rows.return?.()
  }
}

/**
 * In the order of the hashes. Each key space is seen as it was when its first row was read. `isHeld`: whether everything of a
 * manifest should be here.
 */
export async function* walkClaims(
  keys: ClaimKeys,
  isHeld: (root: ChunkHash) => boolean,
): AsyncGenerator<WalkedChunk> {
  const locations = new Cursor(keys.locations, (hash) => hash)
  const references = new Cursor(keys.references, ({ hash }) => hash)
  const pins = new Cursor(keys.pins, ({ hash }) => hash)
  const cursors = [locations, references, pins]
  try {
    for (const cursor of cursors) await cursor.step()
    for (;;) {
      const hash = lesser(locations.hash, references.hash)
      if (hash === null) return
      let isRoot = false
      let isMissed = false
      const isHere = await locations.pass(hash)
      const isReferenced = await references.pass(hash, ({ root }) => {
        isRoot ||= root === hash
        isMissed ||= !isHere && isHeld(root)
      })
      yield { hash, isHere, isReferenced, isPinned: await pins.pass(hash), isRoot, isMissed }
    }
  } finally {
    for (const cursor of cursors) await cursor.close()
  }
}

function lesser(a: ChunkHash | null, b: ChunkHash | null): ChunkHash | null {
  if (a === null || b === null) return a ?? b
  return a < b ? a : b
}
