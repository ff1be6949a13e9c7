/**
 * All registers of the cluster, as this node sees them: apply an operation, read strongly, bring the local rows up to
 * date. Composes acceptor, proposer, reader, coordinator and catch-up over one storage and one control plane.
 */
import type { LivenessView } from '../membership/cluster-config.ts'
import { within } from '../network/deadline.ts'
import type { NodeId, PeerRpc } from '../network/rpc-port.ts'
import type { Clock, Log, Random } from '../runtime.ts'
import { Acceptor } from './acceptor.ts'
import { BallotSource } from './ballot-source.ts'
import { CatchUp } from './catch-up.ts'
import { configOperations } from './config-operations.ts'
import { CommitNotices } from './commit-notices.ts'
import { Coordinator } from './coordinator.ts'
import type { CurrentConfig } from './current-config.ts'
import { EpochFence } from './epoch-fence.ts'
import { HeldPromises } from './held-promises.ts'
import { coordinatorsOf, isFirstCoordinator } from './key-order.ts'
import { JoinDesk } from './join-desk.ts'
import { Membership } from './membership.ts'
import type { OperationCall, OperationTable, RecordState } from './operations.ts'
import { Proposer, type ChosenValue } from './proposer.ts'
import { QuorumMonitor } from './quorum-monitor.ts'
import { Reader, type FoundValue } from './reader.ts'
import { RegisterServer } from './register-server.ts'
import type { RescanProgress } from './rescan.ts'
import { RowAudit } from './row-audit.ts'
import { dropIfRemoved } from './stale-rows.ts'
import type { RegisterStorage } from './storage.ts'
import { TombstoneCollector, type Collected } from './tombstone-collector.ts'
import type { Outcome } from './vote-messages.ts'
import { VoterClient } from './voter-client.ts'
import { VotingRight } from './voting-right.ts'

export interface RegistersComponents {
  self: NodeId
  /** 16 hex digits, new at every process start. */
  startNonce: string
  clock: Clock
  random: Random
  log: Log
  config: CurrentConfig
  liveness: LivenessView
  rpc: PeerRpc
  storage: RegisterStorage
  operations: OperationTable
  /** Why this node must not vote whatever the others say (a disk that refuses writes), else null. */
  abstains: () => string | null
  /** What acceptors have promised to this node along with its last changes. Default: nothing yet. */
  held?: HeldPromises
  /** Called when an operation proposed here was chosen, for hints to the peers. */
  onCommitted?: (key: string) => void
}

/** Read by the probe that looks for a lost majority (R6). Never written; not the config, which needs fewer voters (R10). */
const PROBE_KEY = 'probe'
/** Bytes of an operation id: never two alike. */
const OP_ID_BYTES = 16
/** Far above what it takes when all is well; a node whose disk hangs waits for its own rows. Other nodes can answer. */
const FRESHEN_TIMEOUT_MS = 10_000

export class Registers {
  readonly membership: Membership
  readonly desk: JoinDesk
  /** For the loop that looks for rows of this node that differ. */
  readonly rows: RowAudit
  readonly #components: RegistersComponents
  readonly #counts = { operations: { done: 0, refused: 0, failed: 0 }, reads: { done: 0, failed: 0 } }
  readonly #fence: EpochFence
  readonly #reader: Reader
  readonly #coordinator: Coordinator
  readonly #catchUp: CatchUp
  readonly #proposer: Proposer
  readonly #collector: TombstoneCollector
  readonly #votingRight: VotingRight
  readonly #monitor: QuorumMonitor

