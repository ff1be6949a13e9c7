/**
 * Whether this node may vote (rule R8). A voter that forgot what it voted could undo what was acknowledged, so at start it
 * asks a majority what they have seen of it, and looks for its database in the cluster config:
 *
 * | found | then |
 * |---|---|
 * | no config register anywhere, at a majority | a new cluster: it votes on the config alone, and writes the genesis, unless it has lost votes |
 * | its database is named, nobody has seen a higher vote sequence of it | it votes |
 * | it is not named, and has never voted | it claims its place in the config, then votes |
 * | another database is named, or votes of its own are missing or damaged | re-admission |
 *
 * Re-admission, without anybody's help while the others form a majority: a new database uuid; the claim, which makes a new
 * epoch, so that no round that counts a forgotten vote can end any more; a rescan in which the others alone form the
 * quorums; then it votes again. A voter that is only about to join (R10) needs no rescan of its own: until the change
 * ends, each quorum has a majority of the old voters in it, and it ends with a rescan that began after the claim.
 */
import { ClusterError } from '../errors.ts'
import type { ClusterConfig } from '../membership/cluster-config.ts'
import type { NodeId } from '../network/rpc-port.ts'
import { sleep, stopController, type Clock, type Log } from '../runtime.ts'
import { maxBallot } from './ballot.ts'
import { BOOTSTRAP, CLAIM } from './config-operations.ts'
import { CONFIG_KEY } from './config-register.ts'
import type { CurrentConfig } from './current-config.ts'
import type { EpochFence } from './epoch-fence.ts'
import type { Proposer } from './proposer.ts'
import { allVoters, askEach, goodAnswers, isQuorum, isVoter, voterSets } from './quorum.ts'
import { Rescan, type RescanProgress } from './rescan.ts'
import { SharedRun } from './shared-run.ts'
import { StaleRows } from './stale-rows.ts'
import type { RegisterStorage } from './storage.ts'
import type { VoterClient } from './voter-client.ts'
import type { WitnessAnswer } from './vote-messages.ts'

export interface VotingRightComponents {
  self: NodeId
  clock: Clock
  log: Log
  config: CurrentConfig
  fence: EpochFence
  voters: VoterClient
  storage: RegisterStorage
  proposer: Proposer
  mintOpId: () => string
  /** Told whenever this node may vote on every register from now on. */
  onGranted: () => void
}

/** `genesis`: on the config register alone. */
type Right = { votes: 'always' } | { votes: 'genesis' } | { votes: 'never'; why: string }

/** Found out; the next look may find something else. */
type Verdict = 'granted' | 'genesis' | 'claim' | 'lost' | 'not a voter' | 'unknown'

/** Once one has answered, the others have this much more: a voter that is away must not hold up every start. */
const WITNESS_GRACE_MS = 200
/** Peers come up one after the other; asking is cheap. */
const RETRY_EVERY_MS = 300
/** How long what was done ahead of time counts: the change that asked for it begins within a second. */
const READY_FOR_MS = 60_000
/** How often a new cluster waits for the voters that are not up yet, so that the genesis names their databases, too. */
const GENESIS_TRIES = 5
const STARTING = 'it has just started and asks the other voters whether it has forgotten votes'
const FORGOTTEN = 'it has lost votes and waits to be re-admitted'

export class VotingRight {
  readonly #components: VotingRightComponents
  readonly #stopping = stopController()
  /** One look at a time, and another one after it when something has changed meanwhile. */
  readonly #look = new SharedRun(() => this.#untilDecided())
  readonly #staleRows: StaleRows
  #right: Right = { votes: 'never', why: STARTING }
  #isGettingReady = false
  #readySinceMs = -Infinity
  #genesisTries = 0
  /** Votes are missing or damaged: the past is to be given up before anything else. */
  #isLost = false
  #progress: RescanProgress | null = null

