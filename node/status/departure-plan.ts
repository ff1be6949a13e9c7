/** What it costs and risks when a node gives its images to the others (drain), or is taken out of the cluster (remove). */
import type { ClusterConfig, MemberNode } from '../../cluster/membership/cluster-config.ts'
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import { placedNodes, storageNodes } from '../../cluster/placement/placement-policy.ts'
import type { ImageRecord } from '../images/image-record.ts'
import { addImage, noImages, type ImageSum } from './image-sum.ts'
import { heldBy, type NodeReport } from './node-report.ts'

export type Departure = 'drain' | 'remove'

export interface DeparturePlan {
  kind: Departure
  node: NodeId
  epoch: number
  /** What the node holds in full; null when it does not answer, or has not caught up. */
  held: ImageSum | null
  /** Images that other nodes still have to bring, and the bytes of all copies of them that are lacking. */
  toMove: ImageSum
  /** Images of which no other node that answers has a full copy. */
  onlyHere: ImageSum
  /** Why it is refused, unless it is forced. Empty: nothing speaks against it. */
  objections: string[]
  /** What an operator should know before going on. */
  warnings: string[]
}

export interface DepartureFacts {
  config: ClusterConfig
  /** Those that answer. */
  reports: ReadonlyMap<NodeId, NodeReport>
  /** Live images with data. */
  images: readonly ImageRecord[]
  /** `[replication]`: what new uploads get. */
  wanted: { copies: number | null; durable: number }
  /** Called between images: there may be 100 000 of them. */
  pause?: () => Promise<void>
}

const MIB = 1024 ** 2

interface Sums {
  held: ImageSum
  toMove: ImageSum
  onlyHere: ImageSum
  /** Images that would have fewer nodes to be on than they want copies. */
  thinned: number
  /** What each node would get, bytes. */
  incoming: Map<NodeId, number>
}

/** Changes nothing. */
export async function planDeparture(
  kind: Departure,
  node: MemberNode,
  facts: DepartureFacts,
): Promise<DeparturePlan> {
  const { config, reports } = facts
  const after = configWithout(node.id, config)
  const sums = await sumUp(node.id, after, facts)
  const { held, toMove, onlyHere } = sums
  return {
    kind,
    node: node.id,
    epoch: config.epoch,
    held: reports.get(node.id)?.caughtUp ? held : null,
    toMove,
    onlyHere,
    objections: [...(kind === 'drain' ? thinning(after, sums, facts) : loss(sums)), ...noRoom(sums, reports)],
    warnings: [...silence(after, node, reports), ...(kind === 'remove' ? haste(node, sums, reports) : [])],
  }
}

function configWithout(node: NodeId, config: ClusterConfig): ClusterConfig {
  return { ...config, nodes: config.nodes.filter(({ id }) => id !== node) }
}

async function sumUp(node: NodeId, after: ClusterConfig, facts: DepartureFacts): Promise<Sums> {
  const { config, reports, images, pause } = facts
  const holders = heldBy(reports)
  const sums: Sums = {
    held: noImages(),
    toMove: noImages(),
    onlyHere: noImages(),
    thinned: 0,
    incoming: new Map(),
  }
  for (const { id, size, data } of images) {
    await pause?.()
    if (!data) continue
    const bytes = size ?? 0
    const isHeldBy = (holder: NodeId) => holders.get(holder)?.has(data.root) === true
    const placed = placedNodes(after, id, data.copies)
    const lacking = placed.filter((each) => holders.has(each) && !isHeldBy(each))
    if (isHeldBy(node)) addImage(sums.held, bytes)
    if (lacking.length > 0) addImage(sums.toMove, bytes * lacking.length)
    if (![...holders.keys()].some((holder) => holder !== node && isHeldBy(holder)))
      addImage(sums.onlyHere, bytes)
    const placedNow = placedNodes(config, id, data.copies).length
    if (data.copies !== null && placed.length < Math.min(data.copies, placedNow)) sums.thinned++
    for (const each of lacking) sums.incoming.set(each, (sums.incoming.get(each) ?? 0) + bytes)
  }
  return sums
}

/** A drain loses nothing, as no copy goes before every node of its new placement has verified its own. */
function thinning(after: ClusterConfig, { thinned }: Sums, { config, wanted }: DepartureFacts): string[] {
  const [before, left] = [storageNodes(config).length, storageNodes(after).length]
  const copies = Math.max(wanted.copies ?? 0, wanted.durable)
  if (thinned === 0 && left >= Math.min(copies, before)) return []
  const who = left === 1 ? '1 node is' : `${left} nodes are`
  const why = thinned > 0 ? `${thinned} images want more copies` : `${copies} copies of an image are wanted`
  return [`${who} left to hold images and ${why}: let another node join first`]
}

function loss({ onlyHere }: Sums): string[] {
  if (onlyHere.images === 0) return []
  return [
    `of ${onlyHere.images} images no other node that answers has a full copy: they would be lost; ` +
      'drain it first, or bring back the nodes that have them',
  ]
}

function noRoom({ incoming }: Sums, reports: ReadonlyMap<NodeId, NodeReport>): string[] {
  return [...incoming].flatMap(([id, bytes]) => {
    const report = reports.get(id)
    const room = report ? report.freeBytes - (report.store?.freeBytesMin ?? 0) : 0
    if (bytes <= room) return []
    return [`node ${id} has room for ${mebibytes(Math.max(0, room))} and would get ${mebibytes(bytes)}`]
  })
}

function silence(after: ClusterConfig, node: MemberNode, reports: ReadonlyMap<NodeId, NodeReport>): string[] {
  const silent = storageNodes(after).filter(({ id }) => !reports.has(id))
  return [
    ...silent.map(
      ({ id }) => `${id} does not answer: what it lacks is not known, and nothing goes before it is back`,
    ),
    ...(reports.has(node.id) ? [] : [`${node.id} does not answer: what it holds is not known`]),
  ]
}

function haste(node: MemberNode, { toMove }: Sums, reports: ReadonlyMap<NodeId, NodeReport>): string[] {
  if (toMove.images === 0) return []
  const advice = reports.has(node.id) && !node.drained ? '; "serac drain" avoids that' : ''
  return [`${toMove.images} images have a copy too few until the others have brought them${advice}`]
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / MIB)} MiB`
}
