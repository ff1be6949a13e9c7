/** What is known of damaged chunks. */
import type { NodeStatus } from '../../../node/status/status-types.ts'

/** `silent`: nodes of which it is unknown. */
export function damageOn(nodes: readonly NodeStatus[]): { damaged: number; silent: number } {
  const known = nodes.flatMap(({ integrity }) => integrity ?? [])
  const damaged = known.reduce((sum, { quarantined }) => sum + quarantined, 0)
  return { damaged, silent: nodes.length - known.length }
}
