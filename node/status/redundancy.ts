/** How many full copies each active image has, counted by what the nodes report. */
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import type { ImageRecord } from '../images/image-record.ts'
import type { ClusterStatus } from './status-types.ts'

export interface RedundancyInput {
  /** Active and deactivated images with data. */
  images: Iterable<ImageRecord>
  /** Where each image belongs. */
  placed: (image: ImageRecord) => readonly NodeId[]
  /** Roots held in full, by node; a node that could not be asked is absent. */
  held: ReadonlyMap<NodeId, ReadonlySet<string>>
}

/**
 * Copies outside the placement never make an image full, but it can be read from them. What only silent nodes could answer for is unknown,
 * never full.
 */
export function countRedundancy({
  images,
  placed,
  held,
}: RedundancyInput): NonNullable<ClusterStatus['redundancy']> {
  const counts = { full: 0, underReplicated: 0, unavailable: 0, unknown: 0, copiesMin: null as number | null }
  for (const image of images) {
    const root = image.data?.root
    if (root === undefined) continue
    const nodes = placed(image)
    const silent = nodes.filter((node) => !held.has(node)).length
    const copies = nodes.filter((node) => held.get(node)?.has(root)).length
    counts.copiesMin = Math.min(counts.copiesMin ?? Infinity, copies)
    const isHeldElsewhere = () => [...held.values()].some((roots) => roots.has(root))
    if (copies > 0 && copies === nodes.length) counts.full++
    else if (copies > 0 || isHeldElsewhere()) counts.underReplicated++
    else if (silent > 0) counts.unknown++
    else counts.unavailable++
  }
  return counts
}
