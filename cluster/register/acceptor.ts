/**
 * The acceptor: one node's vote on each register (rules R1 and R2). It answers a promise or an accept only when the
 * batch that holds it is durable; what is decided but not durable yet is held in `#pending`, so that later decisions
 * on the same key see it. Every decision is made under the epoch of the request, or not at all (R10).
 */
import { ClusterError, hasCode } from '../errors.ts'
import type { NodeId } from '../network/rpc-port.ts'
import type { BallotSource } from './ballot-source.ts'
import { compareBallots, justAbove, maxBallot, sameBallot, type Ballot } from './ballot.ts'
import type { CurrentConfig } from './current-config.ts'
import type { EpochFence } from './epoch-fence.ts'
import { isVoter } from './quorum.ts'
import { valueDigest } from './register-value.ts'
import type { AcceptorState, RegisterStorage } from './storage.ts'
import type { AcceptAnswer, AcceptRequest, PrepareAnswer, ReadAnswer, ReadsAnswer } from './vote-messages.ts'

export interface AcceptorComponents {
  self: NodeId
  /** New at every process start. */
  startNonce: string
  config: CurrentConfig
  fence: EpochFence
  storage: RegisterStorage
  /** This node's own ballots are to be above what it has promised others: else its first try at a key is refused. */
  ballots: Pick<BallotSource, 'note'>
  /** Null while this node may vote on the key; else why it must not (amnesia, failed integrity check, failed disk). */
  abstains: (key: string) => string | null
  /** A vote of this node turned out to be damaged: it may have forgotten others, too (R1). */
  onDamage: (error: Error) => void
}

/** A value with the ballot that it was chosen at. */
export interface ChosenItem {
  key: string
  ballot: Ballot
  value: Uint8Array
}

interface Pending {
  state: AcceptorState
  durable: Promise<void>
}

export class Acceptor {
  readonly #components: AcceptorComponents
  readonly #pending = new Map<string, Pending>()
  #removed = 0
  #removing = 0

  constructor(components: AcceptorComponents) {
    this.#components = components
  }

