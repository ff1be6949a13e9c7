/**
 * Makes the chunk index anew from the headers of the segment files, when LevelDB cannot read it. All else in `chunks/`
 * follows: references and held marks are written again by the updater, which finds every chunk in its place; pins of
 * uploads under way are lost, and the reaper's grace covers for them.
 */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { contentHashHex } from '../../cluster/content-hash.ts'
import type { Log } from '../../cluster/runtime.ts'
import { RECORD_HEADER_BYTES } from '../../cluster/transfer/chunk-buffer.ts'
import type { ChunkHash } from '../../cluster/transfer/local-chunks.ts'
import { locationRows, segmentRows, type Location } from './chunk-rows.ts'
import { replaceDatabase } from './database-damage.ts'
import type { Database } from './database.ts'
import { segmentNumberOf, SegmentStore } from './segment-store.ts'
import { Table } from './table.ts'

export interface IndexPaths {
  /** The store's. */
  directory: string
  storeUuid: string
}

export const INDEX_DIRECTORY = 'chunks'
export const SEGMENTS_DIRECTORY = 'seg'
/** Rows of one batch: some 100 KiB. */
const BATCH_ROWS = 1024
/** Answers how many records it found. Throws SEGMENTS_MISSING, DATABASE_UNREADABLE. */
export function rebuildIndex(paths: IndexPaths, log: Log): Promise<number> {
  return replaceDatabase(paths.directory, INDEX_DIRECTORY, (database) => fillIndex(database, paths, log))
}

async function fillIndex(database: Database, paths: IndexPaths, log: Log): Promise<number> {
  const segmentsPath = join(paths.directory, SEGMENTS_DIRECTORY)
  const numbers = await noteSegments(database, segmentsPath)
  const place = { directory: segmentsPath, database, storeUuid: paths.storeUuid }
  const segments = await SegmentStore.open(place)
  try {
    let found = 0
    for (const [i, number] of numbers.entries()) {
      found += await indexSegment({ database, segments, log }, number)
      log.warn({ segments: i + 1, of: numbers.length, found }, 'the chunk index is made anew')
    }
    return found
  } finally {
    await segments.close()
  }
}

/** Every segment file that is there, as one that nothing is appended to any more. */
async function noteSegments(database: Database, segmentsPath: string): Promise<number[]> {
  const rows = new Table(database, segmentRows)
  const numbers = (await readdir(segmentsPath)).flatMap((name) => segmentNumberOf(name) ?? [])
  await database.write(numbers.map((number) => rows.put(number, { sealed: true })))
  return numbers.toSorted((a, b) => a - b)
}

async function indexSegment(
  { database, segments, log }: { database: Database; segments: SegmentStore; log: Log },
  number: number,
): Promise<number> {
  const locations = new Table(database, locationRows)
  const draft = new Map<ChunkHash, Location>()
  const write = async () => {
    await database.write([...draft].map(([hash, location]) => locations.put(hash, location)))
    draft.clear()
  }
  let found = 0
  for await (const { hash, offset, length } of readable(segments.records(number), number, log)) {
    found++
    const location = { segment: number, offset, length }
    const isKnown = draft.has(hash) || locations.has(hash)
    // It was written again because it was damaged or on the move; what it replaces may be the better one all the same.
    if (!isKnown || (await isSound(segments, hash, location))) draft.set(hash, location)
    if (draft.size >= BATCH_ROWS) await write()
  }
  await write()
  return found
}

/** Up to a sector that cannot be read: the peers have what lies behind it. */
async function* readable<T>(records: AsyncIterable<T>, segment: number, log: Log): AsyncGenerator<T> {
  try {
    yield* records
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EIO') throw error
    log.error({ segment, error: String(error) }, 'a segment cannot be read to its end')
  }
}

async function isSound(segments: SegmentStore, hash: ChunkHash, { segment, offset, length }: Location) {
  const bytes = Buffer.allocUnsafe(length)
  const filled = await segments.read(segment, offset + RECORD_HEADER_BYTES, bytes).catch(() => 0)
  return filled === length && contentHashHex(bytes) === hash
}
