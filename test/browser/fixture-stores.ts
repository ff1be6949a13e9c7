/** Stores, imports and image caches that the operator page can be shown in. */
import type { CacheFigures } from '../../node/cache/image-cache.ts'
import type { ClusterStatus, NodeStatus } from '../../node/status/status-types.ts'

/** plain: only the cluster, nothing waits. faulty: a store that no node can use, and one that one node cannot. */
export type FixtureStores = 'plain' | 'several' | 'faulty'

const GIB = 1024 ** 3
const BACKENDS = ['archive', 'ceph', 'shared'] as const
const FAILURES: Readonly<Record<string, readonly (string | null)[]>> = {
  archive: Array.from(
    { length: 3 },
    () => 'The store archive does not answer: connect ECONNREFUSED 10.20.0.40:443.',
  ),
  shared: [null, 'The store shared has no directory now: is it mounted?', null],
}

type StoreCount = NonNullable<ClusterStatus['stores']>[number]

function store(id: string, type: StoreCount['type'], images: number, gib: number, only = images): StoreCount {
  const part = { images: only, bytes: images === 0 ? 0 : Math.round((gib * GIB * only) / images) }
  return { id, type, isDefault: type === 'cluster', images: { images, bytes: gib * GIB }, only: part }
}

export function storesIn(stores: FixtureStores): Pick<ClusterStatus, 'stores' | 'work'> {
  if (stores === 'plain') {
    const tasks = { pending: 0, processing: 0, success: 0, failure: 0 }
    return { stores: [store('cluster', 'cluster', 14, 71)], work: { staged: { images: 0, bytes: 0 }, tasks } }
  }
  const all = [
    store('cluster', 'cluster', 11, 40.4, 7),
    store('archive', 's3', 5, 46.3, 2),
    store('ceph', 'rbd', 3, 6.1, 0),
    store('shared', 'file', 0, 0),
    store('http', 'http', 1, 0.2, 1),
  ]
  const failure = stores === 'faulty' ? 17 : 0
  const tasks = { pending: 2, processing: 4, success: 118, failure }
  return { stores: all, work: { staged: { images: 3, bytes: 9.4 * GIB }, tasks } }
}

/** As node `index` sees them. */
export function seenStores(stores: FixtureStores, index: number): Pick<NodeStatus, 'backends' | 'cache'> {
  if (stores === 'plain') return { backends: [], cache: null }
  const backends = BACKENDS.map((id) => {
    const failure = stores === 'faulty' ? (FAILURES[id]?.[index] ?? null) : null
    return { store: id, failure, marker: failure === null ? `${id}-marker` : null }
  })
  return { backends, cache: cacheOf(stores, index) }
}

/** The first node holds all that there is, and keeps none. */
function cacheOf(stores: FixtureStores, index: number): CacheFigures | null {
  if (index === 0) return null
  const isFaulty = stores === 'faulty' && index === 2
  return {
    images: 31 + index,
    usedBytes: (isFaulty ? 99.8 : 62.5) * GIB,
    bytesMax: 100 * GIB,
    queued: isFaulty ? 6 : 0,
    hits: 9120 - 11 * index,
    misses: isFaulty ? 4100 : 310,
    evicted: isFaulty ? 212 : 0,
    damaged: isFaulty ? 1 : 0,
  }
}
