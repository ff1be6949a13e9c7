/** After the world has healed, all nodes must come to hold the same, with nothing left to do. */
import { allVoters, voterSets } from '../../../cluster/register/quorum.ts'
import type { SimCluster } from '../cluster/sim-cluster.ts'
import type { SimNode } from '../cluster/sim-node.ts'

/** Registers of a run; one page holds them all. */
const ROWS_MAX = 1000
/** Requests that may be under way at a node at rest: its loops look around now and then. */
const OPEN_REQUESTS_MAX = 20

/** The members of the newest config that are up. */
export function membersOf(cluster: SimCluster): SimNode[] {
  const members = cluster.newestConfig().nodes.map(({ id }) => id)
  return cluster.nodes().filter(({ id }) => members.includes(id))
}

/** What still keeps the cluster from being at rest; empty = nothing. */
export function unrest(cluster: SimCluster): string[] {
  const config = cluster.newestConfig()
  const down = config.nodes.filter(({ id }) => !cluster.node(id)).map(({ id }) => `${id} is down`)
  const change = config.joint ? [`a change of the voters to ${config.joint.join(', ')} is under way`] : []
  const nodes = membersOf(cluster)
  return [...down, ...change, ...nodes.flatMap((node) => unrestOf(cluster, node)), ...differences(nodes)]
}

function unrestOf(cluster: SimCluster, node: SimNode): string[] {
  const found: string[] = []
  const config = cluster.newestConfig()
  const { epoch } = node.config.current()
  const isVoter = allVoters(voterSets(config)).includes(node.id)
  if (epoch !== config.epoch) found.push(`${node.id} is at epoch ${epoch} instead of ${config.epoch}`)
  if (isVoter && node.abstains !== null) found.push(`${node.id} does not vote: ${node.abstains}`)
  if (!node.registers.caughtUp) found.push(`${node.id} has not caught up`)
  if (!node.registers.hasQuorum) found.push(`${node.id} sees no majority`)
  if (node.openRequests > OPEN_REQUESTS_MAX) found.push(`${node.id} waits for ${node.openRequests} answers`)
  const unsettled = node.store.unsettledKeys()
  if (unsettled.length > 0) found.push(`${node.id} holds unsettled rows: ${unsettled.join(', ')}`)
  return found
}

function differences(nodes: readonly SimNode[]): string[] {
  const [first, ...others] = nodes.map((node) => ({ id: node.id, digests: digestsOf(node) }))
  if (!first) return []
  return others
    .filter(({ digests }) => digests !== first.digests)
    .map(({ id, digests }) => `${id} and ${first.id} differ: ${digests} against ${first.digests}`)
}

function digestsOf({ store }: SimNode): string {
  return store
    .learnedDigests('', ROWS_MAX)
    .map(({ key, ballot, digest }) => `${key}@${ballot.counter}.${ballot.nonce}=${digest}`)
    .join(' ')
}
