/**
 * The acceptor: one node's vote on each register (rules R1 and R2). It answers a promise or an accept only when the
 * batch that holds it is durable; what is decided but not durable yet is held in `#pending`, so that later decisions
 * on the same key see it.
 */
import { ClusterError } from '../errors.ts'
import type { ConfigView } from '../membership/cluster-config.ts'
import type { NodeId } from '../network/rpc-port.ts'
import { compareBallots, sameBallot, type Ballot } from './ballot.ts'
import { allVoters, voterSets } from './quorum.ts'
import { valueDigest } from './register-value.ts'
import type { AcceptorState, RegisterStorage } from './storage.ts'
import type { AcceptAnswer, PrepareAnswer, ReadAnswer } from './vote-messages.ts'

export interface AcceptorComponents {
  self: NodeId
  config: ConfigView
  storage: RegisterStorage
  /** Null while this node may vote; else why it must not (amnesia, failed integrity check, failed disk). */
  abstains: () => string | null
}

interface Pending {
  state: AcceptorState
  durable: Promise<void>
}

export class Acceptor {
  readonly #components: AcceptorComponents
  readonly #pending = new Map<string, Pending>()

  constructor(components: AcceptorComponents) {
    this.#components = components
  }

  /** Promises `ballot` for `key` unless an equal or higher one was promised. Throws NOT_VOTING. */
  async prepare(key: string, ballot: Ballot): Promise<PrepareAnswer> {
    this.#assertVoting()
    const state = this.#latest(key)
    if (compareBallots(ballot, state.promised) <= 0)
      return { identity: this.#identity(), promised: false, highest: state.promised }
    await this.#persist(key, { ...state, promised: ballot }, false)
    const floor = this.#components.storage.floor()
    return { identity: this.#identity(), promised: true, accepted: state.accepted, floor }
  }

  /** Accepts `value` at `ballot` unless a higher ballot was promised. Accepting the same twice is a success. */
  async accept(key: string, ballot: Ballot, value: Uint8Array): Promise<AcceptAnswer> {
    this.#assertVoting()
    const state = this.#latest(key)
    const digest = valueDigest(value)
    if (state.accepted && sameBallot(state.accepted.ballot, ballot)) {
      if (state.accepted.digest !== digest) throw twoValues(key)
      await this.#pending.get(key)?.durable
      return { identity: this.#identity(), accepted: true }
    }
    if (compareBallots(ballot, state.promised) < 0)
      return { identity: this.#identity(), accepted: false, highest: state.promised }
    await this.#persist(key, { promised: ballot, accepted: { ballot, value, digest } }, true)
    return { identity: this.#identity(), accepted: true }
  }

  /**
   * What is durably accepted here, for a read without promise (R5). A vote that is still being written does not count:
   * a reader that counted it could serve what a crash takes back.
   */
  read(key: string, known: Ballot | null): ReadAnswer {
    this.#assertVoting()
    const accepted = this.#components.storage.acceptorState(key)?.accepted
    if (!accepted) return { held: null }
    const value = known && sameBallot(known, accepted.ballot) ? null : accepted.value
    return { held: { ballot: accepted.ballot, digest: accepted.digest, value } }
  }

  #latest(key: string): AcceptorState {
    const { storage } = this.#components
    const known = this.#pending.get(key)?.state ?? storage.acceptorState(key)
    return known ?? { promised: storage.floor(), accepted: null }
  }

  async #persist(key: string, state: AcceptorState, accepted: boolean): Promise<void> {
    const pending: Pending = { state, durable: this.#components.storage.vote(key, state, accepted) }
    this.#pending.set(key, pending)
    try {
      await pending.durable
    } finally {
      if (this.#pending.get(key) === pending) this.#pending.delete(key)
    }
  }

  #identity() {
    return this.#components.storage.identity()
  }

  #assertVoting(): void {
    const { self, config, abstains } = this.#components
    const reason = abstains()
    if (reason !== null) throw new ClusterError('NOT_VOTING', `node ${self} does not vote: ${reason}`)
    if (!allVoters(voterSets(config.current())).includes(self))
      throw new ClusterError('NOT_VOTING', `node ${self} is no voter of epoch ${config.current().epoch}`)
  }
}

/** One ballot belongs to one proposer and one value: a second one is damage, never a tie (R1). */
function twoValues(key: string): ClusterError {
  return new ClusterError('CORRUPT_VALUE', `two values were proposed for ${key} under one ballot`, { key })
}
