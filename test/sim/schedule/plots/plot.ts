/**
 * Plots: short scripted stories with random details, put among the random faults of a schedule. Each lines up what chance
 * would rarely line up, for one of the bugs that the rules are there against.
 */
import type { NodeId } from '../../../../cluster/network/rpc-port.ts'
import type { SeededRandom } from '../../world/seeded-random.ts'
import type { Script } from './script.ts'

export interface Cast {
  ids: readonly NodeId[]
  /** Of the first config. */
  voters: readonly NodeId[]
}

/** Null: it cannot be played with so few nodes. It begins at `atMs`. */
export type PlotMaker = (random: SeededRandom, cast: Cast, atMs: number) => Script | null

/** The nodes in random order, or null when there are not two. */
export function deal(random: SeededRandom, nodes: readonly NodeId[]): [NodeId, NodeId, ...NodeId[]] | null {
  const [first, second, ...others] = random.shuffled(nodes)
  return first !== undefined && second !== undefined ? [first, second, ...others] : null
}

/** Voters to come, with as few as possible of those that vote now; null when every node votes. */
export function successors(random: SeededRandom, { ids, voters }: Cast): NodeId[] | null {
  const fresh = ids.filter((id) => !voters.includes(id))
  if (fresh.length === 0) return null
  if (fresh.length >= 3) return random.shuffled(fresh).slice(0, 3).sort()
  if (fresh.length === 2 && voters.length > 1) return [...fresh, random.pick(voters)].sort()
  return [random.pick(fresh)]
}
