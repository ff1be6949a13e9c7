/**
 * Catch-up (rule R11): follows the change logs of the voters, so that learner rows, and the index built from them, hold
 * every change that a majority has acknowledged. It reads, never votes, and never writes acceptor state.
 */
import { ClusterError, hasCode } from '../errors.ts'
import type { ConfigView } from '../membership/cluster-config.ts'
import type { NodeId } from '../network/rpc-port.ts'
import { sleep, stopController, type Clock, type Log } from '../runtime.ts'
import type { Acceptor } from './acceptor.ts'
import { compareBallots, type Ballot } from './ballot.ts'
import type { EpochFence } from './epoch-fence.ts'
import { inPages } from './in-pages.ts'
import { OpenVotes } from './open-votes.ts'
import type { Proposer } from './proposer.ts'
import { allVoters, askVoters, goodAnswers, isDecided, isQuorum, isVoter, voterSets } from './quorum.ts'
import { READ_KEYS_MAX } from './read-queue.ts'
import type { Reader } from './reader.ts'
import { pairRows } from './row-audit.ts'
import { settleWhatIsChosen } from './settle-row.ts'
import { SharedRun } from './shared-run.ts'
import type { ChangeEntry, RegisterStorage } from './storage.ts'
import type { CatchUpRequest, ChangesAnswer, DigestsAnswer } from './vote-messages.ts'

/** Rows of a log or digest page: some 100 bytes each, so a page stays below one frame. */
const PAGE_ROWS = 1000
const PAGE_TIMEOUT_MS = 2000
/** Without any hint, this is how late a change can be noticed here. */
const POLL_EVERY_MS = 10_000
/** While the first catch-up has not succeeded, and after a failed one. */
const RETRY_EVERY_MS = 500

export interface CatchUpComponents {
  self: NodeId
  clock: Clock
  log: Log
  config: ConfigView
  fence: EpochFence
  storage: RegisterStorage
  reader: Reader
  proposer: Proposer
  /** Null while this node's own rows count: while it may vote. */
  abstains: () => string | null
}

/**
 * Hints are followed so late. The notices of the same changes are mostly there by then; before, each change was read from
 * the log and looked at by a strong read, beside its own round.
 */
const HINT_FOLLOW_AFTER_MS = 1000

/** Keys to look at, each with the vote of the followed voter whose fate may be open. */
type Suspects = Map<string, Pick<ChangeEntry, 'ballot' | 'sequence'> | null>

/** Of a vote that a comparison found: it may lie anywhere in the log, so everything is compared again next time. */
const BEFORE_THE_LOG = 0

export class CatchUp {
  readonly #components: CatchUpComponents
  /** Each answers with the epoch that the log was followed under. */
  readonly #following = new Map<NodeId, SharedRun<number>>()
  readonly #freshen: SharedRun<void>
  /** Voters that have sent hints since they were followed last. */
  readonly #hinted = new Set<NodeId>()
  readonly #stopping = stopController()
  readonly #openVotes: OpenVotes
  #caughtUp = false

  constructor(components: CatchUpComponents) {
    this.#components = components
    this.#freshen = new SharedRun(() => this.#freshenNow())
    this.#openVotes = new OpenVotes(components, this.#stopping.signal)
  }

  /** True once a majority's logs were followed to their heads since this process began. */
  get caughtUp(): boolean {
    return this.#caughtUp
  }

  start(): void {
    void this.#poll()
  }

  stop(): void {
    this.#stopping.abort(new ClusterError('STOPPING', 'catch-up stops'))
  }

