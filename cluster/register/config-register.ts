/**
 * The cluster config lives in a register of its own. Before anybody wrote it, the config is the genesis that every
 * node was started with: the same list on each, or they are different clusters.
 */
import { encode } from 'cborg'
import { contentHash } from '../content-hash.ts'
import type { ClusterConfig, ConfigView, MemberNode } from '../membership/cluster-config.ts'
import type { NodeId } from '../network/rpc-port.ts'
import type { Operation, OperationTable } from './operations.ts'
import { decodeValue } from './register-value.ts'
import type { LearnerRow } from './storage.ts'

export const CONFIG_KEY = 'config'
/** What this release writes and understands. */
export const FEATURE_LEVEL = 1
/** Voter counts that tolerate a loss without wasting a vote. */
const VOTER_COUNTS = [7, 5, 3, 1]
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
  return { clusterId, epoch: 1, voters, joint: null, nodes, featureLevel: FEATURE_LEVEL }
}

function roleIn(member: MemberNode, voters: readonly NodeId[]): MemberNode['role'] {
  if (member.role !== 'voter') return member.role
  return voters.includes(member.id) ? 'voter' : 'storage'
}

/** Writes the genesis once; afterwards it changes nothing. */
const bootstrap: Operation = (current, args) =>
  current ? { kind: 'keep' } : { kind: 'write', next: { live: true, record: args } }

export const BOOTSTRAP_OPERATION = 'config.bootstrap'
export const configOperations: OperationTable = { [BOOTSTRAP_OPERATION]: bootstrap }

/** The config in force on this node: the newest settled one it has learned, else the genesis. */
export class CurrentConfig implements ConfigView {
  #config: ClusterConfig

  /** `learned`: this node's learner row of the config register, if it has one. */
  constructor(genesis: ClusterConfig, learned: LearnerRow | null) {
    this.#config = genesis
    if (learned) this.note(learned)
  }

  current(): ClusterConfig {
    return this.#config
  }

  /** Takes a newly learned row; an older or unsettled one changes nothing. */
  note(row: LearnerRow): void {
    if (!row.settled) return
    const config = decodeValue(row.value).record as ClusterConfig
    if (config.epoch > this.#config.epoch) this.#config = config
  }
}
