/**
 * Weighted rendezvous hashing: each key ranks the nodes by a score of its own, so every node computes the same order
 * from the same list, and a node that leaves moves only the keys it held.
 *
 * Score = -weight / ln(u) with u uniform in (0, 1) from the hash of key and node (the logarithmic method of Schindelhauer
 * and Schomaker): the chance to come first is then the node's share of the total weight.
 */
import { contentHash } from '../content-hash.ts'

export interface WeightedNode {
  readonly id: string
  /** > 0, relative to the others. */
  readonly weight: number
}

/** As many bits of the hash as a double carries exactly. */
const SCORE_BYTES = 6
const SCORE_RANGE = 2 ** (8 * SCORE_BYTES)

/** The nodes in the key's order, best first. Pure: the order of `nodes` does not matter. */
export function rendezvousOrder<T extends WeightedNode>(key: string, nodes: readonly T[]): T[] {
  return nodes
    .map((node) => ({ node, score: rendezvousScore(key, node) }))
    .sort((a, b) => b.score - a.score || (a.node.id < b.node.id ? -1 : 1))
    .map(({ node }) => node)
}

function rendezvousScore(key: string, { id, weight }: WeightedNode): number {
  // The separator can stand in neither: no two pairs share a text.
  const hash = contentHash(Buffer.from(`${key}\n${id}`))
  const uniform = (hash.readUIntBE(0, SCORE_BYTES) + 0.5) / SCORE_RANGE
  return -weight / Math.log(uniform)
}
