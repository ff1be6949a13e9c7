/**
 * Whether records may name objects in back ends: a node of a release that knows nothing of them would forget, in an operation
 * that it executes, what is to be deleted there. So all members must know of them first; then that is in force for good.
 */
import type { ConfigView } from '../../cluster/membership/cluster-config.ts'
import { BACKEND_LEVEL, membersBelow } from '../../cluster/membership/feature-level.ts'
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import { ImageError } from '../errors.ts'

export interface BackendGateComponents {
  config: ConfigView
  /** Feature level of the release that a member runs; null: it has not said so. */
  levelOf: (node: NodeId) => number | null
  /** Puts a level in force. Throws NO_QUORUM. */
  raiseLevel: (level: number) => Promise<void>
}

export class BackendGate {
  readonly #components: BackendGateComponents

  constructor(components: BackendGateComponents) {
    this.#components = components
  }

  /** Resolves when back ends may be written to. Throws UNAVAILABLE with the nodes that are to be upgraded first; NO_QUORUM. */
  async require(): Promise<void> {
    const { config, levelOf, raiseLevel } = this.#components
    const current = config.current()
    if (current.featureLevel >= BACKEND_LEVEL) return
    const older = membersBelow(BACKEND_LEVEL, current, levelOf)
    if (older.length > 0)
      throw new ImageError(
        'UNAVAILABLE',
        'No store beside the cluster is written to before all nodes run a release that knows of such stores. These do ' +
          `not, or did not say what they run: ${older.join(', ')}.`,
      )
    await raiseLevel(BACKEND_LEVEL)
  }
}
