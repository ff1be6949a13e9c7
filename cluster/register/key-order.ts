/** The order in which voters are asked to coordinate a key: rendezvous hashing, so that keys spread over all voters. */
import { contentHash } from '../content-hash.ts'
import type { NodeId } from '../network/rpc-port.ts'

/** Whether `voter` is the one that proposes changes of `key` while all is well. */
export function isFirstCoordinator(voter: NodeId, key: string, voters: readonly NodeId[]): boolean {
  return coordinatorsOf(key, voters)[0] === voter
}

/** Voters, the preferred coordinator of `key` first. The same on every node. */
export function coordinatorsOf(key: string, voters: readonly NodeId[]): NodeId[] {
  if (voters.length === 1) return [...voters]
  const scored = voters.map((voter) => ({ voter, score: contentHash(Buffer.from(`${voter}/${key}`)) }))
  return scored.sort((a, b) => Buffer.compare(b.score, a.score)).map(({ voter }) => voter)
}
