/**
 * The proposer: takes one operation through prepare and accept (CASPaxos, Rystsov 2018), on behalf of this node or of
 * another that forwarded it. Any node may propose at any time; rounds that collide cost time, never safety.
 */
import { ClusterError } from '../errors.ts'
import type { ClusterConfig, ConfigView } from '../membership/cluster-config.ts'
import type { NodeId } from '../network/rpc-port.ts'
import { sleep, type Clock, type Random } from '../runtime.ts'
import { compareBallots, maxBallot, minBallot, sameBallot, ZERO_BALLOT, type Ballot } from './ballot.ts'
import type { BallotSource } from './ballot-source.ts'
import type { CommitNotices } from './commit-notices.ts'
import { decide, KEEP, NEW_ATTEMPT, unknownOutcome, type Attempt, type Floors, type Step } from './attempt.ts'
import { acceptSets, promiseSets } from './config-quorum.ts'
import type { HeldPromise, HeldPromises } from './held-promises.ts'
import { isFirstCoordinator } from './key-order.ts'
import { findOperation, type OperationCall, type OperationTable } from './operations.ts'
import {
  allVoters,
  askVoters,
  goodAnswers,
  type Impatience,
  isDecided,
  isNearQuorum,
  isQuorum,
  voterSets,
  type Answers,
  type VoterSets,
} from './quorum.ts'
import { decodeValue, valueDigest, type RegisterValue } from './register-value.ts'
import type { RegisterStorage } from './storage.ts'
import type { AcceptAnswer, AcceptedValue, Outcome, PrepareAnswer, Since } from './vote-messages.ts'
import type { VoterClient } from './voter-client.ts'

/** An operation that has not gone through by then fails: the client's own retry is worth more than a longer wait. */
export const PROPOSE_DEADLINE_MS = 3000
/**
 * How long a round that was refused by one voter waits for the others, ms: one that hangs would cost each collision the
 * whole of VOTE_TIMEOUT_MS. Well above a healthy answer (some 15 ms).
 */
const REFUSED_GRACE_MS = 100
/** Back-off after a collision: random below attempt × this, so that duelling proposers part quickly. */
const BACK_OFF_STEP_MS = 8
const BACK_OFF_MS_MAX = 200
/** Pause, ms, while voters are up that may not vote yet: each try costs the others a sync, and they need some tenths. */
const STARTING_PAUSE_MS = 200
/** For so long; then it is a lost majority like any other (R6). */
const STARTING_PATIENCE_MS = 1000

export interface ProposerComponents {
  self: NodeId
  clock: Clock
  random: Random
  config: ConfigView
  voters: VoterClient
  notices: CommitNotices
  storage: RegisterStorage
  ballots: BallotSource
  operations: OperationTable
  held: HeldPromises
}

/** A register value that is known to be chosen; null when the register is empty. */
export interface ChosenValue {
  ballot: Ballot
  digest: string
  value: Uint8Array
}

/** What is put before the acceptors. */
interface Proposal {
  ballot: Ballot
  step: Step
  value: Uint8Array
  /** Of the promises that it stands on. */
  lowestFloor: Ballot
}

type StepOf = (current: RegisterValue | null, floors: Floors) => Step

type Round = { ended: true; chosen: ChosenValue | null; step: Step } | { ended: false }

export class Proposer {
  /** Since the start; lost: those that did not end their operation. */
  readonly counts = { rounds: 0, roundsLost: 0 }
  readonly #components: ProposerComponents

  constructor(components: ProposerComponents) {
    this.#components = components
  }

  /**
   * Applies an operation. `since`: where the register stood before some other node may have tried it; null when nobody
   * has. Throws NO_QUORUM (surely not applied), OUTCOME_UNKNOWN, FLOOR_MOVED (nothing was done under this call),
   * UNKNOWN_OPERATION, VALUE_TOO_LARGE.
   */
  async execute(key: string, call: OperationCall, since: Since | null): Promise<Outcome> {
    return this.#apply(key, { ...NEW_ATTEMPT, call, since })
  }