  constructor(components: VotingRightComponents) {
    this.#components = components
    this.#staleRows = new StaleRows(components)
    components.config.onChanged((config) => this.#configChanged(config))
  }

  start(): void {
    void this.#look.run()
  }

  stop(): void {
    this.#stopping.abort(new ClusterError('STOPPING', 'the registers stop'))
  }

  /** Null while this node may vote on `key`, else why not. */
  abstains(key: string): string | null {
    const right = this.#right
    if (right.votes === 'always') return null
    if (right.votes === 'never') return right.why
    return key === CONFIG_KEY ? null : 'the cluster config is not written yet'
  }

  /**
   * Whether this node has done what it can before it is to vote, so that a change of the voters does not stand still for it;
   * begins with it where it has not.
   */
  getReady(): boolean {
    const { clock } = this.#components
    if (this.#right.votes === 'always' || clock.monotonicMs() - this.#readySinceMs < READY_FOR_MS) return true
    if (!this.#isGettingReady) void this.#dropStaleRowsAhead()
    return false
  }

  async #dropStaleRowsAhead(): Promise<void> {
    const { clock, config, log } = this.#components
    this.#isGettingReady = true
    try {
      await this.#staleRows.dropAhead(config.current(), this.#stopping.signal)
      this.#readySinceMs = clock.monotonicMs()
    } catch (error) {
      log.info({ error: String(error) }, 'this node is not ready to vote; it tries again when it is asked')
    } finally {
      this.#isGettingReady = false
    }
  }

  /** How far a re-admission has come, or null when there is none under way. */
  get readmission(): RescanProgress | null {
    return this.#progress
  }

  /** A vote of this node turned out to be damaged: it may have lost others (R1). */
  lose(why: string): void {
    if (this.#right.votes !== 'always') return
    this.#components.log.error({ why }, 'this node has lost votes: it votes again once it is re-admitted')
    this.#right = { votes: 'never', why: `it has lost votes (${why}) and waits to be re-admitted` }
    this.#isLost = true
    void this.#look.run()
  }

  #configChanged(config: ClusterConfig): void {
    const { self, storage } = this.#components
    const mayVote = isVoter(config, self)
    const isNamed = config.databases[self] === storage.identity().dbUuid
    if (this.#right.votes === 'always' && mayVote && isNamed) return
    this.#right = { votes: 'never', why: mayVote ? STARTING : 'it is no voter' }
    void this.#look.run()
  }

  async #untilDecided(): Promise<void> {
    const { clock, log } = this.#components
    const { signal } = this.#stopping
    while (!signal.aborted) {
      try {
        if (this.#isLost) await this.#giveUpPast()
        const verdict = await this.#judge()
        if (verdict === 'granted') return await this.#grant()
        if (verdict === 'not a voter') return await this.#retire()
        if (verdict === 'genesis') await this.#writeGenesis()
        if (verdict === 'claim') await this.#claim()
        if (verdict === 'lost') this.#isLost = true
        if (verdict !== 'unknown') continue
      } catch (error) {
        log.info({ error: String(error) }, 'this node may not vote yet; it tries again')
      }
      await sleep(clock, RETRY_EVERY_MS, signal).catch(() => {})
    }
  }

  async #judge(): Promise<Verdict> {
    const { self, config, storage } = this.#components
    const view = config.current()
    if (!isVoter(view, self)) return config.row() ? 'not a voter' : 'unknown'
    const isAlone = allVoters(voterSets(view)).length === 1
    if (!storage.isIntact) return this.#damaged(isAlone)
    const witnesses = await this.#witnesses(view)
    if (config.current() !== view) return this.#judge()
    const informed = [...witnesses].find(([, answer]) => answer.hasConfig)
    if (!config.row() && informed) {
      await this.#components.fence.fetch(informed[0])
      return config.row() ? this.#judge() : 'unknown'
    }
    if (!isQuorum(voterSets(view), (voter) => voter === self || witnesses.has(voter))) {
      this.#right = { votes: 'never', why: `${this.#reason()}; too few of the others answer` }
      return 'unknown'
    }
    for (const { floor } of witnesses.values()) this.#components.voters.noteFloor(floor)
    if (!config.row()) return this.#mayFound()
    return this.#judgeDatabase(view, [...witnesses.values()])
  }

  /** Who has lost votes was in a cluster: it waits for somebody who still knows its config. */
  #mayFound(): Verdict {
    if (this.#components.storage.isAdmitted) return 'genesis'
    this.#right = { votes: 'never', why: `${FORGOTTEN}; nobody who answers knows the cluster config` }
    return 'unknown'
  }

  #judgeDatabase(view: ClusterConfig, witnesses: readonly WitnessAnswer[]): Verdict {
    const { self, storage } = this.#components
    const { dbUuid, voteSequence } = storage.identity()
    const seen = witnesses.flatMap((answer) => answer.seen).filter((past) => past.dbUuid === dbUuid)
    if (seen.some((past) => past.voteSequence > voteSequence)) return 'lost'
    const named = view.databases[self]
    if (named === dbUuid) return 'granted'
    if (named === undefined) return voteSequence > 0 && storage.isAdmitted ? 'lost' : 'claim'
    return storage.isAdmitted ? 'lost' : 'claim'
  }

  /** Of a voter that does not vote yet: what it waits for. */
  #reason(): string {
    return this.#components.storage.isAdmitted ? STARTING : FORGOTTEN
  }

