/**
 * Rescan (rule R10): looks at every register once and makes sure that what is chosen is held by a majority of everybody
 * who will count from now on, before anybody counts without the old ones. Values that are surely chosen are copied under
 * their own ballots; only where voters differ does an identity round decide.
 *
 * It runs under one epoch. Whoever answered under it votes for nothing older any more, so a register that is in nobody's
 * list cannot have been chosen by the voters of an older epoch.
 */
import { ClusterError, hasCode } from '../errors.ts'
import type { ClusterConfig } from '../membership/cluster-config.ts'
import type { NodeId } from '../network/rpc-port.ts'
import { sleep, type Clock } from '../runtime.ts'
import type { ChosenItem } from './acceptor.ts'
import { compareBallots, maxBallot, ZERO_BALLOT, type Ballot } from './ballot.ts'
import type { EpochFence } from './epoch-fence.ts'
import { isSameHead } from './learner-head.ts'
import type { Proposer } from './proposer.ts'
import { allVoters, askMost, goodAnswers, isQuorum, majorityOf, voterSets, type VoterSets } from './quorum.ts'
import type { AcceptedDigest, RegisterStorage } from './storage.ts'
import { ACCEPTED_PAGE_ROWS, type VoterClient } from './voter-client.ts'

export interface RescanComponents {
  clock: Clock
  fence: EpochFence
  voters: VoterClient
  storage: RegisterStorage
  proposer: Proposer
}

export interface RescanOptions {
  /** Voters that take part in no quorum and hold nothing that counts: those that wait to be let in again (R8). */
  without: readonly NodeId[]
  /** Voters that get whatever they lack, beside those that a majority needs. */
  alsoTo: readonly NodeId[]
  signal: AbortSignal
  onProgress?: (progress: RescanProgress) => void
}

export interface RescanProgress {
  /** Registers looked at so far. */
  registers: number
  copied: number
  copiedBytes: number
  /** Identity rounds. */
  settled: number
}

/** Values copied with one message; each may be 1 MiB, most have 2 KiB. */
const COPY_ITEMS_MAX = 256
const COPY_BYTES_MAX = 2 * 1024 * 1024
/** Identity rounds under way at once: enough to fill group commits, few enough to leave room for clients. */
const SETTLES_AT_ONCE = 16
/** The pause after a page, as a share of the time that the page took: clients keep two thirds of the disk. */
const PAUSE_SHARE = 2

/** What each voter holds of the registers of one page. */
type PageRows = ReadonlyMap<NodeId, ReadonlyMap<string, AcceptedDigest>>

interface CopyItem {
  key: string
  ballot: Ballot
  digest: string
  from: NodeId
}

export class Rescan {
  readonly #components: RescanComponents
  readonly #options: RescanOptions
  readonly #view: ClusterConfig
  readonly #sets: VoterSets
  readonly #progress: RescanProgress = { registers: 0, copied: 0, copiedBytes: 0, settled: 0 }

  /** `view`: the config whose voters, old and new, must come to hold everything. */
  constructor(components: RescanComponents, view: ClusterConfig, options: RescanOptions) {
    this.#components = components
    this.#view = view
    this.#options = options
    this.#sets = voterSets(view)
  }

  /** Throws NO_QUORUM when too few voters can be asked, STALE_EPOCH when the config moved on: begin again then. */
  async run(): Promise<RescanProgress> {
    const { clock } = this.#components
    for (let afterKey: string | null = ''; afterKey !== null;) {
      const beganMs = clock.monotonicMs()
      afterKey = await this.#page(afterKey)
      this.#options.onProgress?.(this.#progress)
      if (afterKey !== null)
        await sleep(clock, (clock.monotonicMs() - beganMs) * PAUSE_SHARE, this.#options.signal)
    }
    return this.#progress
  }

  /** Answers with the last key of the page, or null when there is no more. */
  async #page(afterKey: string): Promise<string | null> {
    const pages = await this.#lists(afterKey)
    const ends = [...pages.values()].flatMap((rows) =>
      rows.length < ACCEPTED_PAGE_ROWS ? [] : [rows.at(-1)?.key ?? ''],
    )
    const upTo = ends.length === 0 ? null : ends.reduce((a, b) => (a < b ? a : b))
    const byVoter: PageRows = new Map(
      [...pages].map(([voter, rows]) => [voter, new Map(rows.map((row) => [row.key, row]))]),
    )
    const keys = new Set([...pages.values()].flat().map(({ key }) => key))
    const due = [...keys].filter((key) => upTo === null || key <= upTo)
    await this.#bringUp(due, byVoter)
    this.#progress.registers += due.length
    return upTo
  }

