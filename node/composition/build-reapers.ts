/** Makes the loops that give disk space back (architecture §6). */
import type { Registers } from '../../cluster/register/registers.ts'
import { systemClock as clock, type Log } from '../../cluster/runtime.ts'
import type { SeracConfig } from '../config/options.ts'
import type { ImageHolder } from '../data/image-holder.ts'
import type { ImageIndex } from '../images/image-index.ts'
import { ChunkReaper } from '../loops/chunk-reaper.ts'
import { ClaimReaper } from '../loops/claim-reaper.ts'
import type { Loop } from '../loops/loop.ts'
import { segmentReaper } from '../loops/segment-reaper.ts'
import type { Store } from '../store/store.ts'

export interface ReaperParts {
  config: SeracConfig
  log: Log
  store: Store
  index: ImageIndex
  registers: Pick<Registers, 'caughtUp' | 'freshen'>
  holder: ImageHolder
  /** Has the updater look at an image. */
  reconcile: (imageId: string) => void
}

export function buildReapers(parts: ReaperParts): { chunks: ChunkReaper; segments: Loop } {
  const { config, log, store, index, registers, holder, reconcile } = parts
  const mayRun = () => registers.caughtUp && store.failure === null
  const claims = new ClaimReaper({
    log,
    chunks: store.chunks,
    holder,
    liveImages: () => index.rows(),
    freshen: () => registers.freshen(),
    isRootLearned: async (root) => (await store.registers.imagesWithRoot(root)).length > 0,
    reconcile,
  })
  const options = { graceMs: config.store.reclaimGrace }
  return {
    chunks: new ChunkReaper({ clock, log, chunks: store.chunks, claims, mayRun }, options),
    segments: segmentReaper({ clock, log, compactor: store.compactor, mayRun }),
  }
}
