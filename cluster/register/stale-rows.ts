/**
 * Drops learner rows of registers that were removed (rule R9). A removal leaves nothing behind that others could tell of;
 * voters drop their own rows in it, so the rows of a voter count as complete. A node that begins to vote must therefore do
 * so with the rows of a voter: else it, and others like it, would list what is no more.
 */
import { ClusterError } from '../errors.ts'
import type { ClusterConfig, ConfigView } from '../membership/cluster-config.ts'
import type { NodeId } from '../network/rpc-port.ts'
import type { Clock } from '../runtime.ts'
import { maxBallot, minBallot, ZERO_BALLOT, type Ballot } from './ballot.ts'
import { CONFIG_KEY } from './config-register.ts'
import type { EpochFence } from './epoch-fence.ts'
import { askMost, goodAnswers, isQuorum, isVoter } from './quorum.ts'
import type { LearnerDigest, LearnerHead, RegisterStorage } from './storage.ts'
import { ACCEPTED_PAGE_ROWS, type VoterClient } from './voter-client.ts'

/** Rows copied from memory at a time. */
const LEARNED_PAGE_ROWS = 1000

/** Of one voter, with its floor before it was asked. */
interface AcceptedKeys {
  keys: Set<string>
  floor: Ballot
}

export interface StaleRowsComponents {
  self: NodeId
  clock: Clock
  fence: EpochFence
  voters: VoterClient
  storage: RegisterStorage
}

/**
 * Rows are stale when they were here before, and a majority of the present voters then has no such register: they had
 * accepted it when it was chosen. While this node does not vote, or the voters change, nothing is removed. Throws
 * NO_QUORUM, STALE_EPOCH.
 */
export async function dropStaleRows(
  { self, clock, fence, voters, storage }: StaleRowsComponents,
  { epoch, voters: present }: ClusterConfig,
  signal: AbortSignal,
): Promise<void> {
  const rows = [...learnedAfter(storage, '')].filter(({ key }) => key !== CONFIG_KEY)
  const others = present.filter((voter) => voter !== self)
  if (rows.length === 0 || others.length === 0) return
  // A node that has never voted knows its own list: it is empty.
  const isEnough = (has: (voter: NodeId) => boolean) =>
    isQuorum([present], (voter) => has(voter) || (voter === self && storage.isAdmitted))
  const keysAt = (voter: NodeId) => keysOf(voters, epoch, voter, signal)
  const lists = new Map(goodAnswers(await askMost(clock, others, keysAt, isEnough)))
  signal.throwIfAborted()
  fence.assertCurrent(epoch)
  if (!isEnough((voter) => lists.has(voter)))
    throw new ClusterError('NO_QUORUM', 'too few voters list their registers')
  const isThere = (key: string) => [...lists.values()].some(({ keys }) => keys.has(key))
  const stale = rows.filter(({ key }) => !isThere(key))
  const removedUpTo = [...lists.values()].map(({ floor }) => floor).reduce(minBallot)
  await Promise.all(stale.map(({ key, ballot }) => storage.forget(key, maxBallot(ballot, removedUpTo))))
}

/**
 * Drops the row of a register of which a strong read found nothing, removed up to `removedUpTo`; `before`: what was learned
 * before the read, as what was made meanwhile stays. False when this node's own vote says that there is one: a round must
 * decide its fate. Votes of a former voter say nothing.
 */
export async function dropIfRemoved(
  { self, config, storage }: Pick<StaleRowsComponents, 'self' | 'storage'> & { config: ConfigView },
  key: string,
  before: LearnerHead | null,
  removedUpTo: Ballot,
): Promise<boolean> {
  if (isVoter(config.current(), self) && storage.acceptorState(key)?.accepted) return false
  await storage.forget(key, maxBallot(before?.ballot ?? ZERO_BALLOT, removedUpTo))
  return true
}

/** What is known here of every register strictly after a key, in order. */
export function* learnedAfter(storage: RegisterStorage, key: string): Generator<LearnerDigest> {
  for (let afterKey = key; ;) {
    const page = storage.learnedDigests(afterKey, LEARNED_PAGE_ROWS)
    yield* page
    const last = page.at(-1)
    if (!last || page.length < LEARNED_PAGE_ROWS) return
    afterKey = last.key
  }
}

async function keysOf(
  voters: VoterClient,
  epoch: number,
  voter: NodeId,
  signal: AbortSignal,
): Promise<AcceptedKeys> {
  const accepted: AcceptedKeys = { keys: new Set(), floor: voters.floorSeen }
  for (let afterKey = ''; ;) {
    const { floor, rows } = await voters.acceptedAfter(epoch, voter, afterKey, signal)
    accepted.floor = minBallot(accepted.floor, floor)
    for (const { key } of rows) accepted.keys.add(key)
    const last = rows.at(-1)
    if (!last || rows.length < ACCEPTED_PAGE_ROWS) return accepted
    afterKey = last.key
  }
}
