/**
 * Answers what other nodes (and this one) ask of this node's registers: votes, reads, forwarded operations, catch-up.
 * Every request has passed the epoch fence.
 */
import { ClusterError } from '../errors.ts'
import type { NodeId } from '../network/rpc-port.ts'
import type { Acceptor } from './acceptor.ts'
import { answerChanges, answerDigests, type CatchUp } from './catch-up.ts'
import type { Coordinator } from './coordinator.ts'
import { compareBallots } from './ballot.ts'
import type { CurrentConfig } from './current-config.ts'
import type { EpochFence } from './epoch-fence.ts'
import { valueDigest } from './register-value.ts'
import type { RegisterStorage } from './storage.ts'
import { ACCEPTED_PAGE_ROWS } from './voter-client.ts'
import {
  parseCatchUpRequest,
  parseVoteRequest,
  type AcceptedAnswer,
  type CatchUpRequest,
  type CommitNotice,
  type SeenVotes,
  type VoteRequest,
  type WitnessAnswer,
} from './vote-messages.ts'

export interface RegisterServerComponents {
  self: NodeId
  config: CurrentConfig
  fence: EpochFence
  storage: RegisterStorage
  acceptor: Acceptor
  coordinator: Pick<Coordinator, 'executeForwarded'>
  catchUp: Pick<CatchUp, 'follow'>
  /** Null while this node may vote on every register, else why not. */
  abstains: () => string | null
  /** Whether it could soon vote; see VotingRight. */
  getReady: () => boolean
}

export class RegisterServer {
  readonly #components: RegisterServerComponents

  constructor(components: RegisterServerComponents) {
    this.#components = components
    const { fence } = components
    fence.serve('votes', async (body, epoch, from) => this.#answerVote(parseVoteRequest(body), epoch, from))
    fence.serve('catch-up', async (body, _epoch, from) =>
      this.#answerCatchUp(parseCatchUpRequest(body), from),
    )
  }

  async #answerVote(request: VoteRequest, epoch: number, from: NodeId): Promise<unknown> {
    const { self, acceptor, coordinator } = this.#components
    switch (request.kind) {
      case 'prepare':
        return acceptor.prepare(epoch, request.key, request.ballot)
      case 'accept':
        return acceptor.accept(epoch, request)
      case 'read':
        return acceptor.read(epoch, request.items)
      case 'remove':
        return acceptor.remove(epoch, request.key, request.ballot)
      case 'copy':
        return Promise.all(request.items.map((item) => acceptor.copy(epoch, item, from === self)))
      case 'committed':
        this.#noteVotes(request.votes)
        return this.#noteCommitted(request.items, from)
      case 'execute':
        return coordinator.executeForwarded(request.key, request.call, request.since)
    }
  }

  /** Whoever may not vote has no complete list of anything either; only what it has witnessed it may tell (R8). */
  async #answerCatchUp(request: CatchUpRequest, from: NodeId): Promise<unknown> {
    const { abstains, getReady } = this.#components
    if (request.kind === 'witness') return this.#witness(from)
    if (request.kind === 'get-ready') return getReady()
    const reason = abstains()
    if (reason !== null) throw new ClusterError('NOT_VOTING', `this node does not vote: ${reason}`)
    const { storage, acceptor } = this.#components
    if (request.kind === 'changes') return answerChanges(storage, acceptor, request)
    if (request.kind === 'digests') return answerDigests(storage, request)
    const [floor, removals] = [storage.floor(), acceptor.removals()]
    const rows = await storage.acceptedAfter(request.afterKey, Math.min(request.limit, ACCEPTED_PAGE_ROWS))
    return { floor, removals, rows } satisfies AcceptedAnswer
  }

  #witness(asker: NodeId): WitnessAnswer {
    const { storage, acceptor, config } = this.#components
    return {
      identity: storage.identity(),
      floor: storage.floor(),
      seen: storage.witnessed(asker),
      hasConfig: config.row() !== null,
      removals: acceptor.removals(),
    }
  }

  #noteVotes(votes: readonly SeenVotes[]): void {
    const { self, storage } = this.#components
    for (const { voter, ...identity } of votes) if (voter !== self) storage.noteWitness(voter, identity)
  }

  async #noteCommitted(notices: readonly CommitNotice[], from: NodeId): Promise<null> {
    const isUsable = await Promise.all(notices.map((notice) => this.#take(notice)))
    if (isUsable.includes(false)) this.#components.catchUp.follow(from)
    return null
  }

  /**
   * A chosen value, told by its proposer. False for a register that is not known here and may have been removed (R9): a
   * voter's floor lies above everything that it has removed. What cannot be used is left to catch-up.
   */
  async #take({ key, ballot, digest, value }: CommitNotice): Promise<boolean> {
    const { storage, abstains } = this.#components
    const learned = storage.learned(key)
    const isSurelyNew = abstains() === null && compareBallots(ballot, storage.floor()) > 0
    if (!learned && !isSurelyNew) return false
    const held = value ? { value, digest: valueDigest(value) } : learned
    if (held?.digest === digest)
      await storage.learn(key, { ballot, digest, value: held.value, settled: true })
    return true
  }
}