  constructor(components: RegistersComponents) {
    this.#components = components
    const fence = new EpochFence(components)
    const voters = new VoterClient(fence, components.storage, components.clock)
    const ballots = new BallotSource(components.startNonce)
    const operations = { ...configOperations, ...components.operations }
    const notices = new CommitNotices({ ...components, voters })
    const held = components.held ?? new HeldPromises()
    const proposer = new Proposer({ ...components, operations, voters, notices, ballots, held })
    const mintOpId = () => this.mintOpId()
    const parts = { ...components, fence, voters, ballots, proposer, mintOpId }
    const abstains = (key: string) => components.abstains() ?? this.#votingRight.abstains(key)
    this.#fence = fence
    this.#proposer = proposer
    this.#votingRight = new VotingRight({ ...parts, onGranted: () => this.#catchUp.retry() })
    const acceptor = new Acceptor({
      ...parts,
      abstains,
      onDamage: (error) => this.#votingRight.lose(error.message),
    })
    this.#reader = new Reader(parts)
    this.#coordinator = new Coordinator({ ...parts, reader: this.#reader })
    this.#catchUp = new CatchUp({ ...parts, reader: this.#reader, abstains: () => this.abstains() })
    this.rows = new RowAudit({ ...parts, reader: this.#reader })
    this.#collector = new TombstoneCollector(parts)
    // Not guarded: a change of the voters can be given up while too few of the new ones are there for anything else.
    const execute = (key: string, call: OperationCall) =>
      this.#announced(key, this.#coordinator.execute(key, call))
    this.membership = new Membership({ ...parts, execute })
    this.desk = new JoinDesk({ ...parts, membership: this.membership })
    this.#monitor = new QuorumMonitor({ ...components, probe: () => this.#reader.read(PROBE_KEY) })
    void new RegisterServer({
      ...parts,
      acceptor,
      coordinator: this.#coordinator,
      catchUp: this.#catchUp,
      abstains: () => this.abstains(),
      getReady: () => this.#votingRight.getReady(),
    })
  }

  start(): void {
    this.#votingRight.start()
    this.#catchUp.start()
    this.membership.start()
  }

  stop(): void {
    this.membership.stop()
    this.#catchUp.stop()
    this.#votingRight.stop()
    this.#monitor.stop()
  }

  /** Null while this node may vote on every register, else why not. */
  abstains(): string | null {
    return this.#components.abstains() ?? this.#votingRight.abstains('')
  }

  /** Votes of this node turned out to be missing or damaged (R1): it votes again once it was re-admitted (R8). */
  loseVotes(why: string): void {
    this.#votingRight.lose(why)
  }

  /** How far the re-admission of this node has come; null when there is none under way (R8). */
  get readmission(): RescanProgress | null {
    return this.#votingRight.readmission
  }

  /** Whether a majority of voters is thought to be reachable. */
  get hasQuorum(): boolean {
    return this.#monitor.available
  }

  /** Whether this node has followed a majority's logs since it started (R11). */
  get caughtUp(): boolean {
    return this.#catchUp.caughtUp
  }

  /** Since the start: what this node was asked for, and the rounds that it proposed. */
  get counts() {
    return { ...this.#counts, ...this.#proposer.counts }
  }

  /** A fresh id for one request's operation, kept for all its retries (R4). */
  mintOpId(): string {
    return Buffer.from(this.#components.random.bytes(OP_ID_BYTES)).toString('hex')
  }

  /**
   * Whether changes of a register are mostly this node's to propose (R7). Those that it asks for itself, one after the
   * other, then cost a single round each and are not forwarded: so make up keys for which this holds.
   */
  coordinates(key: string): boolean {
    const { self, config } = this.#components
    return isFirstCoordinator(self, key, config.current().voters)
  }

  /**
   * Whether this node sees to a register for now: it is the first of its coordinators that is alive. For work that any node may
   * do; two may do it at once, for they need not agree on who is alive.
   */
  seesTo(key: string): boolean {
    const { self, config, liveness } = this.#components
    const living = (voter: NodeId) => voter === self || liveness.isAlive(voter)
    return coordinatorsOf(key, config.current().voters).find(living) === self
  }

  /** Applies an operation. Throws NO_QUORUM, OUTCOME_UNKNOWN, UNKNOWN_OPERATION, VALUE_TOO_LARGE. */
  execute(key: string, call: OperationCall): Promise<Outcome> {
    return this.#announced(
      key,
      this.#monitor.guard(() => this.#coordinator.execute(key, call)),
    )
  }

  /**
   * As `execute`, on a register whose key was made up from random bits just now and is told to nobody before this has
   * succeeded. It needs no coordinator, as there is nobody to collide with, and half of the messages and syncs.
   */
  executeOnNewKey(key: string, call: OperationCall): Promise<Outcome> {
    return this.#announced(
      key,
      this.#monitor.guard(() => this.#proposer.executeOnNewKey(key, call)),
    )
  }

  /** The chosen value of a register, or null. Throws NO_QUORUM. */
  read(key: string): Promise<ChosenValue | null> {
    return this.#counted(this.#monitor.guard(() => this.#reader.read(key)))
  }

  /** As `read`, without the value where this node's own settled row is it. Throws NO_QUORUM. */
  find(key: string): Promise<FoundValue | null> {
    return this.#counted(this.#monitor.guard(() => this.#reader.find(key)))
  }

  /**
   * Resolves when the local learner rows hold every change acknowledged before the call. Throws NO_QUORUM, and RPC_TIMEOUT
   * when this node cannot take down what it learns.
   */
  freshen(): Promise<void> {
    const { clock } = this.#components
    const timeoutMs = FRESHEN_TIMEOUT_MS
    return this.#monitor.guard(() => within(clock, this.#catchUp.freshen(), { timeoutMs }))
  }

  /** Follows a voter's change log now: its return says that there may be news. */
  follow(voter: NodeId): void {
    this.#catchUp.follow(voter)
  }

  /** As `follow`, in a moment: a hint from a voter says that there may be news. */
  followSoon(voter: NodeId): void {
    this.#catchUp.followSoon(voter)
  }

  /**
   * Removes a register that holds a tombstone which `isDue` lets go (R9). Throws NO_QUORUM, naming who is away, unless
   * every voter answers.
   */
  collect(key: string, isDue: (tombstone: RecordState) => boolean): Promise<Collected> {
    return this.#collector.collect(key, isDue)
  }

  /**
   * Drops this node's row of a register that the voters have removed (R9); false while it is there or its fate is open.
   * Throws NO_QUORUM.
   */
  async forgetRemoved(key: string): Promise<boolean> {
    const { storage } = this.#components
    const learned = storage.learnedHead(key)
    if (!learned) return false
    const finding = await this.#monitor.guard(() => this.#reader.look(key))
    // Whoever removed it may have removed it here, too, meanwhile.
    if (finding.found || !storage.learnedHead(key)) return false
    return dropIfRemoved(this.#components, key, learned, finding.removedUpTo)
  }

  /** Takes the cluster config of a peer that showed a newer epoch. */
  fetchConfig(from: NodeId): Promise<void> {
    return this.#fence.fetch(from)
  }

  async #announced(key: string, executed: Promise<Outcome>): Promise<Outcome> {
    const { operations } = this.#counts
    const outcome = await executed.catch((error: unknown) => {
      operations.failed++
      throw error
    })
    operations[outcome.done ? 'done' : 'refused']++
    if (outcome.done) this.#components.onCommitted?.(key)
    return outcome
  }

  async #counted<T>(read: Promise<T>): Promise<T> {
    const { reads } = this.#counts
    const found = await read.catch((error: unknown) => {
      reads.failed++
      throw error
    })
    reads.done++
    return found
  }
}