  /** The pages of all voters that answer: of a quorum of the old ones at least. */
  async #lists(afterKey: string): Promise<Map<NodeId, AcceptedDigest[]>> {
    const counting = allVoters(this.#sets).filter((voter) => this.#counts(voter))
    const { clock, voters } = this.#components
    const listOf = (voter: NodeId) =>
      voters.acceptedAfter(this.#view.epoch, voter, afterKey, this.#options.signal)
    const answers = await askMost(clock, counting, listOf, (has) => isQuorum(this.#sets, has))
    this.#assertEpoch()
    const pages = new Map(goodAnswers(answers).map(([voter, { rows }]) => [voter, rows]))
    if (!isQuorum([this.#view.voters], (voter) => pages.has(voter)))
      throw new ClusterError('NO_QUORUM', 'too few voters list their registers')
    return pages
  }

  async #bringUp(keys: readonly string[], pages: PageRows): Promise<void> {
    const chosen = keys.flatMap((key) => this.#chosenIn(key, pages) ?? [])
    const copies = new Map<NodeId, CopyItem[]>()
    for (const item of chosen)
      for (const to of this.#lacking(item, pages)) copies.set(to, [...(copies.get(to) ?? []), item])
    const taken = new Map(
      await Promise.all(
        [...copies].map(async ([to, items]) => [to, await this.#copyAll(to, items)] as const),
      ),
    )
    const hasNow = (voter: NodeId, item: CopyItem) =>
      holds(pages, voter, item) || (taken.get(voter)?.has(item.key) ?? false)
    const isHeld = (item: CopyItem) =>
      isQuorum(this.#sets, (voter) => this.#counts(voter) && hasNow(voter, item)) &&
      this.#options.without.every((voter) => hasNow(voter, item))
    const held = new Set(chosen.filter(isHeld).map(({ key }) => key))
    await this.#settleAll(
      keys.filter((key) => !held.has(key)),
      pages,
    )
  }

  /** The value that a majority of one old set shows under one ballot: that is chosen. */
  #chosenIn(key: string, pages: PageRows): CopyItem | null {
    const { voters } = this.#view
    for (const voter of voters) {
      const row = pages.get(voter)?.get(key)
      if (!row) continue
      const holders = voters.filter((other) => isSameHead(pages.get(other)?.get(key) ?? null, row))
      if (holders.length >= majorityOf(voters.length)) return { ...row, from: voter }
    }
    return null
  }

  /**
   * Who must get it: the missing ones of a set without a majority, and whoever is to have everything. Not whoever did not
   * even list what it has: each copy to one that hangs would hold the rescan up.
   */
  #lacking(item: CopyItem, pages: PageRows): NodeId[] {
    const has = (voter: NodeId) => holds(pages, voter, item)
    const short = this.#sets.filter((set) => set.filter(has).length < majorityOf(set.length)).flat()
    const isThere = (voter: NodeId) => pages.has(voter) || !this.#counts(voter)
    const wanted = new Set([...short.filter((voter) => this.#counts(voter)), ...this.#options.alsoTo])
    return [...wanted].filter((voter) => isThere(voter) && !has(voter))
  }

  /** Answers with the keys that the voter took. */
  async #copyAll(to: NodeId, items: readonly CopyItem[]): Promise<ReadonlySet<string>> {
    const taken = new Set<string>()
    for (let from = 0; from < items.length; from += COPY_ITEMS_MAX) {
      const some = items.slice(from, from + COPY_ITEMS_MAX)
      for (const batch of batches(some, await this.#values(some))) await this.#copy(to, batch, taken)
    }
    return taken
  }

  async #copy(to: NodeId, batch: readonly ChosenItem[], taken: Set<string>): Promise<void> {
    const { epoch } = this.#view
    const answers = await this.#components.voters.copy(epoch, to, batch).catch((error: unknown) => {
      if (hasCode(error, 'STALE_EPOCH')) throw error
      return []
    })
    for (const [i, item] of batch.entries()) {
      if (!answers[i]) continue
      taken.add(item.key)
      this.#progress.copied++
      this.#progress.copiedBytes += item.value.length
    }
  }

  /** From this node's own rows where they are the same, else from a voter that holds them. */
  async #values(items: readonly CopyItem[]): Promise<Map<string, Uint8Array>> {
    const { storage, voters } = this.#components
    const values = new Map<string, Uint8Array>()
    const missing = new Map<NodeId, CopyItem[]>()
    for (const item of items) {
      const learned = storage.learned(item.key)
      if (learned && isSameHead(learned, item)) values.set(item.key, learned.value)
      else missing.set(item.from, [...(missing.get(item.from) ?? []), item])
    }
    for (const [from, wanted] of missing) {
      const { answers } = await voters.read(
        this.#view,
        from,
        wanted.map(({ key }) => ({ key, known: null })),
      )
      for (const [i, item] of wanted.entries()) {
        const held = answers[i]?.held
        if (held?.value && isSameHead(held, item)) values.set(item.key, held.value)
      }
    }
    return values
  }

  async #settleAll(keys: readonly string[], pages: PageRows): Promise<void> {
    const { proposer } = this.#components
    for (let from = 0; from < keys.length; from += SETTLES_AT_ONCE) {
      this.#assertEpoch()
      const some = keys.slice(from, from + SETTLES_AT_ONCE)
      const settled = await Promise.all(
        some.map(async (key) => ({ key, chosen: await proposer.settle(key, this.#above(key, pages)) })),
      )
      await this.#giveBack(settled.flatMap(({ key, chosen }) => (chosen ? [{ key, ...chosen }] : [])))
      this.#progress.settled += some.length
    }
    this.#assertEpoch()
  }

  /** A voter that is let in again takes only what lies above its floor (R9). */
  #above(key: string, pages: PageRows): Ballot {
    const highest = highestBallot(key, pages)
    return this.#options.without.length === 0 ? highest : maxBallot(highest, this.#components.storage.floor())
  }

  /**
   * What rounds have settled, for the voters that take part in none. They must not count before they hold it: a reader may
   * have asked one of the others before that round, and would find the two agreeing on nothing (simulation, seed 57764).
   */
  async #giveBack(settled: readonly ChosenItem[]): Promise<void> {
    const values = new Map(settled.map(({ key, value }) => [key, value]))
    for (const voter of this.#options.without) {
      const taken = new Set<string>()
      for (const batch of batches(settled, values)) await this.#copy(voter, batch, taken)
      if (taken.size === values.size) continue
      const message = `node ${voter} did not take all of what was settled; it is not let in yet`
      throw new ClusterError('NO_QUORUM', message, { voter })
    }
  }

  #counts(voter: NodeId): boolean {
    return !this.#options.without.includes(voter)
  }

  #assertEpoch(): void {
    this.#options.signal.throwIfAborted()
    this.#components.fence.assertCurrent(this.#view.epoch)
  }
}

function highestBallot(key: string, pages: PageRows): Ballot {
  const ballots = [...pages.values()].flatMap((rows) => rows.get(key)?.ballot ?? [])
  return ballots.reduce((a, b) => (compareBallots(a, b) >= 0 ? a : b), ZERO_BALLOT)
}

function holds(pages: PageRows, voter: NodeId, item: CopyItem): boolean {
  return isSameHead(pages.get(voter)?.get(item.key) ?? null, item)
}

/** Items without a value are left out: a round of their own decides those. */
function* batches(
  items: readonly Pick<ChosenItem, 'key' | 'ballot'>[],
  values: ReadonlyMap<string, Uint8Array>,
): Generator<ChosenItem[]> {
  let batch: ChosenItem[] = []
  let sizeBytes = 0
  for (const { key, ballot } of items) {
    const value = values.get(key)
    if (!value) continue
    if (batch.length > 0 && sizeBytes + value.length > COPY_BYTES_MAX) {
      yield batch
      batch = []
      sizeBytes = 0
    }
    batch.push({ key, ballot, value })
    sizeBytes += value.length
  }
  if (batch.length > 0) yield batch
}
