/** Whether a node can take reads and writes now, and why not. */
import type { Readiness } from '../../api/api-components.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import type { CurrentConfig } from '../../cluster/register/current-config.ts'
import { whyNotVoting } from './report.ts'

export interface ReadinessComponents {
  identity: { id: NodeId }
  currentConfig: CurrentConfig
  cluster: Cluster
}

export function readinessOf({ identity, currentConfig, cluster }: ReadinessComponents): Readiness {
  const abstains = () => whyNotVoting(identity.id, currentConfig, cluster)
  const hasQuorum = () => cluster.registers.hasQuorum
  const caughtUp = () => cluster.registers.caughtUp
  return {
    canWrite: () => hasQuorum() && caughtUp() && abstains() === null,
    canRead: caughtUp,
    reasons: () => whyNotReady(hasQuorum(), caughtUp(), abstains()),
  }
}

function whyNotReady(hasQuorum: boolean, caughtUp: boolean, abstention: string | null): string[] {
  const reasons: string[] = []
  if (!hasQuorum) reasons.push('No majority of voters is reachable.')
  if (!caughtUp) reasons.push('This node has not caught up with the others yet.')
  if (abstention !== null) reasons.push(`This node does not vote: ${abstention}.`)
  return reasons
}
