/**
 * Drops learner rows of registers that were removed (rule R9). A removal leaves nothing behind that others could tell of;
 * voters drop their own rows in it, so the rows of a voter count as complete. A node that begins to vote must therefore do
 * so with the rows of a voter: else it, and others like it, would list what is no more.
 */
import { ClusterError } from '../errors.ts'
import type { ClusterConfig, ConfigView } from '../membership/cluster-config.ts'
import type { NodeId } from '../network/rpc-port.ts'
import { sleep, type Clock } from '../runtime.ts'
import { maxBallot, minBallot, ZERO_BALLOT, type Ballot } from './ballot.ts'
import { CONFIG_KEY } from './config-register.ts'
import type { EpochFence } from './epoch-fence.ts'
import { askMost, goodAnswers, isQuorum, isVoter } from './quorum.ts'
import type { LearnerDigest, LearnerHead, RegisterStorage } from './storage.ts'
import { ACCEPTED_PAGE_ROWS, type VoterClient } from './voter-client.ts'

/** Rows copied from memory at a time. */
const LEARNED_PAGE_ROWS = 1000

/** The pause after a page, as a share of the time that the page took: clients keep two thirds of the voter's disk. */
const AHEAD_PAUSE_SHARE = 2

/** Of one voter, with its floor and its removals from before it was asked. */
interface AcceptedKeys {
  keys: Set<string>
  floor: Ballot
  removals: string | null
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
 * accepted it when it was chosen. While this node does not vote, or the voters change, nothing is removed.
 */
export class StaleRows {
  readonly #components: StaleRowsComponents
  /** How each voter that was asked named its removals, when the rows that were stale by its list were dropped. */
  #removals = new Map<NodeId, string>()

  constructor(components: StaleRowsComponents) {
    this.#components = components
  }

  /**
   * Drops them before this node is to vote, at a pace that leaves the voters room. Each voter's list is read through, and a
   * config that counts on this node's vote stands still until it is there. Throws as `drop`.
   */
  dropAhead(config: ClusterConfig, signal: AbortSignal): Promise<void> {
    return this.#dropNow(config, signal, AHEAD_PAUSE_SHARE)
  }

  /** Drops them, unless that was done and nothing was removed since. Throws NO_QUORUM, STALE_EPOCH. */
  async drop(config: ClusterConfig, signal: AbortSignal): Promise<void> {
    if (!(await this.#isDone(config, signal))) await this.#dropNow(config, signal, 0)
    this.#removals.clear()
  }

  async #isDone({ epoch, voters: present }: ClusterConfig, signal: AbortSignal): Promise<boolean> {
    const { clock, voters } = this.#components
    if (this.#removals.size === 0) return false
    const ask = (voter: NodeId) => voters.witness(epoch, voter, signal)
    const asked = present.filter((voter) => this.#removals.has(voter))
    const answers = await askMost(clock, asked, ask, (has) => this.#isEnough(present, has))
    const unchanged = goodAnswers(answers).filter(
      ([voter, { removals }]) => removals === this.#removals.get(voter),
    )
    const done = new Map(unchanged)
    return this.#isEnough(present, (voter) => done.has(voter))
  }

  async #dropNow(
    { epoch, voters: present }: ClusterConfig,
    signal: AbortSignal,
    pauseShare: number,
  ): Promise<void> {
    const { self, clock, fence, storage } = this.#components
    const rows = [...learnedAfter(storage, '')].filter(({ key }) => key !== CONFIG_KEY)
    const others = present.filter((voter) => voter !== self)
    if (rows.length === 0 || others.length === 0) return
    const isEnough = (has: (voter: NodeId) => boolean) => this.#isEnough(present, has)
    const listOf = (voter: NodeId) => this.#listOf(voter, epoch, signal, pauseShare)
    const lists = new Map(goodAnswers(await askMost(clock, others, listOf, isEnough)))
    signal.throwIfAborted()
    fence.assertCurrent(epoch)
    if (!isEnough((voter) => lists.has(voter)))
      throw new ClusterError('NO_QUORUM', 'too few voters list their registers')
    const isThere = (key: string) => [...lists.values()].some(({ keys }) => keys.has(key))
    const stale = rows.filter(({ key }) => !isThere(key))
    const removedUpTo = [...lists.values()].map(({ floor }) => floor).reduce(minBallot)
    await Promise.all(stale.map(({ key, ballot }) => storage.forget(key, maxBallot(ballot, removedUpTo))))
    this.#removals = new Map(
      [...lists].flatMap(([voter, { removals }]) => (removals ? [[voter, removals]] : [])),
    )
  }

  /** A node that has never voted knows its own list: it is empty. */
  #isEnough(present: readonly NodeId[], has: (voter: NodeId) => boolean): boolean {
    const { self, storage } = this.#components
    return isQuorum([present], (voter) => has(voter) || (voter === self && storage.isAdmitted))
  }

  async #listOf(
    voter: NodeId,
    epoch: number,
    signal: AbortSignal,
    pauseShare: number,
  ): Promise<AcceptedKeys> {
    const { clock, voters } = this.#components
    const accepted: AcceptedKeys = { keys: new Set(), floor: voters.floorSeen, removals: null }
    for (let afterKey = ''; ;) {
      const beganMs = clock.monotonicMs()
      const { floor, removals, rows } = await voters.acceptedAfter(epoch, voter, afterKey, signal)
      if (afterKey === '') accepted.removals = removals
      accepted.floor = minBallot(accepted.floor, floor)
      for (const { key } of rows) accepted.keys.add(key)
      const last = rows.at(-1)
      if (!last || rows.length < ACCEPTED_PAGE_ROWS) return accepted
      afterKey = last.key
      await sleep(clock, (clock.monotonicMs() - beganMs) * pauseShare, signal)
    }
  }
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
