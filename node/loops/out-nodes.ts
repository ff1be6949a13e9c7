/**
 * Which storage nodes count as out: silent for so long that others stand in for them. Each node judges for itself, by its
 * own monotonic clock. Where two judge differently there is a copy too many or one too few for a while, never a wrong
 * removal: who may give up a copy is decided without any of this (data/misplaced-copies.ts).
 *
 * When more than a third of the storage nodes vanish together, the network or this node is the more likely culprit, and
 * what is left could hardly hold it all: then nobody more is declared out. Those that were before do not count again.
 */
import type { ClusterConfig } from '../../cluster/membership/cluster-config.ts'
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import { FULL_COPY_NODES_MAX, storageNodes } from '../../cluster/placement/placement-policy.ts'

export interface OutNodesComponents {
  self: NodeId
  config: { current(): ClusterConfig }
  /** Since when nothing was heard of a node, ms; 0 while it is alive. */
  silentMs: (node: NodeId) => number
}

/** What the status tells of it. */
export interface OutView {
  out: NodeId[]
  /** Nodes that are silent for too long and are not declared out, since too many vanished together. */
  braked: NodeId[]
}

/** Silence that counts as vanished: a restart of a node takes less. */
const VANISHED_MS = 10_000
/** Of `outAfterMs`, where that is short: those that vanish together are not noticed in the same moment. */
const VANISHED_AFTER_SHARE = 0.5
const VANISHED_SHARE_MAX = 1 / 3

export class OutNodes {
  readonly #components: OutNodesComponents
  readonly #outAfterMs: number
  #out: ReadonlySet<NodeId> = new Set()
  #braked: NodeId[] = []

  constructor(components: OutNodesComponents, { outAfterMs }: { outAfterMs: number }) {
    this.#components = components
    this.#outAfterMs = outAfterMs
  }

  get out(): ReadonlySet<NodeId> {
    return this.#out
  }

  get view(): OutView {
    return { out: [...this.#out], braked: this.#braked }
  }

  /** Looks around; answers whether other nodes are out than before. */
  look(): boolean {
    const { self, config, silentMs } = this.#components
    const members = storageNodes(config.current()).map(({ id }) => id)
    // Where every node holds everything, nobody is left to stand in.
    const storage = members.length > FULL_COPY_NODES_MAX ? members : []
    const vanishedMs = Math.min(VANISHED_MS, this.#outAfterMs * VANISHED_AFTER_SHARE)
    const vanished = storage.filter((id) => id !== self && silentMs(id) >= vanishedMs)
    const still = vanished.filter((id) => this.#out.has(id))
    const together = vanished.filter((id) => !this.#out.has(id))
    const late = together.filter((id) => silentMs(id) >= this.#outAfterMs)
    const isBraked = together.length > storage.length * VANISHED_SHARE_MAX
    this.#braked = isBraked ? late : []
    const out = new Set(isBraked ? still : [...still, ...late])
    const isNews = out.size !== this.#out.size || [...out].some((id) => !this.#out.has(id))
    this.#out = out
    return isNews
  }
}
