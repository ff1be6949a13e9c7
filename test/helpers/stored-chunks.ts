/** A stopped node's chunk index: what is here, who wants it, and what the node says that it holds. */
import { join } from 'node:path'
import type { ChunkHash } from '../../cluster/transfer/local-chunks.ts'
import {
  heldRootRows,
  locationRows,
  pinRows,
  referenceRows,
  uploadPinRows,
} from '../../node/store/chunk-rows.ts'
import { Database } from '../../node/store/database.ts'
import { Table } from '../../node/store/table.ts'
import { allOf } from './all-of.ts'

export interface StoredChunks {
  located: ReadonlySet<ChunkHash>
  held: ReadonlySet<ChunkHash>
  /** By manifest root. */
  references: ReadonlyMap<ChunkHash, ReadonlySet<ChunkHash>>
  /** Rows, of both ways from upload to chunk. */
  pins: number
}

/** What an image consists of. */
export interface ImageChunks {
  root: ChunkHash
  /** Each once, the root included. */
  hashes: ReadonlySet<ChunkHash>
}

/** `nodeDirectory` is the state_path; its node must not run. */
export async function storedChunks(nodeDirectory: string): Promise<StoredChunks> {
  const database = await Database.open(join(nodeDirectory, 'chunks'), { createIfMissing: false })
  try {
    return await chunksIn(database)
  } finally {
    await database.close()
  }
}

/** The same of an open chunk index. */
export async function chunksIn(database: Database): Promise<StoredChunks> {
  const references = new Map<ChunkHash, Set<ChunkHash>>()
  for await (const { hash, root } of new Table(database, referenceRows).keys())
    references.set(root, (references.get(root) ?? new Set()).add(hash))
  const pins = await allOf(new Table(database, pinRows).keys())
  const uploadPins = await allOf(new Table(database, uploadPinRows).keys())
  return {
    located: new Set(await allOf(new Table(database, locationRows).keys())),
    held: new Set(await allOf(new Table(database, heldRootRows).keys())),
    references,
    pins: pins.length + uploadPins.length,
  }
}

/** What is wrong with a node that should hold exactly `images`, one sentence each. */
export function judgeStored(stored: StoredChunks, images: readonly ImageChunks[]): string[] {
  const wrong: string[] = []
  const wanted = new Set<ChunkHash>()
  for (const { root, hashes } of images) {
    for (const hash of hashes) wanted.add(hash)
    const lacking = [...hashes].filter((hash) => !stored.located.has(hash))
    const unclaimed = [...hashes].filter((hash) => !stored.references.get(root)?.has(hash))
    if (!stored.held.has(root)) wrong.push(`image ${root} is not held`)
    if (lacking.length > 0) wrong.push(`image ${root} lacks ${lacking.length} chunks: ${lacking.join(', ')}`)
    if (unclaimed.length > 0) wrong.push(`image ${root} lacks references: ${unclaimed.join(', ')}`)
  }
  const roots = new Set(images.map(({ root }) => root))
  const leaked = [...stored.located].filter((hash) => !wanted.has(hash))
  const forgotten = [...stored.references.keys()].filter((root) => !roots.has(root))
  if (leaked.length > 0) wrong.push(`chunks that nobody wants are left: ${leaked.join(', ')}`)
  if (forgotten.length > 0) wrong.push(`references of no image are left: ${forgotten.join(', ')}`)
  if (stored.pins > 0) wrong.push(`${stored.pins} rows of pins are left`)
  return wrong
}
