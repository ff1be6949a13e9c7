/** The feature level of what a member runs, this node included; null: it has not said so. */
import type { ControlPlane } from '../../cluster/membership/control-plane.ts'
import { FEATURE_LEVEL } from '../../cluster/membership/feature-level.ts'
import type { NodeId } from '../../cluster/network/rpc-port.ts'

export function levelOf(
  node: NodeId,
  { self, control }: { self: NodeId; control: Pick<ControlPlane, 'peers'> },
): number | null {
  return node === self ? FEATURE_LEVEL : (control.peers.hello(node)?.featureLevel ?? null)
}
