/**
 * `seg/SEGMENTS` says that the directory is the one that the index was written for. `seg/` may be a mount of its own: when
 * that is missing, what is there instead must not be taken for a store that has lost everything.
 */
import { join } from 'node:path'
import { readIfPresent, writeDurably } from './durable-file.ts'
import { StoreError } from './store-error.ts'

export const MARKER_FILE = 'SEGMENTS'

/** Marks a directory as the one of this store. */
export function writeMarker(directory: string, storeUuid: string): Promise<void> {
  return writeDurably(join(directory, MARKER_FILE), `${storeUuid}\n`)
}

/** Throws SEGMENTS_MISSING. */
export async function assertMarker(directory: string, storeUuid: string): Promise<void> {
  const marker = await readIfPresent(join(directory, MARKER_FILE))
  if (marker?.trim() === storeUuid) return
  const message =
    marker === null
      ? `${directory} is not the segment directory of this store: mount the file system that belongs there. If that is ` +
        `lost for good, run "serac repair --lost-segments": the other nodes have its chunks`
      : `${directory} holds the segments of another store: mount the right file system there`
  throw new StoreError('SEGMENTS_MISSING', message, { directory, isForeign: marker !== null })
}
