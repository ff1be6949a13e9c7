/** The chunks that were found damaged here and are not healed yet; their number is bounded. */
import type { ChunkHash } from '../../cluster/transfer/local-chunks.ts'
import { quarantineRows, type QuarantineRow } from './chunk-rows.ts'
import type { Database, WriteOp } from './database.ts'
import { Table } from './table.ts'

export interface DamageCounts {
  /** Chunks found damaged since this node started. */
  found: number
  /** Damaged chunks stored anew since this node started. */
  healed: number
  /** Damaged chunks not healed yet, whenever they were found. */
  quarantined: number
}

/** A row tells where to look for the cause, and 10 000 tell it: more would only be a burden on a dying disk. */
const ROWS_MAX = 10_000

export class Quarantine {
  readonly #rows: Table<ChunkHash, QuarantineRow>
  readonly #rowsMax: number
  /** In the order of their finding. */
  readonly #hashes = new Set<ChunkHash>()
  #found = 0
  #healed = 0

  constructor(database: Database, options: { rowsMax?: number } = {}) {
    this.#rows = new Table(database, quarantineRows)
    this.#rowsMax = options.rowsMax ?? ROWS_MAX
  }

  async load(): Promise<void> {
    const found: { hash: ChunkHash; foundMs: number }[] = []
    for await (const row of this.#rows.scan())
      found.push({ hash: row.key, foundMs: row.damaged ? 0 : row.value.foundMs })
    for (const { hash } of found.toSorted((a, b) => a.foundMs - b.foundMs)) this.#hashes.add(hash)
  }

  get counts(): DamageCounts {
    return { found: this.#found, healed: this.#healed, quarantined: this.#hashes.size }
  }

  has(hash: ChunkHash): boolean {
    return this.#hashes.has(hash)
  }

  hashes(): ChunkHash[] {
    return [...this.#hashes]
  }

  /** Takes a damaged chunk in; answers the operations for the caller's batch. The oldest row makes room when all are taken. */
  add(hash: ChunkHash, row: QuarantineRow): WriteOp[] {
    this.#found++
    this.#hashes.delete(hash)
    this.#hashes.add(hash)
    const [oldest] = this.#hashes
    const put = this.#rows.put(hash, row)
    return this.#hashes.size > this.#rowsMax && oldest !== undefined ? [put, ...this.drop([oldest])] : [put]
  }

  /** The chunk is stored anew. */
  heal(hash: ChunkHash): WriteOp[] {
    const dropped = this.drop([hash])
    this.#healed += dropped.length
    return dropped
  }

  /** Forgets chunks that nobody waits for any more. */
  drop(hashes: readonly ChunkHash[]): WriteOp[] {
    return hashes.filter((hash) => this.#hashes.delete(hash)).map((hash) => this.#rows.del(hash))
  }
}
