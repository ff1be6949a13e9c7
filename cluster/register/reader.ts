/**
 * Strong reads (rule R5): a quorum tells (accepted ballot, digest) without promise or fsync. When they are all equal,
 * that value is chosen and is served; when they differ and stay so, one identity round settles it.
 */
import { ClusterError, toError } from '../errors.ts'
import type { ClusterConfig, ConfigView, LivenessView } from '../membership/cluster-config.ts'
import type { NodeId } from '../network/rpc-port.ts'
import { sleep, type Clock } from '../runtime.ts'
import { compareBallots, minBallot, ZERO_BALLOT, type Ballot } from './ballot.ts'
import { isSameHead } from './learner-head.ts'
import type { ChosenValue, Proposer } from './proposer.ts'
import {
  allVoters,
  goodAnswers,
  isNearQuorum,
  isQuorum,
  voterSets,
  type Answers,
  type VoterSets,
} from './quorum.ts'
import { ReadQueue, type EpochAnswer } from './read-queue.ts'
import type { AcceptedHead, RegisterStorage } from './storage.ts'
import type { ReadAnswer } from './vote-messages.ts'
import type { VoterClient } from './voter-client.ts'

/**
 * How long a reader that holds a quorum of differing answers waits for the others. They mostly differ because an accept
 * is on its way; an identity round would only collide with it.
 */
const DIFFER_GRACE_MS = 20
/**
 * Reads before an identity round. With a voter away there are no others to wait for, and a round for every read that met
 * an accept on its way kept the writers of a busy image from ending theirs.
 */
const READS_MAX = 3

/**
 * How long the voters that are asked first may take until the others are asked, too. A few times what a busy cluster
 * needs: asking everybody at once would make every read of three voters cost half as much again.
 */
const HEDGE_AFTER_MS = 50

/** How long an order of voters holds, ms: reads are too many to find it anew each time. */
const ORDER_HOLDS_MS = 50
/** A voter that takes so many times as long as the quickest, and some ms on top, is asked after the others. */
const SLOW_FACTOR = 3
const SLOW_MARGIN_MS = 2

export interface ReaderComponents {
  self: NodeId
  clock: Clock
  config: ConfigView
  liveness: LivenessView
  voters: VoterClient
  storage: RegisterStorage
  proposer: Proposer
}

/** What a strong read finds. */
export interface FoundValue {
  ballot: Ballot
  digest: string
  /** Null: this node's own settled row is that value, or one that was chosen since the read began. */
  value: Uint8Array | null
}

/** What a strong read comes to. */
export type Finding = { found: FoundValue } | Absence

/** There is no value. */
export interface Absence {
  found: null
  /** Whatever of this register was chosen up to here has been removed (R9); what is chosen later lies above. */
  removedUpTo: Ballot
}

/** Nobody told how far. */
const ABSENT: Absence = { found: null, removedUpTo: ZERO_BALLOT }

export class Reader {
  readonly #components: ReaderComponents
  readonly #queues = new Map<NodeId, ReadQueue>()
  #order: (ReadOrder & { view: ClusterConfig; untilMs: number }) | null = null

  constructor(components: ReaderComponents) {
    this.#components = components
  }

  /** The chosen value of `key` at some moment after the call began, or null when it has none. Throws NO_QUORUM. */
  async read(key: string): Promise<ChosenValue | null> {
    const found = await this.find(key)
    return found && this.#withValue(key, found)
  }

  /** As `read`, but for values that this node holds, settled: whoever keeps them in another form needs no look at them. */
  async find(key: string): Promise<FoundValue | null> {
    return (await this.look(key)).found
  }

  /** As `find`; where there is nothing it also says what that means for older rows. */
  look(key: string): Promise<Finding> {
    return this.#look(key, READS_MAX)
  }

