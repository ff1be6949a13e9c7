/**
 * Removes a register for good (rule R9). Removing it wherever it is seen brings deleted records back: a voter that missed
 * the deletion still has the old one. So every voter must first accept the tombstone once more, under one ballot, and only
 * then does each drop it, and refuses from then on everything at or below that ballot, for whatever key it knows nothing of.
 */
import { ClusterError } from '../errors.ts'
import type { ClusterConfig, ConfigView } from '../membership/cluster-config.ts'
import type { NodeId } from '../network/rpc-port.ts'
import type { BallotSource } from './ballot-source.ts'
import { maxBallot, type Ballot } from './ballot.ts'
import type { RecordState } from './operations.ts'
import { highestAccepted } from './proposer.ts'
import { askEach, goodAnswers } from './quorum.ts'
import { decodeValue } from './register-value.ts'
import type { AcceptAnswer, PrepareAnswer } from './vote-messages.ts'
import type { VoterClient } from './voter-client.ts'

export interface TombstoneCollectorComponents {
  config: ConfigView
  voters: VoterClient
  ballots: BallotSource
}

/**
 * `removed`: it is gone, by this call or another that ran meanwhile. `kept`: it is alive, or not due. `contended`: somebody else
 * works on it.
 */
export type Collected = 'removed' | 'absent' | 'kept' | 'contended'

export class TombstoneCollector {
  readonly #components: TombstoneCollectorComponents

  constructor(components: TombstoneCollectorComponents) {
    this.#components = components
  }

  /**
   * Removes the register if it holds a tombstone that `isDue` lets go. Throws NO_QUORUM, with the voters that are away,
   * unless every one of them answers, and MEMBERSHIP_REFUSED while the voters change.
   */
  async collect(key: string, isDue: (tombstone: RecordState) => boolean): Promise<Collected> {
    const { config, voters, ballots } = this.#components
    const view = config.current()
    if (view.joint) throw new ClusterError('MEMBERSHIP_REFUSED', 'a change of the voters is under way')
    const ballot = ballots.next()
    const promises = await this.#askAll(view, (voter) => voters.prepare(view, voter, key, ballot))
    if (this.#isRefused(promises)) return 'contended'
    const held = highestAccepted(new Map(promises))
    if (!held) return 'absent'
    const state = decodeValue(held.value)
    if (state.live || !isDue(state)) return 'kept'
    const { value } = held
    const accepts = await this.#askAll(view, (voter) => voters.accept(view, voter, { key, ballot, value }))
    if (this.#isRefused(accepts)) return 'contended'
    const removed = await this.#askAll(view, (voter) => voters.remove(view.epoch, voter, key, ballot))
    return removed.every(([, isGone]) => isGone) ? 'removed' : 'contended'
  }

  async #askAll<R>(view: ClusterConfig, ask: (voter: NodeId) => Promise<R>): Promise<[NodeId, R][]> {
    const answers = await askEach(view.voters, ask)
    const good = goodAnswers(answers)
    if (good.length === view.voters.length) return good
    const away = view.voters.filter((voter) => answers.get(voter) instanceof Error)
    throw new ClusterError('NO_QUORUM', `not every voter answers: ${away.join(', ')}`, { away })
  }

  /** Somebody else's ballot stands in the way: noted, so that the next try is above it. */
  #isRefused(answers: readonly [NodeId, PrepareAnswer | AcceptAnswer][]): boolean {
    const higher = answers.flatMap(([, answer]): Ballot[] => ('highest' in answer ? [answer.highest] : []))
    if (higher.length === 0) return false
    this.#components.ballots.note(higher.reduce(maxBallot))
    return true
  }
}