  /**
   * Applies an operation to a register whose key this node has made up from random bits, and has told to nobody: half the
   * messages and syncs. Throws as `execute`.
   */
  async executeOnNewKey(key: string, call: OperationCall): Promise<Outcome> {
    return this.#apply(key, { ...NEW_ATTEMPT, call, isUnheardOf: true })
  }

  async #apply(key: string, attempt: Attempt): Promise<Outcome> {
    const { call } = attempt
    const operation = findOperation(this.#components.operations, call.name)
    const { chosen, step } = await this.#untilEnded(key, attempt, (current, floors) =>
      decide(operation, attempt, current, floors),
    )
    if (step.refusal) return { done: false, refusal: step.refusal }
    if (chosen) return { done: true, value: chosen.value }
    throw new Error(`the operation ${call.name} kept an empty register`)
  }

  /**
   * An identity round: makes sure that what it returns is chosen, and repairs what lags (rule R5). A value that it
   * returns is chosen at or above `above`, the highest ballot that the caller knows: an orphan there is overruled.
   */
  async settle(key: string, above: Ballot = ZERO_BALLOT): Promise<ChosenValue | null> {
    this.#components.ballots.note(above)
    return (await this.#untilEnded(key, { ...NEW_ATTEMPT, above }, () => KEEP)).chosen
  }

  async #untilEnded(key: string, attempt: Attempt, step: StepOf) {
    const { clock, random, config } = this.#components
    const beganMs = clock.monotonicMs()
    for (let tries = 1; ; tries++) {
      const view = config.current()
      this.counts.rounds++
      const round = await this.#oneRound(view, key, attempt, step)
      if (round.ended) return round
      this.counts.roundsLost++
      const patienceMs = attempt.isVoterStarting ? STARTING_PATIENCE_MS : PROPOSE_DEADLINE_MS
      if (clock.monotonicMs() - beganMs >= patienceMs) throw gaveUp(key, attempt)
      if (config.current().epoch !== view.epoch) continue
      const collisionMs = random.float() * Math.min(tries * BACK_OFF_STEP_MS, BACK_OFF_MS_MAX)
      await sleep(clock, attempt.isVoterStarting ? STARTING_PAUSE_MS : collisionMs)
    }
  }

  /** As short as may be. Not ended = another ballot came between, or a newer config. */
  async #oneRound(view: ClusterConfig, key: string, attempt: Attempt, step: StepOf): Promise<Round> {
    // Taken in any case: what this round proposes makes it void.
    const held = this.#components.held.take(key)
    if (attempt.isUnheardOf) return this.#firstRound(view, key, attempt, step)
    const proposal = held?.epoch === view.epoch ? this.#nextProposal(key, held, step) : null
    return proposal ? this.#propose(view, key, proposal, attempt) : this.#wholeRound(view, key, attempt, step)
  }

  /**
   * One prepare and, unless the value read is chosen and stays, one accept, both counted in the quorums of one config.
   */
  async #wholeRound(view: ClusterConfig, key: string, attempt: Attempt, step: StepOf): Promise<Round> {
    const ballot = this.#components.ballots.next()
    const promises = await this.#prepare(view, key, ballot, attempt)
    if (!promises) return { ended: false }
    const read = highestAccepted(promises)
    const floors = floorsOf(promises)
    const wanted = step(read ? decodeValue(read.value) : null, floors)
    const isHighEnough = !read || compareBallots(read.ballot, attempt.above) >= 0
    if (wanted.kind === 'keep' && isHighEnough && isChosen(view, key, promises, read)) {
      if (read) this.#learn(key, read)
      return { ended: true, chosen: read, step: wanted }
    }
    const value = wanted.kind === 'write' ? wanted.value : read?.value
    if (!value) throw new Error('an empty register cannot be unsettled')
    return this.#propose(view, key, { ballot, step: wanted, value, lowestFloor: floors.lowest }, attempt)
  }

  /**
   * One accept alone. A prepare would tell what others have accepted and keep older proposals out: of a key that nobody else
   * has heard of there are none. Should it fail, others may have heard of it, and ordinary rounds follow.
   */
  async #firstRound(view: ClusterConfig, key: string, attempt: Attempt, step: StepOf): Promise<Round> {
    const { ballots, voters, storage } = this.#components
    attempt.isUnheardOf = false
    // What was never there lies below the floor (R9).
    ballots.note(voters.floorSeen)
    const ballot = ballots.next()
    const floor = storage.floor()
    const wanted = step(null, { lowest: floor, highest: floor })
    if (wanted.kind !== 'write') return { ended: false }
    return this.#propose(
      view,
      key,
      { ballot, step: wanted, value: wanted.value, lowestFloor: floor },
      attempt,
    )
  }

  /**
   * A change that stands on promises held from the last one. Null when it needs a whole round: a refusal, and a success
   * that changes nothing, are answered from what is there now; only an accept shows that nobody came between.
   */
  #nextProposal(key: string, held: HeldPromise, step: StepOf): Proposal | null {
    const { storage, voters } = this.#components
    const { ballot, acceptedAt, lowestFloor } = held
    const read = storage.learned(key)
    if (!read || !sameBallot(read.ballot, acceptedAt)) return null
    const wanted = unlessItThrows(() =>
      step(decodeValue(read.value), { lowest: lowestFloor, highest: voters.floorSeen }),
    )
    if (wanted?.kind !== 'write') return null
    return { ballot, step: wanted, value: wanted.value, lowestFloor }
  }

  /** The promises of a quorum, or null when a higher ballot stands in the way. Throws when no quorum answers. */
  async #prepare(view: ClusterConfig, key: string, ballot: Ballot, attempt: Attempt) {
    const { voters } = this.#components
    const sets = promiseSets(view, key)
    const answers = await askVoters(
      allVoters(voterSets(view)),
      (voter) => voters.prepare(view, voter, key, ballot),
      (got) => isDecided(sets, got, (answer) => answer.promised),
      this.#impatience((answer: PrepareAnswer) => !answer.promised),
    )
    const promises = new Map(goodAnswers(answers).filter(([, answer]) => answer.promised))
    if (isQuorum(sets, (voter) => promises.has(voter))) return promises
    this.#assertMayRetry(view, sets, answers, key, attempt)
    return null
  }

  /** Ended when a quorum has accepted. Tells everybody; whoever misses it catches up. */
  async #propose(view: ClusterConfig, key: string, proposal: Proposal, attempt: Attempt): Promise<Round> {
    const { voters } = this.#components
    const { ballot, step, value } = proposal
    if (step.kind === 'write') attempt.firstSent ??= ballot
    const next = this.#ballotOfNext(view, key, step)
    const sets = acceptSets(view, key, value)
    const answers = await askVoters(
      allVoters(voterSets(view)),
      (voter) => voters.accept(view, voter, { key, ballot, value, next }),
      (got) => isDecided(sets, got, (answer) => answer.accepted),
      this.#impatience((answer: AcceptAnswer) => !answer.accepted),
    )
    if (!isQuorum(sets, (voter) => isAccept(answers.get(voter)))) {
      this.#assertMayRetry(view, sets, answers, key, attempt)
      return { ended: false }
    }
    const chosen = { ballot, digest: valueDigest(value), value }
    this.#announce(key, chosen, answers)
    if (next) this.#holdPromises(view, key, next, proposal, answers)
    return { ended: true, chosen, step }
  }

  /**
   * What to ask promises of along with an accept. Null where the next change is another node's to propose (R7), and after
   * identity rounds and tombstones, which mostly none follows.
   */
  #ballotOfNext(view: ClusterConfig, key: string, step: Step): Ballot | null {
    if (step.kind === 'keep' || !step.live) return null
    const { self, ballots } = this.#components
    return isFirstCoordinator(self, key, view.voters) ? ballots.next() : null
  }

  #holdPromises(
    view: ClusterConfig,
    key: string,
    next: Ballot,
    { ballot, lowestFloor }: Proposal,
    answers: Answers<AcceptAnswer>,
  ): void {
    const hasPromised = (voter: NodeId) => {
      const answer = answers.get(voter)
      return isAccept(answer) && answer.hasPromised === true
    }
    if (!isQuorum(promiseSets(view, key), hasPromised)) return
    this.#components.held.keep(key, { epoch: view.epoch, ballot: next, acceptedAt: ballot, lowestFloor })
  }

  #impatience<R>(isDue: (answer: R) => boolean): Impatience<R> {
    return { clock: this.#components.clock, graceMs: REFUSED_GRACE_MS, isDue }
  }

  /**
   * Refusals name a higher ballot or a newer config, and voters that have just started need a moment: try again. Unless
   * too few voters are there at all.
   */
  #assertMayRetry(
    view: ClusterConfig,
    sets: VoterSets,
    answers: Answers<PrepareAnswer | AcceptAnswer>,
    key: string,
    attempt: Attempt,
  ): void {
    const { ballots, config } = this.#components
    const refusals = goodAnswers(answers).flatMap(([, answer]) =>
      'highest' in answer ? [answer.highest] : [],
    )
    refusals.forEach((highest) => ballots.note(highest))
    attempt.isVoterStarting = refusals.length === 0
    if (config.current().epoch !== view.epoch || isNearQuorum(sets, answers)) return
    if (attempt.since) throw unknownOutcome(key)
    throw noQuorum(key, answers)
  }

  #announce(key: string, chosen: ChosenValue, answers: Answers<AcceptAnswer>): void {
    const { config, self, notices } = this.#components
    this.#learn(key, chosen)
    for (const { id } of config.current().nodes) {
      if (id === self) continue
      const hasIt = isAccept(answers.get(id))
      notices.tell(id, { key, ...chosen, value: hasIt ? null : chosen.value })
    }
  }

  #learn(key: string, chosen: ChosenValue): void {
    // A row that is lost with the process is learned again from the next read or change log.
    this.#components.storage.learn(key, { ...chosen, settled: true }).catch(() => {})
  }
}

