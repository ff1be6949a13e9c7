/**
 * What a start compares: the index with the segment files.
 *
 * | found | then |
 * |---|---|
 * | a row whose bytes are not there, or that cannot be read | the chunk is lost: it leaves the index, to be pulled again |
 * | a whole record that no row names, behind all others | its row is written again: LevelDB may have lost it |
 * | signs that LevelDB has lost rows | no manifest counts as held until the updater has looked at all of it |
 */
import type { Clock, Log } from '../../cluster/runtime.ts'
import type { ChunkHash } from '../../cluster/transfer/local-chunks.ts'
import type { ChunkClaims } from './chunk-claims.ts'
import type { DamageReason, Location } from './chunk-rows.ts'
import type { Database, WriteOp } from './database.ts'
import type { HeldRoots } from './held-roots.ts'
import type { Quarantine } from './quarantine.ts'
import type { SegmentStore } from './segment-store.ts'
import type { Table } from './table.ts'

export interface IndexCheckComponents {
  database: Database
  segments: SegmentStore
  locations: Table<ChunkHash, Location>
  claims: ChunkClaims
  held: HeldRoots
  quarantine: Quarantine
  clock: Clock
  log: Log
  /** Whether the bytes at a place are those of the chunk. */
  isSound: (hash: ChunkHash, at: Location) => Promise<boolean>
}

export interface IndexFindings {
  /** Chunks that the index named and whose bytes, or row, are gone; claims on chunks whose rows are damaged, found later. */
  lostChunks: number
  /** Segment files that are gone as a whole. */
  lostSegments: number
  /** Chunks that the index did not name any more. */
  rescuedChunks: number
}

interface Lost {
  hash: ChunkHash
  location: Location | null
  reason: DamageReason
}

/** Rows of one batch. */
const BATCH_ROWS = 1024

export class IndexCheck {
  readonly #components: IndexCheckComponents
  #lostChunks = 0
  #rescuedChunks = 0
  #hasDamagedRows = false

  constructor(components: IndexCheckComponents) {
    this.#components = components
  }

  /** Leaves the segment store ready to append. */
  async run(): Promise<IndexFindings> {
    const { segments, database, log } = this.#components
    await this.#dropLost()
    const isTailRead = await this.#rescue()
    await segments.startAppending({ sealsLast: !isTailRead })
    const findings = {
      lostChunks: this.#lostChunks,
      lostSegments: segments.lost.length,
      rescuedChunks: this.#rescuedChunks,
    }
    if (findings.lostChunks > 0) log.error(findings, 'the bytes of chunks are gone; they have left the index')
    if (this.#hasDamagedRows || this.#rescuedChunks > 0 || database.hasLostRecords) await this.#distrust()
    return findings
  }

  async #dropLost(): Promise<void> {
    let batch: Lost[] = []
    for await (const row of this.#components.locations.scan()) {
      const lost = this.#whyLost(row)
      if (!lost) continue
      this.#lostChunks++
      batch.push({ hash: row.key, ...lost })
      if (batch.length < BATCH_ROWS) continue
      await this.#drop(batch)
      batch = []
    }
    await this.#drop(batch)
  }

  #whyLost(row: { damaged: true } | { damaged: false; value: Location }): Omit<Lost, 'hash'> | null {
    if (row.damaged) {
      this.#hasDamagedRows = true
      return { location: null, reason: 'row' }
    }
    return this.#components.segments.adopt(row.value) ? null : { location: row.value, reason: 'lost' }
  }

  async #drop(batch: readonly Lost[]): Promise<void> {
    const { database, locations, quarantine, claims, held, clock } = this.#components
    const operations: WriteOp[] = []
    for (const { hash, location, reason } of batch) {
      const roots = [hash, ...(await claims.rootsOf(hash))]
      operations.push(
        locations.del(hash),
        ...quarantine.add(hash, { location, foundMs: clock.wallMs(), reason }),
        ...held.unmark(roots),
      )
    }
    await database.write(operations)
  }

  /** Answers whether everything that the index does not name could be read. */
  async #rescue(): Promise<boolean> {
    const { segments, locations, log } = this.#components
    try {
      for await (const { hash, length, segment, offset } of segments.unindexed()) {
        if (!locations.has(hash)) await this.#rescueOne(hash, { segment, offset, length })
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EIO') throw error
      log.error({ error: String(error) }, 'a segment cannot be read to its end: the next one is begun')
      return false
    }
    if (this.#rescuedChunks > 0)
      log.error({ chunks: this.#rescuedChunks }, 'the index had lost rows of chunks; they were found again')
    return true
  }

  async #rescueOne(hash: ChunkHash, at: Location): Promise<void> {
    const { database, segments, locations, quarantine, isSound } = this.#components
    // What was torn when the power went is no chunk.
    if (!(await isSound(hash, at))) return
    segments.adopt(at)
    await database.write([locations.put(hash, at), ...quarantine.heal(hash)])
    this.#rescuedChunks++
  }

  async #distrust(): Promise<void> {
    const { database, held, log } = this.#components
    log.error({}, 'the chunk index has lost rows: every image of this node is looked at again')
    await database.write(held.unmark(held.all()))
  }
}
