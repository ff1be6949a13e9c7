/** Asks one voter, over the control plane (this node's own acceptor answers in place). Also notes who voted with what. */
import { ClusterError, hasCode } from '../errors.ts'
import type { ClusterConfig } from '../membership/cluster-config.ts'
import type { NodeId } from '../network/rpc-port.ts'
import { LATE_TIMER_MS, type Clock } from '../runtime.ts'
import type { ChosenItem } from './acceptor.ts'
import { maxBallot, ZERO_BALLOT, type Ballot } from './ballot.ts'
import type { EpochFence } from './epoch-fence.ts'
import type { OperationCall } from './operations.ts'
import type { RegisterStorage, VoterIdentity } from './storage.ts'
import type {
  AcceptAnswer,
  AcceptedAnswer,
  AcceptRequest,
  CatchUpRequest,
  CommitNotice,
  Outcome,
  PrepareAnswer,
  ReadsAnswer,
  Since,
  VoteRequest,
  WitnessAnswer,
} from './vote-messages.ts'

/** A voter that has not answered by then counts as away; also how long a lost majority takes to be noticed (R6). */
export const VOTE_TIMEOUT_MS = 1000
/** Forwarded operations may take several rounds at the coordinator. */
export const EXECUTE_TIMEOUT_MS = 4000
/** A page of copied values is one batch of the voter's disk, and one large message. */
export const COPY_TIMEOUT_MS = 10_000
const WITNESS_TIMEOUT_MS = 1000
/** Rows of one page of a voter's list: some 100 bytes each. */
export const ACCEPTED_PAGE_ROWS = 1000
const ACCEPTED_TIMEOUT_MS = 5000

export class VoterClient {
  readonly #fence: EpochFence
  readonly #storage: RegisterStorage
  readonly #clock: Clock
  /** When each voter last answered anything that is asked of voters; monotonic ms. */
  readonly #heardMs = new Map<NodeId, number>()
  #floorSeen: Ballot = ZERO_BALLOT

  constructor(fence: EpochFence, storage: RegisterStorage, clock: Clock) {
    this.#fence = fence
    this.#storage = storage
    this.#clock = clock
  }

