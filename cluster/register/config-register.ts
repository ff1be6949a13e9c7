/**
 * The cluster config lives in a register of its own. Before anybody wrote it, the config is the genesis that every
 * node was started with: the same list on each, or they are different clusters.
 */
import { encode } from 'cborg'
import { contentHash } from '../content-hash.ts'
import type { ClusterConfig, MemberNode } from '../membership/cluster-config.ts'
import { FEATURE_LEVEL } from '../membership/feature-level.ts'
import type { NodeId } from '../network/rpc-port.ts'
import { decodeValue } from './register-value.ts'
import type { LearnerRow } from './storage.ts'

export const CONFIG_KEY = 'config'
/** Voter counts that tolerate a loss without wasting a vote, largest first. */
export const VOTER_COUNTS: readonly number[] = [7, 5, 3, 1]
const CLUSTER_ID_BYTES = 16

/**
 * Epoch 1 of a cluster that starts from a static list. Addresses may differ from node to node and do not count for
 * the cluster's id; everything else must be the same. Voters are the members with that role, as many as make 1, 3, 5 or
 * 7, in the order of their ids; the others store.
 */
export function genesisConfig(members: readonly MemberNode[]): ClusterConfig {
  const sorted = members.toSorted((a, b) => (a.id < b.id ? -1 : 1))
  const candidates = sorted.filter((member) => member.role === 'voter')
  const voterCount = VOTER_COUNTS.find((count) => count <= candidates.length)
  if (voterCount === undefined) throw new Error('the list of initial members names no voter')
  const voters = candidates.slice(0, voterCount).map((member) => member.id)
  const nodes = sorted.map((member) => ({ ...member, role: roleIn(member, voters) }))
  const identity = nodes.map(({ id, role, zone, weight }) => [id, role, zone, weight])
  const clusterId = contentHash(encode(identity)).subarray(0, CLUSTER_ID_BYTES).toString('hex')
  const fresh = { joint: null, databases: {}, invites: [], removed: [], featureLevel: FEATURE_LEVEL }
  return { clusterId, epoch: 1, voters, nodes, ...fresh }
}

/** The config in a row of the config register. Throws CORRUPT_VALUE. */
export function configIn(row: Pick<LearnerRow, 'value'>): ClusterConfig {
  return decodeValue(row.value).record as ClusterConfig
}

function roleIn(member: MemberNode, voters: readonly NodeId[]): MemberNode['role'] {
  if (member.role !== 'voter') return member.role
  return voters.includes(member.id) ? 'voter' : 'storage'
}
