/**
 * Which majorities a round needs. One register is special while voters change (rule R10): the config itself. The old
 * voters alone decide it, as long as what they write leaves them the voters: so they can let in a voter that lost its
 * disk, or give the change up, when too few of the new voters are there. Safe, because every quorum of a joint config,
 * for this register and the others, has a majority of the old voters in it. The value that ends the change in favour of
 * the new voters needs both majorities: from then on the new ones decide alone, so most of them must hold it.
 */
import type { ClusterConfig } from '../membership/cluster-config.ts'
import { CONFIG_KEY, configIn } from './config-register.ts'
import { voterSets, type VoterSets } from './quorum.ts'

/** Of which sets a majority must promise, before anything is proposed for a register. */
export function promiseSets(view: ClusterConfig, key: string): VoterSets {
  return key === CONFIG_KEY ? [view.voters] : voterSets(view)
}

/** Of which sets a majority must accept `value`, that it is chosen. */
export function acceptSets(view: ClusterConfig, key: string, value: Uint8Array): VoterSets {
  if (key !== CONFIG_KEY || !view.joint) return voterSets(view)
  const { voters } = configIn({ value })
  const areTheSame = voters.length === view.voters.length && voters.every((id) => view.voters.includes(id))
  return areTheSame ? [view.voters] : voterSets(view)
}
