/** Makes the loop that heals damaged chunks. */
import type { Cluster } from '../../cluster/cluster.ts'
import { placedNodes } from '../../cluster/placement/placement-policy.ts'
import type { CurrentConfig } from '../../cluster/register/current-config.ts'
import { systemClock as clock, systemRandom as random, type Log } from '../../cluster/runtime.ts'
import type { ImageIndex } from '../images/image-index.ts'
import { storedData } from '../images/image-record.ts'
import { Healer } from '../loops/healer.ts'
import type { Store } from '../store/store.ts'

export interface HealerParts {
  log: Log
  store: Store
  index: ImageIndex
  cluster: Cluster
  currentConfig: CurrentConfig
  /** Has the updater look at an image. */
  reconcile: (imageId: string) => void
}

export function buildHealer({ log, store, index, cluster, currentConfig, reconcile }: HealerParts): Healer {
  return new Healer({
    clock,
    random,
    log,
    chunks: store.chunks,
    fetcher: cluster.fetcher,
    imagesWithRoot: (root) => store.registers.imagesWithRoot(root),
    placed: (id) => {
      const image = index.get(id)
      const [stored] = image ? storedData(image) : []
      return placedNodes(currentConfig.current(), id, stored?.copies ?? null)
    },
    reconcile,
    caughtUp: () => cluster.registers.caughtUp,
  })
}