  async #withValue(key: string, { ballot, digest, value }: FoundValue): Promise<ChosenValue | null> {
    if (value) return { ballot, digest, value }
    const { storage, proposer } = this.#components
    const row = storage.learned(key)
    return row?.settled ? row : proposer.settle(key)
  }

  async #look(key: string, readsLeft: number): Promise<Finding> {
    const { config, storage } = this.#components
    const view = config.current()
    const answers = await this.#gather(view, key, storage.learnedHead(key)?.ballot ?? null)
    const agreed = agreement(voterSets(view), answers)
    if (!agreed) return this.#lookAgain(view, key, answers, readsLeft - 1)
    if (!agreed.held) return { found: null, removedUpTo: lowestFloor(agreed.answers) }
    const known = storage.learnedHead(key)
    const isKnown = isSameHead(known, agreed.held)
    // A row that is settled above what was agreed on was chosen after it, so after the call began.
    if (known?.settled && (isKnown || compareBallots(known.ballot, agreed.held.ballot) > 0))
      return { found: { ...known, value: null } }
    const value = this.#knownValue(key, agreed.held) ?? valueOf(agreed.answers)
    // It was left out as this node held it when it asked; a newer vote has taken its place since.
    if (!value) return this.#lookAgain(view, key, answers, readsLeft - 1)
    const { ballot, digest } = agreed.held
    const chosen = { ballot, digest, value }
    // A settled row that is lost with the process is learned again from the next read.
    storage.learn(key, { ...chosen, settled: true }).catch(() => {})
    return { found: chosen }
  }

  /** Of the register at this very ballot, where this node holds it, or did until its own vote on what may come next. */
  #knownValue(key: string, head: AcceptedHead): Uint8Array | null {
    const { storage } = this.#components
    if (isSameHead(storage.learnedHead(key), head)) return storage.learned(key)?.value ?? null
    const before = storage.chosenBefore(key)
    return before && isSameHead(before, head) ? before.value : null
  }

  /**
   * Under a newer config from the start; when a quorum answers and never agrees, by an identity round, which also has
   * patience with voters that have just started.
   */
  async #lookAgain(
    view: ClusterConfig,
    key: string,
    answers: Answers<EpochAnswer>,
    readsLeft: number,
  ): Promise<Finding> {
    const { clock, config, proposer } = this.#components
    if (config.current().epoch !== view.epoch) return this.look(key)
    const sets = voterSets(view)
    if (!isNearQuorum(sets, answers))
      throw new ClusterError('NO_QUORUM', 'no majority of voters answers', { key })
    const readers = new Map(goodAnswers(answers))
    if (readsLeft === 0 || !isQuorum(sets, (voter) => readers.has(voter)))
      return settled(await proposer.settle(key))
    await sleep(clock, DIFFER_GRACE_MS)
    return this.#look(key, readsLeft)
  }

  #queue(voter: NodeId): ReadQueue {
    let queue = this.#queues.get(voter)
    if (!queue) {
      queue = new ReadQueue(voter, this.#components)
      this.#queues.set(voter, queue)
    }
    return queue
  }

  /**
   * Answers until a quorum agrees, all have answered, or the grace after the first quorum has passed. Just as many voters
   * as decide are asked at first; the others when one of those fails, differs, or is slow.
   */
  #gather(
    view: ClusterConfig,
    key: string,
    known: ChosenValue['ballot'] | null,
  ): Promise<Answers<EpochAnswer>> {
    const { clock } = this.#components
    const sets = voterSets(view)
    const { voters, first } = this.#readOrder(view)
    return new Promise((resolve) => {
      const answers = new Map<NodeId, EpochAnswer | Error>()
      let cancelGrace: (() => void) | null = null
      let asked = 0
      const askUpTo = (count: number) => {
        const next = voters.slice(asked, count)
        asked = Math.max(asked, count)
        for (const voter of next)
          void this.#ask(view, voter, key, known).then((answer) => note(voter, answer))
      }
      const isHedged = first < voters.length
      const cancelHedge = isHedged ? clock.after(HEDGE_AFTER_MS, () => askUpTo(voters.length)) : () => {}
      const finish = () => {
        cancelHedge()
        cancelGrace?.()
        resolve(answers)
      }
      const note = (voter: NodeId, answer: EpochAnswer | Error) => {
        answers.set(voter, answer)
        if (answers.size === voters.length || agreement(sets, answers)) return finish()
        if (answer instanceof Error || answers.size === asked) askUpTo(voters.length)
        const good = new Map(goodAnswers(answers))
        if (!cancelGrace && isQuorum(sets, (id) => good.has(id)))
          cancelGrace = clock.after(DIFFER_GRACE_MS, finish)
      }
      askUpTo(first)
    })
  }

  #readOrder(view: ClusterConfig): ReadOrder {
    const nowMs = this.#components.clock.monotonicMs()
    if (this.#order?.view !== view || nowMs >= this.#order.untilMs)
      this.#order = { view, untilMs: nowMs + ORDER_HOLDS_MS, ...orderOf(view, this.#ranked(view)) }
    return this.#order
  }

  /** Those that are quick, then the slow, last those that are away: of each kind in the order of the ring. */
  #ranked(view: ClusterConfig): NodeId[] {
    const { self, liveness } = this.#components
    const voters = ringFrom(self, view)
    const delayOf = (voter: NodeId) => this.#queues.get(voter)?.delayMs ?? 0
    const others = voters.filter((voter) => voter !== self && liveness.isAlive(voter))
    const slowMs = Math.min(...others.map(delayOf)) * SLOW_FACTOR + SLOW_MARGIN_MS
    const rank = (voter: NodeId) => {
      if (voter === self) return 0
      if (!liveness.isAlive(voter)) return 2
      return delayOf(voter) > slowMs ? 1 : 0
    }
    return voters.toSorted((a, b) => rank(a) - rank(b))
  }

  #ask(
    view: ClusterConfig,
    voter: NodeId,
    key: string,
    known: ChosenValue['ballot'] | null,
  ): Promise<EpochAnswer | Error> {
    return this.#queue(voter)
      .read(key, known)
      .then((answer) => (answer.epoch === view.epoch ? answer : otherEpoch(voter)), toError)
  }
}

