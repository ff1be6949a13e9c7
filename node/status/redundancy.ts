/** How many full copies each active image has, counted by what the nodes report. */
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import type { ImageRecord } from '../images/image-record.ts'
import { addImage, noImages } from './image-sum.ts'
import type { ClusterStatus } from './status-types.ts'

export interface RedundancyInput {
  /** Active and deactivated images with data. */
  images: readonly ImageRecord[]
  /** Where each image belongs now: the placement, with others in place of nodes that are out. */
  placed: (image: ImageRecord) => readonly NodeId[]
  /** Roots held in full, by node; a node that could not be asked, or has not caught up, is absent. */
  held: ReadonlyMap<NodeId, ReadonlySet<string>>
  /** The failure domain of each node that holds images, or is drained of them. */
  zones: ReadonlyMap<NodeId, string>
  /** Nodes that give their copies away: until such a copy goes, it counts as the one that takes its place. */
  drained?: ReadonlySet<NodeId>
  /** Called between images, so that a look at 100 000 of them leaves room for others. */
  pause?: () => Promise<void>
}

const NOBODY: ReadonlySet<NodeId> = new Set()

type Counts = NonNullable<ClusterStatus['redundancy']>

/**
 * Copies outside the placement never make an image full, but it can be read from them. What only silent nodes could answer
 * for is unknown, never full.
 */
export async function countRedundancy(input: RedundancyInput): Promise<Counts> {
  const counts: Counts = {
    full: 0,
    underReplicated: 0,
    unavailable: 0,
    unknown: 0,
    copiesMin: null,
    misplaced: 0,
    oneZone: 0,
    toCopy: noImages(),
    onlyOn: {},
    onDrained: Object.fromEntries([...(input.drained ?? [])].map((node) => [node, noImages()])),
  }
  const strays = new Map<string, Set<NodeId>>()
  for (const image of input.images) {
    await input.pause?.()
    count(image, input, counts, strays)
  }
  if (strays.size > 0) counts.misplaced = countStrays(input, strays)
  return counts
}

/** Images of the same bytes share their chunks: what is misplaced for one may belong there for another. */
function countStrays({ images, placed }: RedundancyInput, strays: Map<string, Set<NodeId>>): number {
  for (const image of images) {
    const nodes = strays.get(image.data?.root ?? '')
    if (nodes) for (const node of placed(image)) nodes.delete(node)
  }
  return [...strays.values()].reduce((sum, { size }) => sum + size, 0)
}

function count(
  image: ImageRecord,
  { placed, held, zones, drained = NOBODY }: RedundancyInput,
  counts: Counts,
  strays: Map<string, Set<NodeId>>,
): void {
  const root = image.data?.root
  if (root === undefined) return
  const nodes = placed(image)
  const holders = [...held].flatMap(([node, roots]) => (roots.has(root) ? [node] : []))
  const kept = holders.filter((node) => drained.has(node))
  const placedCopies = holders.filter((node) => nodes.includes(node))
  const copies = [...placedCopies, ...kept]
  const silent = nodes.filter((node) => !held.has(node)).length
  const lacking = nodes.length - silent - placedCopies.length
  counts.copiesMin = Math.min(counts.copiesMin ?? Infinity, copies.length)
  if (copies.length < holders.length)
    strays.set(root, new Set(holders.filter((node) => !copies.includes(node))))
  if (lacking > 0) counts.toCopy.images++
  counts.toCopy.bytes += lacking * (image.size ?? 0)
  if (holders.length === 1) addImage((counts.onlyOn[holders[0]!] ??= noImages()), image.size ?? 0)
  for (const node of kept) addImage((counts.onDrained[node] ??= noImages()), image.size ?? 0)
  if (copies.length > 1 && isInOneZone(copies, zones, drained)) counts.oneZone++
  if (copies.length > 0 && copies.length >= nodes.length) counts.full++
  else if (holders.length > 0) counts.underReplicated++
  else if (silent > 0) counts.unknown++
  else counts.unavailable++
}

/** Where there are others that it could be in. */
function isInOneZone(
  copies: readonly NodeId[],
  zones: ReadonlyMap<NodeId, string>,
  drained: ReadonlySet<NodeId>,
): boolean {
  const staying = [...zones].filter(([node]) => !drained.has(node))
  const isSpread = new Set(copies.map((node) => zones.get(node))).size > 1
  return !isSpread && new Set(staying.map(([, zone]) => zone)).size > 1
}