  /** What the first catch-up lacked may be there now: it is tried again at once. */
  retry(): void {
    if (!this.#caughtUp) this.freshen().catch(() => {})
  }

  /**
   * Resolves when the learner rows hold every change acknowledged before the call, settled. Callers that come while a
   * round runs share the next one. Throws NO_QUORUM.
   */
  freshen(): Promise<void> {
    return this.#freshen.run()
  }

  /** Follows one voter's log now: when its link came up, say. Best effort. */
  follow(voter: NodeId): void {
    if (!isVoter(this.#components.config.current(), voter)) return
    if (voter === this.#components.self) return
    this.#followShared(voter)
      .run()
      .catch((error: unknown) =>
        this.#components.log.debug({ voter, error: String(error) }, 'could not follow a change log'),
      )
  }

  /** As `follow`, in a moment: a hint from it says that there is news, and hints come with each change. */
  followSoon(voter: NodeId): void {
    if (this.#hinted.has(voter)) return
    this.#hinted.add(voter)
    this.#components.clock.after(HINT_FOLLOW_AFTER_MS, () => {
      this.#hinted.delete(voter)
      if (!this.#stopping.signal.aborted) this.follow(voter)
    })
  }

  async #poll(): Promise<void> {
    const { clock, log } = this.#components
    const { signal } = this.#stopping
    while (!signal.aborted) {
      const isDone = await this.freshen().then(
        () => true,
        (error: unknown) => {
          if (!hasCode(error, 'NO_QUORUM'))
            log.warn({ error: String(error) }, 'catch-up failed; it will be tried again')
          return false
        },
      )
      await sleep(clock, isDone ? POLL_EVERY_MS : RETRY_EVERY_MS, signal).catch(() => {})
    }
  }

  async #freshenNow(): Promise<void> {
    const { config, self, storage, abstains } = this.#components
    const { epoch } = config.current()
    const sets = voterSets(config.current())
    const own = () =>
      abstains() === null ? Promise.resolve(epoch) : Promise.reject(new Error('does not vote'))
    const answers = await askVoters<number>(
      allVoters(sets),
      (voter) => (voter === self ? own() : this.#followShared(voter).run()),
      (got) => isDecided(sets, got, (followed) => followed === epoch),
    )
    const followed = new Map(goodAnswers(answers).filter(([, under]) => under === epoch))
    if (!isQuorum(sets, (voter) => followed.has(voter))) {
      if (config.current().epoch !== epoch) return this.#freshenNow()
      throw new ClusterError('NO_QUORUM', 'too few voters let their change log be followed')
    }
    await this.#settle(storage.unsettledKeys())
    if (!this.#caughtUp) this.#components.log.info({}, 'caught up with a majority')
    this.#caughtUp = true
  }

  /** Strong reads make the rows settled, but for those whose fate is open. */
  async #settle(keys: readonly string[]): Promise<void> {
    const open = new Map<string, Ballot>()
    await inPages(keys, READ_KEYS_MAX, async (key) => {
      const ballot = await settleWhatIsChosen(this.#components, key)
      if (ballot) open.set(key, ballot)
    })
    this.#openVotes.note(open)
  }

  #followShared(voter: NodeId): SharedRun<number> {
    let shared = this.#following.get(voter)
    if (!shared) {
      shared = new SharedRun(() => this.#followNow(voter))
      this.#following.set(voter, shared)
    }
    return shared
  }

  /**
   * Reads a voter's log to its head and settles every key whose local row is older or unsettled.
   *
   * A vote may be younger than what is chosen: it may be chosen later, with no further entry in this log. So the cursor
   * stays before it until its fate is known (the voter itself settles what nobody else does): else a list that follows
   * this voter and another that did not vote for it would miss an acknowledged change.
   */
  async #followNow(voter: NodeId): Promise<number> {
    const { storage, config } = this.#components
    const { epoch } = config.current()
    const { dbUuid } = storage.identity()
    const suspects: Suspects = new Map()
    // The log of a voter that is new does not tell of what was removed before it came.
    let cursor = storage.cursor(voter) ?? (await this.#compareDigests(voter, suspects, epoch))
    for (;;) {
      const request: CatchUpRequest = { kind: 'changes', cursor, limit: PAGE_ROWS }
      const page = (await this.#ask(voter, request, epoch)) as ChangesAnswer
      if (page.trimmed) {
        const message = 'a change log does not reach back far enough: all registers are compared'
        this.#components.log.info({ voter }, message)
        cursor = await this.#compareDigests(voter, suspects, epoch)
        continue
      }
      for (const entry of page.entries)
        if (this.#isSuspect(entry.key, entry.ballot)) suspects.set(entry.key, entry.isHeld ? entry : null)
      const last = page.entries.at(-1)
      if (!last || last.sequence >= page.head) {
        // Only what was read through to the head is noted, and only after it was looked at: a crash repeats it.
        await this.#settle([...suspects.keys()])
        const end = last?.sequence ?? page.head
        const sequence = Math.min(end, this.#firstOpen(suspects) - 1)
        const isSameVoter = storage.identity().dbUuid === dbUuid
        if (sequence >= 0 && isSameVoter) await storage.setCursor(voter, { dbUuid: page.dbUuid, sequence })
        return epoch
      }
      cursor = { dbUuid: page.dbUuid, sequence: last.sequence }
    }
  }

  /**
   * For a log that does not reach back far enough: compares everything the voter knows, and everything known here that
   * it does not know: that may have been removed (R9).
   */
  async #compareDigests(voter: NodeId, suspects: Suspects, epoch: number) {
    let from: DigestsAnswer['cursor'] | null = null
    let afterKey = ''
    for (;;) {
      const request: CatchUpRequest = { kind: 'digests', afterKey, limit: PAGE_ROWS }
      const page = (await this.#ask(voter, request, epoch)) as DigestsAnswer
      from ??= page.cursor
      const last = page.rows.length < PAGE_ROWS ? undefined : page.rows.at(-1)
      for (const { key, theirs } of pairRows(this.#components.storage, afterKey, page.rows, !last)) {
        if (!theirs) suspects.set(key, null)
        else if (this.#isSuspect(key, theirs.ballot))
          suspects.set(key, theirs.settled ? null : { ballot: theirs.ballot, sequence: BEFORE_THE_LOG })
      }
      if (!last) return from
      afterKey = last.key
    }
  }

  /** The place in the log of the first vote that is younger than what was found chosen. */
  #firstOpen(suspects: Suspects): number {
    let first = Infinity
    for (const [key, vote] of suspects) {
      const learned = this.#components.storage.learnedHead(key)
      const isOpen = vote && (!learned || compareBallots(learned.ballot, vote.ballot) < 0)
      if (isOpen) first = Math.min(first, vote.sequence)
    }
    return first
  }

  #isSuspect(key: string, ballot: Ballot): boolean {
    const learned = this.#components.storage.learnedHead(key)
    return !learned?.settled || compareBallots(learned.ballot, ballot) < 0
  }

  #ask(voter: NodeId, request: CatchUpRequest, epoch: number): Promise<unknown> {
    const { signal } = this.#stopping
    return this.#components.fence.ask(voter, 'catch-up', request, epoch, {
      timeoutMs: PAGE_TIMEOUT_MS,
      signal,
    })
  }
}

/** Serves the other side of catch-up from this node's own learner rows. */
export function answerChanges(
  storage: RegisterStorage,
  acceptor: Pick<Acceptor, 'holds'>,
  request: CatchUpRequest & { kind: 'changes' },
): ChangesAnswer {
  const page = storage.changesSince(request.cursor, Math.min(request.limit, PAGE_ROWS))
  const entries = page.entries.map((entry) => ({ ...entry, isHeld: acceptor.holds(entry.key, entry.ballot) }))
  return { ...page, entries }
}

/** Serves the ordered comparison, page by page. */
export function answerDigests(
  storage: RegisterStorage,
  request: CatchUpRequest & { kind: 'digests' },
): DigestsAnswer {
  const { dbUuid, head } = storage.changesSince(null, 0)
  const rows = storage.learnedDigests(request.afterKey, Math.min(request.limit, PAGE_ROWS))
  return { cursor: { dbUuid, sequence: head }, rows }
}
