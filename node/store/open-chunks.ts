/** Opens `chunks/` and `seg/`. An index that LevelDB cannot read is made anew from the segment files. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { hasCode } from '../../cluster/errors.ts'
import { ChunkStore, type ChunkStoreComponents } from './chunk-store.ts'
import { isDatabaseDamage } from './database-damage.ts'
import type { Database } from './database.ts'
import { INDEX_DIRECTORY, rebuildIndex, SEGMENTS_DIRECTORY } from './index-rebuild.ts'
import { openWithRoom } from './open-registers.ts'
import { assertMarker, writeMarker } from './segment-marker.ts'
import { SegmentStore, type SegmentStoreOptions } from './segment-store.ts'

export type ChunksComponents = Omit<ChunkStoreComponents, 'database' | 'segments'>

export interface ChunksOptions extends SegmentStoreOptions {
  directory: string
  storeUuid: string
  /** `serac repair --lost-segments`: an empty `seg/` is taken for the one that is lost. */
  segmentsLost?: boolean
}

export interface OpenChunks {
  index: Database
  segments: SegmentStore
  chunks: ChunkStore
  /** The index was made anew, and names so many records; null: it was there. */
  indexRebuilt: number | null
}

/** Nothing stays open when it fails. Throws SEGMENTS_MISSING, DATABASE_UNREADABLE. */
export async function openChunks(
  components: ChunksComponents,
  options: ChunksOptions,
  { isNew }: { isNew: boolean },
): Promise<OpenChunks> {
  const { directory, storeUuid, segmentsLost } = options
  const { log } = components
  if (segmentsLost) await takeEmptySegments(join(directory, SEGMENTS_DIRECTORY), storeUuid)
  try {
    return { ...(await openOnce(components, options, isNew)), indexRebuilt: null }
  } catch (error) {
    if (isNew || !isDatabaseDamage(error)) throw error
    const why = 'the chunk index cannot be read: it is made anew from the segment files'
    log.error({ error: String(error) }, why)
    const indexRebuilt = await rebuildIndex({ directory, storeUuid }, log)
    return { ...(await openOnce(components, options, isNew)), indexRebuilt }
  }
}

async function openOnce(
  components: ChunksComponents,
  options: ChunksOptions,
  isNew: boolean,
): Promise<Omit<OpenChunks, 'indexRebuilt'>> {
  const { directory, storeUuid } = options
  const index = await openWithRoom(join(directory, INDEX_DIRECTORY), directory, isNew, components.log)
  try {
    const place = { directory: join(directory, SEGMENTS_DIRECTORY), database: index, storeUuid }
    const segments = await SegmentStore.open(place, options)
    try {
      const chunks = await ChunkStore.open({ ...components, database: index, segments })
      return { index, segments, chunks }
    } catch (error) {
      await segments.close()
      throw error
    }
  } catch (error) {
    await index.close()
    throw error
  }
}

/** What the index names and is not there is dropped from it as at every start. Segments of another store are refused. */
async function takeEmptySegments(directory: string, storeUuid: string): Promise<void> {
  await mkdir(directory, { recursive: true })
  await assertMarker(directory, storeUuid).catch((error: unknown) => {
    if (!hasCode(error, 'SEGMENTS_MISSING') || error.fields['isForeign']) throw error
    return writeMarker(directory, storeUuid)
  })
}