/** Whom a read asks: the `first` of `voters` are a quorum. */
interface ReadOrder {
  voters: readonly NodeId[]
  first: number
}

function orderOf(view: ClusterConfig, voters: readonly NodeId[]): ReadOrder {
  const sets = voterSets(view)
  let first = 1
  while (first < voters.length && !isQuorum(sets, (voter) => voters.indexOf(voter) < first)) first++
  return { voters, first }
}

/** Its own vote costs a node nothing; then each begins with another, so that they share the work. */
function ringFrom(self: NodeId, view: ClusterConfig): NodeId[] {
  const voters = allVoters(voterSets(view)).toSorted()
  return [...voters.filter((voter) => voter >= self), ...voters.filter((voter) => voter < self)]
}

function settled(found: ChosenValue | null): Finding {
  return found ? { found } : ABSENT
}

function lowestFloor(answers: readonly EpochAnswer[]): Ballot {
  const [first = ZERO_BALLOT, ...others] = answers.map(({ floor }) => floor)
  return others.reduce(minBallot, first)
}

function otherEpoch(voter: NodeId): ClusterError {
  return new ClusterError('STALE_EPOCH', `node ${voter} answered under another cluster config`)
}

interface Agreement {
  held: { ballot: ChosenValue['ballot']; digest: string } | null
  answers: EpochAnswer[]
}

/** The (ballot, digest) that a quorum of answers shares, if any. */
function agreement(sets: VoterSets, answers: Answers<EpochAnswer>): Agreement | null {
  const good = goodAnswers(answers)
  for (const [, { held }] of good) {
    const alike = new Map(good.filter(([, answer]) => isSameHead(answer.held, held)))
    if (isQuorum(sets, (voter) => alike.has(voter))) return { held, answers: [...alike.values()] }
  }
  return null
}

function valueOf(answers: ReadAnswer[]): Uint8Array | null {
  for (const { held } of answers) if (held?.value) return held.value
  return null
}
