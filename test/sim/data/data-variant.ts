/** Where a test may put something broken into the data path. Each gets the right part and gives the one to use. */
import type { Clock } from '../../../cluster/runtime.ts'
import type { ClaimReaper } from '../../../node/loops/claim-reaper.ts'
import type { ChunkStore } from '../../../node/store/chunk-store.ts'
import type { Database } from '../../../node/store/database.ts'
import type { SegmentStore } from '../../../node/store/segment-store.ts'

export interface ChunkParts {
  database: Database
  segments: SegmentStore
  clock: Clock
}

export interface DataVariant {
  chunks?: (chunks: ChunkStore, parts: ChunkParts) => ChunkStore
  claims?: (claims: ClaimReaper, parts: { chunks: ChunkStore; clock: Clock }) => ClaimReaper
}
