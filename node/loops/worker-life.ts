/**
 * Whether whoever works on something is gone. Nobody holds a lease; the record names the node and the start of it that is at
 * work. It is gone when that node shows another start, or was silent for a minute; and, for the node itself, when it does
 * not work on it any more.
 */
import type { NodeId } from '../../cluster/network/rpc-port.ts'

/** What this node knows of another's life. */
export interface Life {
  /** The start that answers now; null when none does. */
  startNonce: string | null
  /** Since when nothing was heard of it, by this node's monotonic clock; 0 while it answers. */
  silentMs: number
}

export interface WorkerLifeComponents {
  self: NodeId
  lifeOf: (node: NodeId) => Life
  /** Whether this node itself still works on it: what it gave up may have left its image as it was. */
  isRunningHere: (claimId: string) => boolean
}

/** Longer than a restart of a node or of the network around it. */
const SILENT_MS_MAX = 60_000

export class WorkerLife {
  readonly #components: WorkerLifeComponents

  constructor(components: WorkerLifeComponents) {
    this.#components = components
  }

  isGone({ node, startNonce }: { node: NodeId; startNonce: string }, claimId: string): boolean {
    const { self, lifeOf, isRunningHere } = this.#components
    if (node === self) return !isRunningHere(claimId)
    const life = lifeOf(node)
    if (life.startNonce !== null) return life.startNonce !== startNonce
    return life.silentMs >= SILENT_MS_MAX
  }
}
