/**
 * How much may be broken at once. Serac survives the loss of any minority of the voters' disks; of more, nobody could. A
 * voter whose disk was lost, rolled back or damaged counts as lost until it was started again and votes.
 */
import type { ClusterConfig } from '../../../cluster/membership/cluster-config.ts'
import type { NodeId } from '../../../cluster/network/rpc-port.ts'
import { majorityOf, voterSets } from '../../../cluster/register/quorum.ts'
import type { VoterIdentity } from '../../../cluster/register/storage.ts'
import { witnessedSequence } from '../disk/stored-votes.ts'
import type { SimCluster } from './sim-cluster.ts'

/** Whether losing the votes of `id` leaves a majority of every voter set unharmed. */
export function mayLoseVotes(cluster: SimCluster, id: NodeId): boolean {
  return cluster.configsAtStake().every((config) =>
    [...voterSets(config), ...cluster.wantedVoters].every((set) => {
      if (!set.includes(id)) return true
      const harmed = set.filter((voter) => voter === id || cluster.isHarmed(voter) || !isNamed(config, voter))
      return set.length - harmed.length >= majorityOf(set.length)
    }),
  )
}

/** Whether these may become the voters: with a majority that cannot vote, nobody could go on. */
export function mayBecomeVoters(
  cluster: SimCluster,
  config: ClusterConfig,
  voters: readonly NodeId[],
): boolean {
  const able = voters.filter(
    (voter) => !cluster.isHarmed(voter) && (isNamed(config, voter) || cluster.node(voter) !== null),
  )
  return able.length >= majorityOf(voters.length)
}

/** A voter whose database nobody knows has not voted yet: it needs the others to let it in. */
function isNamed({ databases }: ClusterConfig, voter: NodeId): boolean {
  return databases[voter] !== undefined
}

/** What a node was when its disk was copied. */
export interface Past {
  identity: VoterIdentity
  config: ClusterConfig
}

/**
 * Whether the others are sure to notice that `id` came back with the votes of an earlier time. When all who noted the
 * later ones are away, nobody can: then a rollback is outside of what Serac promises (R8). The node asks the voters of the
 * config that came back with the votes; where it was alone it asks nobody.
 */
export function isRollbackSeen(cluster: SimCluster, id: NodeId, past: Past): boolean {
  return [...cluster.configsAtStake(), past.config].flatMap(voterSets).every((set) => {
    const others = set.filter((voter) => voter !== id)
    const { voteSequence } = past.identity
    const blind = others.filter(
      (voter) => witnessedSequence(cluster.disk(voter), id, past.identity) <= voteSequence,
    )
    // With its own answer the node needs this many of the others; one that knows must be among them.
    const needed = majorityOf(set.length) - (set.includes(id) ? 1 : 0)
    return blind.length < needed
  })
}
