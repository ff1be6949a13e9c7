/**
 * Which cluster this node belongs to, found out at start (R10): what the store knows of the cluster config, be it learned,
 * or left there by `serac init` or `serac join`; else the list of initial members.
 */
import type { ClusterConfig, MemberNode } from '../../cluster/membership/cluster-config.ts'
import { FEATURE_LEVEL } from '../../cluster/membership/feature-level.ts'
import { formatHostPort } from '../../cluster/network/address.ts'
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import { genesisConfig } from '../../cluster/register/config-register.ts'
import { CurrentConfig } from '../../cluster/register/current-config.ts'
import { configInStore } from '../../cluster/register/lone-voter.ts'
import type { RegisterStorage } from '../../cluster/register/storage.ts'
import type { SeracConfig } from '../config/options.ts'
import { SERAC_VERSION } from '../version.ts'

/** What is asked of the store. */
export interface MemberStore {
  readonly registers: RegisterStorage
  /** What FORMAT says; null until it is known. */
  readonly clusterId: string | null
  setClusterId(clusterId: string): Promise<void>
}

/** Notes the cluster id in the store. Throws an Error for the operator when the node has no place in a cluster. */
export async function chooseStartConfig(
  store: MemberStore,
  initialMembers: readonly MemberNode[],
  self: NodeId,
): Promise<CurrentConfig> {
  const known = configInStore(store.registers)
  const config = known ?? configOfMembers(store.clusterId, initialMembers)
  if (known) refuseInterrupted(store.clusterId, known)
  if (config.featureLevel > FEATURE_LEVEL) throw tooNew(config)
  if (!config.nodes.some(({ id }) => id === self)) throw notMember(self, config, known !== null)
  await store.setClusterId(config.clusterId)
  return new CurrentConfig(store.registers, config)
}

/** How the others shall reach this node, which has no address in a cluster yet. Throws an Error for the operator. */
export function ownAddress({ cluster }: SeracConfig): string {
  const isWildcard = cluster.bindHost === '0.0.0.0' || cluster.bindHost === '::'
  const host = cluster.advertiseHost ?? (isWildcard ? null : cluster.bindHost)
  if (host !== null) return formatHostPort({ host, port: cluster.controlPort })
  throw new Error('set [cluster] advertise_host: the address under which the other nodes reach this one')
}

function configOfMembers(storeClusterId: string | null, members: readonly MemberNode[]): ClusterConfig {
  if (members.length === 0) throw new Error(withoutCluster(storeClusterId))
  const config = genesisConfig(members)
  if (storeClusterId === null || storeClusterId === config.clusterId) return config
  throw new Error(
    `the data directory belongs to cluster ${storeClusterId}, the list of initial members to ${config.clusterId}: ` +
      `the list must stay as it was when the cluster began`,
  )
}

function withoutCluster(storeClusterId: string | null): string {
  if (storeClusterId === null)
    return (
      'this node belongs to no cluster: found one with "serac init", join one with "serac join" and an invite, ' +
      'or list initial_members'
    )
  return (
    `this node belongs to cluster ${storeClusterId}, but its copy of the cluster config is lost or damaged: ` +
    `run "serac join" with an invite of that cluster`
  )
}

function tooNew({ clusterId, featureLevel }: ClusterConfig): Error {
  return new Error(
    `cluster ${clusterId} uses feature level ${featureLevel}, this release (${SERAC_VERSION}) understands up to ` +
      `${FEATURE_LEVEL}: install the release of the other nodes`,
  )
}

function refuseInterrupted(storeClusterId: string | null, { clusterId }: ClusterConfig): void {
  if (storeClusterId === null || storeClusterId === clusterId) return
  throw new Error(
    `a recovery of cluster ${storeClusterId} was cut off here: run "serac recover --from-this-node" again`,
  )
}

function notMember(self: NodeId, { clusterId, epoch }: ClusterConfig, isKnown: boolean): Error {
  if (!isKnown)
    return new Error(
      `initial_members does not name this node (${self}): add it on every node, or check key_file`,
    )
  return new Error(
    `node ${self} was removed from cluster ${clusterId} (epoch ${epoch}): empty its data directory, and let it join ` +
      `with an invite ("serac join") if it is to come back`,
  )
}
