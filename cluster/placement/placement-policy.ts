/** Which nodes must hold an image: a pure function of the config, the image's id and the wanted copies. */
import type { ClusterConfig, LivenessView, MemberNode } from '../membership/cluster-config.ts'
import type { NodeId } from '../network/rpc-port.ts'
import { rendezvousOrder } from './rendezvous.ts'

/** Up to so many storage nodes every one holds every image: three are a complete cluster. */
export const FULL_COPY_NODES_MAX = 3

const NOBODY: ReadonlySet<NodeId> = new Set()

/** The members that hold chunks. Edges only cache, and drained nodes give away what they have. */
export function storageNodes(config: ClusterConfig): MemberNode[] {
  return config.nodes.filter(({ role, weight, drained }) => role !== 'edge' && weight > 0 && !drained)
}

/** Those that an operator has drained. */
export function drainedNodes({ nodes }: ClusterConfig): Set<NodeId> {
  return new Set(nodes.filter(({ drained }) => drained).map(({ id }) => id))
}

/**
 * The nodes that must hold the image, in rendezvous order, spread over as many zones as there are. `copies` null = every
 * storage node, which is also the rule for clusters of up to three. A node that leaves moves nothing but its own copies.
 *
 * `out`: nodes that are away for so long that others stand in for them, the next of the order. Who holds an image for
 * good, and whose copy may be given up, is always decided without it.
 */
export function placedNodes(
  config: ClusterConfig,
  imageId: string,
  copies: number | null,
  out: ReadonlySet<NodeId> = NOBODY,
): NodeId[] {
  const storage = storageNodes(config)
  const isEverywhere = copies === null || storage.length <= FULL_COPY_NODES_MAX
  const present = storage.filter(({ id }) => !out.has(id))
  const order = spreadOverZones(rendezvousOrder(imageId, present))
  return order.slice(0, isEverywhere ? order.length : copies).map(({ id }) => id)
}

/**
 * All storage nodes in the order in which an upload should use them. The alive nodes of the placement come first: this
 * node (no network), then one of another zone, so that the first two copies survive the loss of a zone. Where too few of
 * them are alive, others stand in, the next of the order; those that are believed dead are the last to be asked.
 */
export function writeOrder(
  config: ClusterConfig,
  imageId: string,
  copies: number | null,
  { self, liveness }: { self: NodeId; liveness: LivenessView },
): NodeId[] {
  const placed = placedNodes(config, imageId, copies)
  const order = [...new Set([...placed, ...placedNodes(config, imageId, null)])]
  const isPlaced = (id: NodeId) => placed.includes(id)
  const alive = order.filter((id) => liveness.isAlive(id))
  const first = alive.filter((id) => isPlaced(id)).toSorted((a, b) => Number(b === self) - Number(a === self))
  const standIns = alive.filter((id) => !isPlaced(id))
  return [
    ...newZonesFirst(config, first),
    ...newZonesFirst(config, standIns),
    ...order.filter((id) => !alive.includes(id)),
  ]
}

/** In how many zones the nodes are. */
export function zonesOf(config: ClusterConfig, nodes: readonly NodeId[]): number {
  return new Set(config.nodes.filter(({ id }) => nodes.includes(id)).map(zoneOf)).size
}

/** Takes from each zone in turn: no zone gets its next copy while another with nodes left has fewer. */
function spreadOverZones(order: readonly MemberNode[]): MemberNode[] {
  const seenIn = new Map<string, number>()
  const rounds: MemberNode[][] = []
  for (const node of order) {
    const round = seenIn.get(zoneOf(node)) ?? 0
    seenIn.set(zoneOf(node), round + 1)
    ;(rounds[round] ??= []).push(node)
  }
  return rounds.flat()
}

function newZonesFirst(config: ClusterConfig, order: readonly NodeId[]): NodeId[] {
  const nodes = order.flatMap((id) => config.nodes.filter((node) => node.id === id))
  return spreadOverZones(nodes).map(({ id }) => id)
}

/** The failure domain of a node: without a zone it is one of its own. */
export function zoneOf({ zone, id }: MemberNode): string {
  return zone ?? id
}
