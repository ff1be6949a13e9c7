/**
 * Makes the chunk index anew from the headers of the segment files, when LevelDB cannot read it. All else in `chunks/`
 * follows: references and held marks are written again by the updater, which finds every chunk in its place; pins of
 * uploads under way are lost, and the reaper's grace covers for them.
 *
 * It is made beside the damaged one and takes its place when it is whole: a crash on the way leads here again.
 */
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { contentHashHex } from '../../cluster/content-hash.ts'
import { hasCode } from '../../cluster/errors.ts'
import type { Log } from '../../cluster/runtime.ts'
import { RECORD_HEADER_BYTES } from '../../cluster/transfer/chunk-buffer.ts'
import type { ChunkHash } from '../../cluster/transfer/local-chunks.ts'
import { locationRows, segmentRows, type Location } from './chunk-rows.ts'
import { Database } from './database.ts'
import { syncDirectory } from './durable-file.ts'
import { segmentNumberOf, SegmentStore } from './segment-store.ts'
import { Table } from './table.ts'

export interface IndexPaths {
  /** The store's. */
  directory: string
  storeUuid: string
}

export const INDEX_DIRECTORY = 'chunks'
export const SEGMENTS_DIRECTORY = 'seg'
/** The one that could not be read, for whoever wants to look at it; the one before it goes. */
const DAMAGED_DIRECTORY = 'chunks.damaged'
const DRAFT_DIRECTORY = 'chunks.draft'
/** Rows of one batch: some 100 KiB. */
const BATCH_ROWS = 1024
/**
 * What LevelDB says of tables that are broken, torn or gone; all else (too many open files, a full disk, no permission) may
 * pass, and the index with it.
 */
const DAMAGE = /corruption|does not exist|no such file|invalid argument|input\/output error/i

/** Whether an index that fails like this is beyond reading. */
export function isIndexDamage(error: unknown): boolean {
  const { code, message } = error as { code?: string; message?: string }
  if (code?.startsWith('LEVEL_')) return DAMAGE.test(message ?? '')
  if (!hasCode(error, 'DATABASE_UNREADABLE')) return false
  return DAMAGE.test(message ?? '') || (error as { cause?: { code?: string } }).cause?.code === 'ENOENT'
}

/** Answers how many records it found. Throws SEGMENTS_MISSING, DATABASE_UNREADABLE. */
export async function rebuildIndex({ directory, storeUuid }: IndexPaths, log: Log): Promise<number> {
  const [index, draft] = [join(directory, INDEX_DIRECTORY), join(directory, DRAFT_DIRECTORY)]
  await rm(draft, { recursive: true, force: true })
  await mkdir(draft)
  const found = await writeDraft(draft, { directory, storeUuid }, log)
  const damaged = join(directory, DAMAGED_DIRECTORY)
  await rm(damaged, { recursive: true, force: true })
  await rename(index, damaged).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  })
  await rename(draft, index)
  await syncDirectory(directory)
  return found
}

async function writeDraft(draft: string, paths: IndexPaths, log: Log): Promise<number> {
  const database = await Database.open(draft, { createIfMissing: true })
  try {
    const segmentsPath = join(paths.directory, SEGMENTS_DIRECTORY)
    const numbers = await noteSegments(database, segmentsPath)
    const components = { directory: segmentsPath, database, storeUuid: paths.storeUuid }
    const segments = await SegmentStore.open(components)
    try {
      let found = 0
      for (const [i, number] of numbers.entries()) {
        found += await indexSegment(database, segments, number)
        log.warn({ segments: i + 1, of: numbers.length, found }, 'the chunk index is made anew')
      }
      return found
    } finally {
      await segments.close()
    }
  } finally {
    await database.close()
  }
}

/** Every segment file that is there, as one that nothing is appended to any more. */
async function noteSegments(database: Database, segmentsPath: string): Promise<number[]> {
  const rows = new Table(database, segmentRows)
  const numbers = (await readdir(segmentsPath)).flatMap((name) => segmentNumberOf(name) ?? [])
  await database.write(numbers.map((number) => rows.put(number, { sealed: true })))
  return numbers.toSorted((a, b) => a - b)
}

async function indexSegment(database: Database, segments: SegmentStore, number: number): Promise<number> {
  const locations = new Table(database, locationRows)
  const draft = new Map<ChunkHash, Location>()
  const write = async () => {
    await database.write([...draft].map(([hash, location]) => locations.put(hash, location)))
    draft.clear()
  }
  let found = 0
  for await (const { hash, offset, length } of segments.records(number)) {
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

async function isSound(segments: SegmentStore, hash: ChunkHash, { segment, offset, length }: Location) {
  const bytes = Buffer.allocUnsafe(length)
  const filled = await segments.read(segment, offset + RECORD_HEADER_BYTES, bytes)
  return filled === length && contentHashHex(bytes) === hash
}
