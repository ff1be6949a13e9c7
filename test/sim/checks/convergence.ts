/** After the world has healed, all nodes must come to hold the same, with nothing left to do. */
import type { SimCluster } from '../cluster/sim-cluster.ts'
import type { SimNode } from '../cluster/sim-node.ts'

/** Registers of a run; one page holds them all. */
const ROWS_MAX = 1000

/** What still keeps the cluster from being at rest; empty = nothing. */
export function unrest(cluster: SimCluster): string[] {
  const down = cluster.ids.filter((id) => !cluster.node(id)).map((id) => `${id} is down`)
  const nodes = cluster.nodes()
  return [...down, ...nodes.flatMap(unrestOf), ...differences(nodes)]
}

function unrestOf(node: SimNode): string[] {
  const found: string[] = []
  if (node.abstains !== null) found.push(`${node.id} does not vote: ${node.abstains}`)
  if (!node.registers.caughtUp) found.push(`${node.id} has not caught up`)
  if (!node.registers.hasQuorum) found.push(`${node.id} sees no majority`)
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