  /** The highest floor that any voter has shown, this node's own included (R9). */
  get floorSeen(): Ballot {
    return maxBallot(this.#floorSeen, this.#storage.floor())
  }

  noteFloor(floor: Ballot): void {
    this.#floorSeen = maxBallot(this.#floorSeen, floor)
  }

  /** `config`: the one whose quorum the answer will be counted in. */
  async prepare(config: ClusterConfig, to: NodeId, key: string, ballot: Ballot): Promise<PrepareAnswer> {
    const answer = (await this.#ask(config.epoch, to, { kind: 'prepare', key, ballot })) as PrepareAnswer
    this.#noteVote(config, to, answer.identity)
    if (answer.promised) this.noteFloor(answer.floor)
    return answer
  }

  async accept(config: ClusterConfig, to: NodeId, request: AcceptRequest): Promise<AcceptAnswer> {
    const answer = (await this.#ask(config.epoch, to, { kind: 'accept', ...request })) as AcceptAnswer
    this.#noteVote(config, to, answer.identity)
    return answer
  }

  /** One answer per item, in order. */
  async read(
    config: ClusterConfig,
    to: NodeId,
    items: { key: string; known: Ballot | null }[],
  ): Promise<ReadsAnswer> {
    const answer = (await this.#ask(config.epoch, to, { kind: 'read', items })) as ReadsAnswer
    this.#noteVote(config, to, answer.identity)
    this.noteFloor(answer.floor)
    if (answer.answers.length !== items.length)
      throw new ClusterError(
        'BAD_FRAME',
        `node ${to} answered ${answer.answers.length} of ${items.length} reads`,
      )
    return answer
  }

  /** Resolves when the peer has taken the notices. */
  async committed(
    { epoch, voters }: ClusterConfig,
    to: NodeId,
    items: readonly CommitNotice[],
  ): Promise<void> {
    // A voter whose link to that peer is away votes all the same: with it, the peer can still bear witness (R8).
    const votes = voters.flatMap((voter) =>
      this.#storage.witnessed(voter).map((identity) => ({ voter, ...identity })),
    )
    await this.#ask(epoch, to, { kind: 'committed', items, votes })
  }

  async execute(epoch: number, to: NodeId, key: string, call: OperationCall, since: Since): Promise<Outcome> {
    const request: VoteRequest = { kind: 'execute', key, call, since }
    return (await this.#send(epoch, to, request, EXECUTE_TIMEOUT_MS)) as Outcome
  }

  /**
   * Whether the voter answers anything at all within `timeoutMs`, however busy it is and whatever it says. A busy voter that
   * is taken for a silent one has its operations proposed beside it, which makes it busier still.
   */
  async isThere(epoch: number, to: NodeId, timeoutMs: number): Promise<boolean> {
    const askedMs = this.#clock.monotonicMs()
    try {
      await this.#send(epoch, to, { kind: 'read', items: [] }, timeoutMs)
      return true
    } catch (error) {
      if (!hasCode(error, 'RPC_TIMEOUT')) return !hasCode(error, 'PEER_UNREACHABLE')
      const wasLate = this.#clock.monotonicMs() - askedMs >= timeoutMs + LATE_TIMER_MS
      return wasLate || (this.#heardMs.get(to) ?? -Infinity) >= askedMs
    }
  }

  /** Whether the voter removed the register, or has none. */
  async remove(epoch: number, to: NodeId, key: string, ballot: Ballot): Promise<boolean> {
    return (await this.#ask(epoch, to, { kind: 'remove', key, ballot })) as boolean
  }

  /** What a node knows of this node's votes, and of its own (R8); also of a node that may not vote. */
  async witness(epoch: number, to: NodeId, signal?: AbortSignal): Promise<WitnessAnswer> {
    const request: CatchUpRequest = { kind: 'witness' }
    const options = { timeoutMs: WITNESS_TIMEOUT_MS, ...(signal && { signal }) }
    return (await this.#fence.ask(to, 'catch-up', request, epoch, options)) as WitnessAnswer
  }

  /** Whether the node could soon vote: asked again until it could. */
  async getReady(epoch: number, to: NodeId, signal: AbortSignal): Promise<boolean> {
    const request: CatchUpRequest = { kind: 'get-ready' }
    const options = { timeoutMs: WITNESS_TIMEOUT_MS, signal }
    return (await this.#fence.ask(to, 'catch-up', request, epoch, options)) as boolean
  }

  /** What the voter has accepted, strictly after `afterKey`; less than ACCEPTED_PAGE_ROWS = there is no more. */
  async acceptedAfter(
    epoch: number,
    to: NodeId,
    afterKey: string,
    signal: AbortSignal,
  ): Promise<AcceptedAnswer> {
    const request: CatchUpRequest = { kind: 'accepted', afterKey, limit: ACCEPTED_PAGE_ROWS }
    const options = { timeoutMs: ACCEPTED_TIMEOUT_MS, signal }
    return (await this.#fence.ask(to, 'catch-up', request, epoch, options)) as AcceptedAnswer
  }

  /** For each item, whether the voter holds it now. */
  async copy(epoch: number, to: NodeId, items: readonly ChosenItem[]): Promise<boolean[]> {
    const request: VoteRequest = { kind: 'copy', items }
    return (await this.#send(epoch, to, request, COPY_TIMEOUT_MS)) as boolean[]
  }

  /** A vote from a database that the config does not name does not count (R8). Throws NOT_VOTING. */
  #noteVote(config: ClusterConfig, voter: NodeId, identity: VoterIdentity): void {
    this.#storage.noteWitness(voter, identity)
    const named = config.databases[voter]
    if (named !== undefined && named !== identity.dbUuid)
      throw new ClusterError('NOT_VOTING', `node ${voter} answers from a database that may not vote`)
  }

  #ask(epoch: number, to: NodeId, request: VoteRequest): Promise<unknown> {
    return this.#send(epoch, to, request, VOTE_TIMEOUT_MS)
  }

  async #send(epoch: number, to: NodeId, request: VoteRequest, timeoutMs: number): Promise<unknown> {
    const answer = await this.#fence.ask(to, 'votes', request, epoch, { timeoutMs })
    this.#heardMs.set(to, this.#clock.monotonicMs())
    return answer
  }
}
