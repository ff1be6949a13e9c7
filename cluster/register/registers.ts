/**
 * All registers of the cluster, as this node sees them: apply an operation, read strongly, bring the local rows up to
 * date. Composes acceptor, proposer, reader, coordinator and catch-up over one storage and one control plane.
 */
import type { ConfigView, LivenessView } from '../membership/cluster-config.ts'
import type { NodeId, PeerRpc } from '../network/rpc-port.ts'
import type { Clock, Log, Random } from '../runtime.ts'
import { Acceptor } from './acceptor.ts'
import { BallotSource } from './ballot-source.ts'
import { answerCatchUp, CatchUp } from './catch-up.ts'
import { Coordinator } from './coordinator.ts'
import type { OperationCall, OperationTable } from './operations.ts'
import { Proposer, type ChosenValue } from './proposer.ts'
import { QuorumMonitor } from './quorum-monitor.ts'
import { Reader } from './reader.ts'
import { valueDigest } from './register-value.ts'
import type { RegisterStorage } from './storage.ts'
import { parseCatchUpRequest, parseVoteRequest, type Outcome, type VoteRequest } from './vote-messages.ts'
import { VoterClient } from './voter-client.ts'

export interface RegistersComponents {
  self: NodeId
  /** 16 hex digits, new at every process start. */
  startNonce: string
  clock: Clock
  random: Random
  log: Log
  config: ConfigView
  liveness: LivenessView
  rpc: PeerRpc
  storage: RegisterStorage
  operations: OperationTable
  /** Null while this node may vote, else why not. */
  abstains: () => string | null
  /** Called when an operation proposed here was chosen, for hints to the peers. */
  onCommitted?: (key: string) => void
}

/** Read by the probe that looks for a lost majority (R6); always small. */
const PROBE_KEY = 'config'
/** Bytes of an operation id: never two alike. */
const OP_ID_BYTES = 16

export class Registers {
  readonly #components: RegistersComponents
  readonly #acceptor: Acceptor
  readonly #reader: Reader
  readonly #coordinator: Coordinator
  readonly #catchUp: CatchUp
  readonly #monitor: QuorumMonitor

  constructor(components: RegistersComponents) {
    this.#components = components
    const voters = new VoterClient(components.rpc, components.storage)
    const ballots = new BallotSource(components.startNonce)
    const proposer = new Proposer({ ...components, voters, ballots })
    this.#acceptor = new Acceptor(components)
    this.#reader = new Reader({ ...components, voters, proposer })
    this.#coordinator = new Coordinator({ ...components, voters, proposer, reader: this.#reader })
    this.#catchUp = new CatchUp({ ...components, reader: this.#reader, proposer })
    this.#monitor = new QuorumMonitor({ ...components, probe: () => this.#reader.read(PROBE_KEY) })
    components.rpc.handle('votes', async (_from, request) => this.#answerVote(parseVoteRequest(request)))
    components.rpc.handle('catch-up', async (_from, request) =>
      answerCatchUp(components.storage, parseCatchUpRequest(request)),
    )
  }

  start(): void {
    this.#catchUp.start()
  }

  stop(): void {
    this.#catchUp.stop()
    this.#monitor.stop()
  }

  /** Whether a majority of voters is thought to be reachable. */
  get hasQuorum(): boolean {
    return this.#monitor.available
  }

  /** Whether this node has followed a majority's logs since it started (R11). */
  get caughtUp(): boolean {
    return this.#catchUp.caughtUp
  }

  /** A fresh id for one request's operation, kept for all its retries (R4). */
  mintOpId(): string {
    return Buffer.from(this.#components.random.bytes(OP_ID_BYTES)).toString('hex')
  }

  /** Applies an operation. Throws NO_QUORUM, OUTCOME_UNKNOWN, UNKNOWN_OPERATION, VALUE_TOO_LARGE. */
  async execute(key: string, call: OperationCall): Promise<Outcome> {
    const outcome = await this.#monitor.guard(() => this.#coordinator.execute(key, call))
    if (outcome.done) this.#components.onCommitted?.(key)
    return outcome
  }

  /** The chosen value of a register, or null. Throws NO_QUORUM. */
  read(key: string): Promise<ChosenValue | null> {
    return this.#monitor.guard(() => this.#reader.read(key))
  }

  /** Resolves when the local learner rows hold every change acknowledged before the call. Throws NO_QUORUM. */
  freshen(): Promise<void> {
    return this.#monitor.guard(() => this.#catchUp.freshen())
  }

  /** Follows a voter's change log soon: its hint or its return says that there may be news. */
  follow(voter: NodeId): void {
    this.#catchUp.follow(voter)
  }

  async #answerVote(request: VoteRequest): Promise<unknown> {
    switch (request.kind) {
      case 'prepare':
        return this.#acceptor.prepare(request.key, request.ballot)
      case 'accept':
        return this.#acceptor.accept(request.key, request.ballot, request.value)
      case 'read':
        return request.items.map(({ key, known }) => this.#acceptor.read(key, known))
      case 'committed':
        return this.#noteCommitted(request)
      case 'execute':
        return this.#coordinator.executeForwarded(request.key, request.call, request.sinceVersion)
    }
  }

  /** A chosen value, told by its proposer. What cannot be used is left to catch-up. */
  async #noteCommitted({ key, ballot, digest, value }: VoteRequest & { kind: 'committed' }): Promise<null> {
    const { storage } = this.#components
    const bytes = value ?? storage.learned(key)?.value
    if (bytes && valueDigest(bytes) === digest)
      await storage.learn(key, { ballot, digest, value: bytes, settled: true })
    return null
  }
}