/** What was known last may say no where what is there now would not: that is for a whole round to find out. */
function unlessItThrows(step: () => Step): Step | null {
  try {
    return step()
  } catch {
    return null
  }
}

/** Whether a quorum shows one and the same accepted ballot (or none at all): then that is chosen, without another round. */
function isChosen(
  view: ClusterConfig,
  key: string,
  promises: ReadonlyMap<NodeId, PrepareAnswer>,
  read: AcceptedValue | null,
): boolean {
  const sets = read ? acceptSets(view, key, read.value) : promiseSets(view, key)
  return isQuorum(sets, (voter) => {
    const answer = promises.get(voter)
    if (!answer?.promised) return false
    return read ? answer.accepted !== null && sameBallot(answer.accepted.ballot, read.ballot) : true
  })
}

function isAccept(
  answer: AcceptAnswer | Error | undefined,
): answer is Extract<AcceptAnswer, { accepted: true }> {
  return answer !== undefined && !(answer instanceof Error) && answer.accepted
}

/** The accepted value of the highest ballot among promises: what a round must go on with. */
export function highestAccepted(promises: ReadonlyMap<NodeId, PrepareAnswer>): AcceptedValue | null {
  let highest: AcceptedValue | null = null
  for (const answer of promises.values()) {
    if (!answer.promised || !answer.accepted) continue
    if (!highest || compareBallots(answer.accepted.ballot, highest.ballot) > 0) highest = answer.accepted
  }
  return highest
}

function floorsOf(promises: ReadonlyMap<NodeId, PrepareAnswer>): Floors {
  const floors = [...promises.values()].flatMap((answer) => (answer.promised ? [answer.floor] : []))
  const [first = ZERO_BALLOT] = floors
  return { lowest: floors.reduce(minBallot, first), highest: floors.reduce(maxBallot, first) }
}

function gaveUp(key: string, attempt: Attempt): ClusterError {
  if (attempt.since) return unknownOutcome(key)
  return new ClusterError(
    'NO_QUORUM',
    `no majority was won for ${key}: others change it all the time, or voters are still starting`,
    { key },
  )
}

function noQuorum(key: string, answers: Answers<unknown>): ClusterError {
  const away = [...answers].flatMap(([voter, answer]) =>
    answer instanceof Error ? [`${voter}: ${answer.message}`] : [],
  )
  return new ClusterError('NO_QUORUM', 'no majority of voters answers', { key, away })
}
