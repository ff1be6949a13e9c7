/** Brings one learner row to what a majority holds, by a strong read: it may be older, unsettled, or of what is no more. */
import type { ConfigView } from '../membership/cluster-config.ts'
import type { NodeId } from '../network/rpc-port.ts'
import { compareBallots, justAbove } from './ballot.ts'
import { isAnotherValue } from './learner-head.ts'
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
  const { reader, proposer, storage } = components
  const before = storage.learnedHead(key)
  const finding = await reader.look(key)
  const { found } = finding
  // Also without a row: one may be on its way to the disk, and would be listed when it is there.
  if (!found && (await dropIfRemoved(components, key, before, finding.removedUpTo))) return
  const learned = storage.learnedHead(key)
  // The one here is damaged, and only a higher ballot can replace it.
  if (learned && isAnotherValue(found, learned)) {
    await proposer.settle(key, justAbove(learned.ballot))
    return
  }
  if (!learned || (found && compareBallots(learned.ballot, found.ballot) <= 0)) {
    if (found?.value) await storage.learn(key, { ...found, value: found.value, settled: true })
    return
  }
  // This node accepted what an interrupted operation left, above what the majority holds: a round decides its fate.
  await proposer.settle(key, learned.ballot)
}
