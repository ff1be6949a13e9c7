/** Whether a node can take reads and writes now, and why not. */
import type { Readiness } from '../../api/api-components.ts'
import type { Cluster } from '../../cluster/cluster.ts'
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import type { CurrentConfig } from '../../cluster/register/current-config.ts'
import { isQuorum, voterSets } from '../../cluster/register/quorum.ts'
import type { Store } from '../store/store.ts'
import { whyNotVoting } from './report.ts'

export interface ReadinessComponents {
  identity: { id: NodeId }
  currentConfig: CurrentConfig
  cluster: Cluster
  store: Store
}

export function readinessOf({ identity, currentConfig, cluster, store }: ReadinessComponents): Readiness {
  const abstains = () => whyNotVoting(identity.id, currentConfig, cluster)
  const hasQuorum = () =>
    cluster.registers.hasQuorum && hasMajorityInSight(identity.id, currentConfig, cluster)
  const caughtUp = () => cluster.registers.caughtUp
  // It takes writes all the same, with the others' disks: another node does so without the detour.
  const hang = () => store.disk.hang
  return {
    canWrite: () => hasQuorum() && caughtUp() && abstains() === null && hang() === null,
    canRead: caughtUp,
    reasons: () => whyNotReady(hasQuorum(), caughtUp(), abstains(), hang()),
  }
}

/**
 * The registers notice a lost majority by what fails for it. A node that is cut off and has nothing to do would never notice,
 * and be sent the next change. Who was not heard of yet does not count as lost: the registers know better.
 */
function hasMajorityInSight(self: NodeId, currentConfig: CurrentConfig, { control }: Cluster): boolean {
  return isQuorum(voterSets(currentConfig.current()), (voter) => {
    if (voter === self) return true
    const { state, silentMs } = control.liveness.view(voter)
    return state === 'alive' || silentMs === null
  })
}

function whyNotReady(
  hasQuorum: boolean,
  caughtUp: boolean,
  abstention: string | null,
  hang: Error | null,
): string[] {
  const reasons: string[] = []
  if (!hasQuorum) reasons.push('No majority of voters is reachable.')
  if (!caughtUp) reasons.push('This node has not caught up with the others yet.')
  if (abstention !== null) reasons.push(`This node does not vote: ${abstention}.`)
  if (hang !== null) reasons.push(`${hang.message}.`)
  return reasons
}