  /** Nobody could tell a lone voter what it has forgotten. */
  #damaged(isAlone: boolean): Verdict {
    if (!isAlone) return 'lost'
    const why = 'its votes are damaged and no other voter has them: run "serac recover --from-this-node"'
    this.#right = { votes: 'never', why }
    return 'unknown'
  }

  /**
   * Whoever belongs to the cluster is asked, whether it votes or not: a database that was rolled back to the time when
   * this node voted alone names no other voter, but somebody may know of a newer config.
   */
  async #witnesses(view: ClusterConfig): Promise<Map<NodeId, WitnessAnswer>> {
    const { self, clock, voters } = this.#components
    const members = new Set([...allVoters(voterSets(view)), ...view.nodes.map(({ id }) => id)])
    members.delete(self)
    const answers = await askEach(
      [...members],
      (voter) => voters.witness(view.epoch, voter, this.#stopping.signal),
      { clock, graceMs: WITNESS_GRACE_MS, isDue: () => true },
    )
    return new Map(goodAnswers(answers))
  }

  async #giveUpPast(): Promise<void> {
    const { storage, log } = this.#components
    const { dbUuid } = storage.identity()
    await storage.renewIdentity(false)
    this.#isLost = false
    log.error(
      { was: dbUuid, now: storage.identity().dbUuid },
      'this node gave up its votes: they were incomplete',
    )
    this.#right = { votes: 'never', why: FORGOTTEN }
  }

  /** A former voter keeps no votes: when it becomes one again, they would be old. */
  async #retire(): Promise<void> {
    const { storage } = this.#components
    this.#right = { votes: 'never', why: 'it is no voter' }
    if (storage.identity().voteSequence === 0) return
    await storage.renewIdentity(true)
  }

  async #grant(): Promise<void> {
    const { self, storage, voters, config, log } = this.#components
    const view = config.current()
    const isNew = !storage.isAdmitted || storage.identity().voteSequence === 0
    if (isNew) await this.#staleRows.drop(view, this.#stopping.signal)
    if (!storage.isAdmitted && view.voters.includes(self)) await this.#readmit(view)
    await storage.raiseFloor(maxBallot(storage.floor(), voters.floorSeen))
    if (!storage.isAdmitted) await storage.setAdmitted(true)
    if (config.current() !== view) return
    this.#right = { votes: 'always' }
    log.info({ epoch: view.epoch, dbUuid: storage.identity().dbUuid }, 'this node votes')
    this.#components.onGranted()
  }

  /** Afterwards everything that was ever chosen is held by a majority without this node, and by this node too. */
  async #readmit(view: ClusterConfig): Promise<void> {
    const { self, log } = this.#components
    log.warn({}, 're-admission: the other voters bring everything that was chosen to a majority of theirs')
    const rescan = new Rescan(this.#components, view, {
      without: [self],
      alsoTo: [self],
      signal: this.#stopping.signal,
      onProgress: (progress) => {
        this.#progress = { ...progress }
      },
    })
    try {
      log.warn({ ...(await rescan.run()) }, 're-admission: every register was looked at')
    } finally {
      this.#progress = null
    }
  }

  async #claim(): Promise<void> {
    const { self, storage } = this.#components
    const { dbUuid } = storage.identity()
    this.#right = { votes: 'never', why: this.#reason() }
    await this.#change(CLAIM, { node: self, dbUuid })
  }

  /**
   * Names the databases of all voters that are up, a majority at least: the others claim their places when they come, by
   * the votes of those that are named.
   */
  async #writeGenesis(): Promise<void> {
    const { self, config, storage, clock } = this.#components
    const view = config.current()
    this.#right = { votes: 'genesis' }
    const witnesses = await this.#witnesses(view)
    const isUp = (voter: NodeId) => voter === self || witnesses.has(voter)
    const isWhole = allVoters(voterSets(view)).every(isUp)
    const mustWait = !isWhole && ++this.#genesisTries < GENESIS_TRIES
    if (mustWait || !isQuorum(voterSets(view), isUp))
      return sleep(clock, RETRY_EVERY_MS, this.#stopping.signal)
    const named = [...witnesses].filter(([id]) => isVoter(view, id))
    const databases = Object.fromEntries(named.map(([id, { identity }]) => [id, identity.dbUuid]))
    databases[self] = storage.identity().dbUuid
    await this.#change(BOOTSTRAP, { ...view, databases })
  }

  /** Proposes it here: this node's own acceptor may abstain, the others decide. */
  async #change(name: string, args: unknown): Promise<void> {
    const { proposer, mintOpId, config } = this.#components
    const outcome = await proposer.execute(CONFIG_KEY, { name, args, opId: mintOpId() }, null)
    if (!outcome.done) throw new ClusterError('MEMBERSHIP_REFUSED', outcome.refusal.message)
    await config.refresh(proposer)
  }
}