  /** Promises `ballot` for `key` unless an equal or higher one was promised. Throws NOT_VOTING, STALE_EPOCH. */
  async prepare(epoch: number, key: string, ballot: Ballot): Promise<PrepareAnswer> {
    this.#assertVoting(epoch, key)
    const state = this.#latest(key)
    if (compareBallots(ballot, state.promised) <= 0)
      return { identity: this.#identity(), promised: false, highest: state.promised }
    await this.#persist(key, { ...state, promised: ballot }, false)
    const floor = this.#components.storage.floor()
    return { identity: this.#identity(), promised: true, accepted: state.accepted, floor }
  }

  /**
   * Accepts `value` at `ballot` unless a higher ballot was promised; `next` is promised in the same write. Accepting the
   * same twice is a success.
   */
  async accept(epoch: number, request: AcceptRequest): Promise<AcceptAnswer> {
    this.#assertVoting(epoch, request.key)
    return this.#accept(request)
  }

  /**
   * What is durably accepted here, for reads without promise (R5). A vote that is still being written does not count:
   * a reader that counted it could serve what a crash takes back.
   */
  read(epoch: number, items: readonly { key: string; known: Ballot | null }[]): ReadsAnswer {
    const answers = items.map(({ key, known }) => this.#readOne(epoch, key, known))
    return { identity: this.#identity(), floor: this.#components.storage.floor(), answers }
  }

  /**
   * Removes a register whose last value every voter has accepted at `ballot` (R9). True when it is gone; false when it
   * moved on, or was promised to somebody else. Only while no change of the voters is under way: the new ones would not
   * know the floor.
   */
  async remove(epoch: number, key: string, ballot: Ballot): Promise<boolean> {
    this.#assertVoting(epoch, key)
    const { config, storage } = this.#components
    if (config.current().joint)
      throw new ClusterError('MEMBERSHIP_REFUSED', 'a change of the voters is under way')
    const { promised, accepted } = this.#latest(key)
    if (!accepted) return true
    if (!sameBallot(accepted.ballot, ballot)) return false
    // A promise above tells somebody the tombstone, who will write it again where it was removed already.
    if (compareBallots(promised, ballot) > 0) return false
    const floor = maxBallot(justAbove(ballot), storage.floor())
    this.#removing++
    try {
      await this.#hold(key, { promised: floor, accepted: null }, storage.remove(key, floor))
    } finally {
      this.#removed++
      this.#removing--
    }
    return true
  }

  /**
   * Names what this acceptor has removed: as long as it shows the same, it has removed nothing. Null while a removal is being
   * written.
   */
  removals(): string | null {
    return this.#removing > 0 ? null : `${this.#components.startNonce}/${this.#removed}`
  }

  /**
   * Accepts a chosen value under its own ballot (R10), as if its proposer had sent it here. `isOwn`: this node copies it
   * for itself before it may vote; until then nobody counts it.
   */
  async copy(epoch: number, { key, ballot, value }: ChosenItem, isOwn: boolean): Promise<boolean> {
    if (!isOwn) this.#assertVoting(epoch, key)
    this.#components.fence.assertCurrent(epoch)
    return (await this.#accept({ key, ballot, value })).accepted
  }

  async #accept({ key, ballot, value, next = null }: AcceptRequest): Promise<AcceptAnswer> {
    const state = this.#latest(key)
    const digest = valueDigest(value)
    if (state.accepted && sameBallot(state.accepted.ballot, ballot)) {
      if (state.accepted.digest !== digest) throw twoValues(key)
      await this.#pending.get(key)?.durable
      const hasPromised = next !== null && sameBallot(state.promised, next)
      return { identity: this.#identity(), accepted: true, hasPromised }
    }
    const isRemoved = !state.accepted && compareBallots(ballot, this.#components.storage.floor()) <= 0
    if (isRemoved || compareBallots(ballot, state.promised) < 0)
      return { identity: this.#identity(), accepted: false, highest: state.promised }
    const promised = next === null ? ballot : maxBallot(ballot, next)
    await this.#persist(key, { promised, accepted: { ballot, value, digest } }, true)
    return { identity: this.#identity(), accepted: true, hasPromised: next !== null }
  }

  /** Whether the vote for `key` at `ballot` is still what is durably accepted here. */
  holds(key: string, ballot: Ballot): boolean {
    const head = this.#noticingDamage(() => this.#components.storage.accepted(key))
    return head !== null && sameBallot(head.ballot, ballot)
  }

  #readOne(epoch: number, key: string, known: Ballot | null): ReadAnswer {
    this.#assertVoting(epoch, key)
    const { storage } = this.#components
    const head = this.#noticingDamage(() => storage.accepted(key))
    if (!head) return { held: null }
    const { ballot, digest } = head
    if (known && sameBallot(known, ballot)) return { held: { ballot, digest, value: null } }
    return { held: this.#stored(key)?.accepted ?? null }
  }

  /** Where nothing was accepted the floor counts as promised (R9), whatever was promised besides. */
  #latest(key: string): AcceptorState {
    const floor = this.#components.storage.floor()
    const known = this.#pending.get(key)?.state ?? this.#stored(key)
    if (known?.accepted) return known
    return { promised: known ? maxBallot(known.promised, floor) : floor, accepted: null }
  }

  #stored(key: string): AcceptorState | null {
    return this.#noticingDamage(() => this.#components.storage.acceptorState(key))
  }

  #noticingDamage<T>(look: () => T): T {
    try {
      return look()
    } catch (error) {
      if (hasCode(error, 'CORRUPT_VALUE')) this.#components.onDamage(error)
      throw error
    }
  }

  #persist(key: string, state: AcceptorState, accepted: boolean): Promise<void> {
    this.#components.ballots.note(state.promised)
    return this.#hold(key, state, this.#components.storage.vote(key, state, accepted))
  }

  async #hold(key: string, state: AcceptorState, durable: Promise<void>): Promise<void> {
    const pending: Pending = { state, durable }
    this.#pending.set(key, pending)
    try {
      await durable
    } finally {
      if (this.#pending.get(key) === pending) this.#pending.delete(key)
    }
  }

  #identity() {
    return this.#components.storage.identity()
  }

  #assertVoting(epoch: number, key: string): void {
    const { self, config, fence, abstains } = this.#components
    fence.assertCurrent(epoch)
    const reason = abstains(key)
    if (reason !== null) throw new ClusterError('NOT_VOTING', `node ${self} does not vote: ${reason}`)
    if (!isVoter(config.current(), self))
      throw new ClusterError('NOT_VOTING', `node ${self} is no voter of epoch ${epoch}`)
  }
}

/** One ballot belongs to one proposer and one value: a second one is damage, never a tie (R1). */
function twoValues(key: string): ClusterError {
  return new ClusterError('CORRUPT_VALUE', `two values were proposed for ${key} under one ballot`, { key })
}
