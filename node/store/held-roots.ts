/** The manifests of which this node holds everything: in memory for each request, in rows for the next start. */
import type { ChunkHash } from '../../cluster/transfer/local-chunks.ts'
import { heldRootRows } from './chunk-rows.ts'
import type { Database, WriteOp } from './database.ts'
import { Table } from './table.ts'

export class HeldRoots {
  readonly #database: Database
  readonly #rows: Table<ChunkHash, null>
  readonly #held = new Set<ChunkHash>()
  /** Of each root, how often something of it was found damaged since the start; bounded by the damage. */
  readonly #damages = new Map<ChunkHash, number>()

  constructor(database: Database) {
    this.#database = database
    this.#rows = new Table(database, heldRootRows)
  }

  async load(): Promise<void> {
    for await (const root of this.#rows.keys()) this.#held.add(root)
  }

  has(root: ChunkHash): boolean {
    return this.#held.has(root)
  }

  all(): ChunkHash[] {
    return [...this.#held]
  }

  /**
   * Resolves when durable. Memory changes at once, in the order of the calls, as the rows do: a mark that is dropped
   * while it is being written stays dropped.
   */
  async set(root: ChunkHash, held: boolean): Promise<void> {
    if (this.#held.has(root) === held) return
    if (held) this.#held.add(root)
    else this.#held.delete(root)
    await this.#database.write([held ? this.#rows.put(root, null) : this.#rows.del(root)])
  }

  /** How often something of a root was found damaged since the start. */
  damagesOf(root: ChunkHash): number {
    return this.#damages.get(root) ?? 0
  }

  /** Drops marks that are not true any more; answers the operations for the caller's batch. */
  unmark(roots: readonly ChunkHash[]): WriteOp[] {
    for (const root of roots) this.#damages.set(root, this.damagesOf(root) + 1)
    return roots.filter((root) => this.#held.delete(root)).map((root) => this.#rows.del(root))
  }
}
