/** Brings one learner row to what a majority holds, by a strong read: it may be older, unsettled, or of what is no more. */
import type { ConfigView } from '../membership/cluster-config.ts'
import type { NodeId } from '../network/rpc-port.ts'
import { compareBallots, justAbove, type Ballot } from './ballot.ts'
import { isAnotherValue, isSameHead } from './learner-head.ts'
import type { Proposer } from './proposer.ts'
import type { Reader } from './reader.ts'
import { dropIfRemoved } from './stale-rows.ts'
import type { RegisterStorage } from './storage.ts'

export interface SettleRowComponents {
  self: NodeId
  config: ConfigView
  storage: RegisterStorage
  reader: Reader
  proposer: Proposer
}

/** Throws NO_QUORUM. */
export async function settleRow(components: SettleRowComponents, key: string): Promise<void> {
  const open = await settleWhatIsChosen(components, key)
  if (open) await components.proposer.settle(key, open)
}

/**
 * As `settleRow`, but for a vote of this node above what the majority holds: its round is mostly still under way, and another
 * would collide with it and hold both up. Answers with its ballot, else null. Whatever was acknowledged before the call is
 * settled, and told to the listeners of the storage. Throws NO_QUORUM.
 */
export async function settleWhatIsChosen(
  components: SettleRowComponents,
  key: string,
): Promise<Ballot | null> {
  const { reader, proposer, storage } = components
  const head = storage.learnedHead(key)
  const finding = await reader.look(key)
  const { found } = finding
  // Also without a row: one may be on its way to the disk, and would be listed when it is there.
  if (!found && (await dropIfRemoved(components, key, head, finding.removedUpTo))) return null
  const learned = storage.learnedHead(key)
  // The one here is damaged, and only a higher ballot can replace it.
  if (learned && isAnotherValue(found, learned)) {
    await proposer.settle(key, justAbove(learned.ballot))
    return null
  }
  if (!learned || (found && compareBallots(learned.ballot, found.ballot) <= 0)) {
    if (found?.value) await storage.learn(key, { ...found, value: found.value, settled: true })
    return null
  }
  const before = storage.chosenBefore(key)
  // Where the index holds what is chosen; else only a round brings it up to date.
  if (before !== undefined && isSameHead(before, found)) return learned.ballot
  await proposer.settle(key, learned.ballot)
  return null
}
