/** Which nodes must hold an image: a pure function of the config, the image's id and the wanted copies. */
import type { ClusterConfig, LivenessView, MemberNode } from '../membership/cluster-config.ts'
import type { NodeId } from '../network/rpc-port.ts'
import { rendezvousOrder } from './rendezvous.ts'

/** Up to so many storage nodes every one holds every image: three are a complete cluster. */
export const FULL_COPY_NODES_MAX = 3
/** What an image gets unless image or policy ask for another number; matters from four storage nodes on. */
export const COPIES_DEFAULT = 3

/** The members that hold chunks. Edges only cache. */
export function storageNodes(config: ClusterConfig): MemberNode[] {
  return config.nodes.filter(({ role, weight }) => role !== 'edge' && weight > 0)
}

/**
 * The nodes that must hold the image, in rendezvous order, spread over as many zones as there are. `copies` null = every
 * storage node, which is also the rule for clusters of up to three. A node that leaves moves nothing but its own copies.
 */
export function placedNodes(config: ClusterConfig, imageId: string, copies: number | null): NodeId[] {
  const order = rendezvousOrder(imageId, storageNodes(config))
  const count = copies === null || order.length <= FULL_COPY_NODES_MAX ? order.length : copies
  return spreadOverZones(order, count).map(({ id }) => id)
}

/**
 * The placed nodes in the order in which an upload should use them: this node first (no network), then alive ones of
 * other zones, alive ones of its own, and last those believed dead.
 */
export function writeOrder(
  config: ClusterConfig,
  placed: readonly NodeId[],
  self: NodeId,
  liveness: LivenessView,
): NodeId[] {
  const zones = new Map(config.nodes.map((node) => [node.id, zoneOf(node)]))
  const rank = (id: NodeId) => {
    if (id === self) return 0
    if (!liveness.isAlive(id)) return 3
    return zones.get(id) === zones.get(self) ? 2 : 1
  }
  return [...placed].sort((a, b) => rank(a) - rank(b))
}

/** Takes from each zone in turn: no zone gets its next copy while another with nodes left has fewer. */
function spreadOverZones(order: readonly MemberNode[], count: number): MemberNode[] {
  const seenIn = new Map<string, number>()
  const rounds: MemberNode[][] = []
  for (const node of order) {
    const round = seenIn.get(zoneOf(node)) ?? 0
    seenIn.set(zoneOf(node), round + 1)
    ;(rounds[round] ??= []).push(node)
  }
  return rounds.flat().slice(0, count)
}

/** A node without a zone is one of its own. */
function zoneOf({ zone, id }: MemberNode): string {
  return zone ?? id
}
