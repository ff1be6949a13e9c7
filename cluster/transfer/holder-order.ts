/** In which order holders are asked for a chunk. */
import type { ConfigView, LivenessView } from '../membership/cluster-config.ts'
import type { NodeId } from '../network/rpc-port.ts'
import type { Clock } from '../runtime.ts'

export interface HolderOrderComponents {
  self: NodeId
  config: ConfigView
  liveness: LivenessView
  clock: Clock
}

/** About as long as the heartbeats need to see that a node hangs. Until then each chunk would wait for it anew. */
const AVOIDED_MS = 3_000

export class HolderOrder {
  readonly #components: HolderOrderComponents
  /** Until when, monotonic ms. */
  readonly #avoided = new Map<NodeId, number>()

  constructor(components: HolderOrderComponents) {
    this.#components = components
  }

  /** The holder was silent, or could not be reached: for a while others come first. */
  avoid(holder: NodeId): void {
    this.#avoided.set(holder, this.#components.clock.monotonicMs() + AVOIDED_MS)
  }

  /**
   * This node if it `isHere`, then every other member: `placed` first, then the rest, since a copy may still be where an
   * earlier placement wanted it. Among each, nodes of this node's zone lead. Those that are avoided come after all others,
   * this node's own disk among them; those believed dead last.
   */
  of(placed: readonly NodeId[], isHere: boolean): NodeId[] {
    const { self, config, liveness } = this.#components
    const { nodes } = config.current()
    const zones = new Map(nodes.map(({ id, zone }) => [id, zone ?? id]))
    const rank = (id: NodeId) => {
      if (id !== self && !liveness.isAlive(id)) return 5
      if (this.#isAvoided(id)) return 4
      if (id === self) return -1
      return (placed.includes(id) ? 0 : 2) + (zones.get(id) === zones.get(self) ? 0 : 1)
    }
    const holders = [...new Set([self, ...placed, ...zones.keys()])].filter((id) => id !== self || isHere)
    return holders
      .map((id) => ({ id, rank: rank(id) }))
      .sort((a, b) => a.rank - b.rank)
      .map(({ id }) => id)
  }

  #isAvoided(id: NodeId): boolean {
    return (this.#avoided.get(id) ?? 0) > this.#components.clock.monotonicMs()
  }
}
