/**
 * The proposer: takes one operation through prepare and accept (CASPaxos, Rystsov 2018), on behalf of this node or of
 * another that forwarded it. Any node may propose at any time; rounds that collide cost time, never safety.
 */
import { ClusterError } from '../errors.ts'
import type { ConfigView } from '../membership/cluster-config.ts'
import type { NodeId } from '../network/rpc-port.ts'
import { sleep, type Clock, type Random } from '../runtime.ts'
import { compareBallots, maxBallot, sameBallot, ZERO_BALLOT, type Ballot } from './ballot.ts'
import type { BallotSource } from './ballot-source.ts'
import {
  findOperation,
  type Operation,
  type OperationCall,
  type OperationTable,
  type Refusal,
} from './operations.ts'
import {
  allVoters,
  askVoters,
  goodAnswers,
  isDecided,
  isQuorum,
  voterSets,
  type Answers,
  type VoterSets,
} from './quorum.ts'
import {
  decodeValue,
  encodeValue,
  nextValue,
  RING_ENTRIES,
  valueDigest,
  type RegisterValue,
} from './register-value.ts'
import type { RegisterStorage } from './storage.ts'
import type { AcceptAnswer, AcceptedValue, Outcome, PrepareAnswer } from './vote-messages.ts'
import type { VoterClient } from './voter-client.ts'

/** An operation that has not gone through by then fails: the client's own retry is worth more than a longer wait. */
export const PROPOSE_DEADLINE_MS = 3000
/** Back-off after a collision: random below attempt × this, so that duelling proposers part quickly. */
const BACK_OFF_STEP_MS = 8
const BACK_OFF_MS_MAX = 200

export interface ProposerComponents {
  self: NodeId
  clock: Clock
  random: Random
  config: ConfigView
  voters: VoterClient
  storage: RegisterStorage
  ballots: BallotSource
  operations: OperationTable
}

/** A register value that is known to be chosen; null when the register is empty. */
export interface ChosenValue {
  ballot: Ballot
  digest: string
  value: Uint8Array
}

/** What an operation wants to become of the value that was read; `refusal` null = it succeeded. */
type Step = { refusal: Refusal | null } & ({ kind: 'keep' } | { kind: 'write'; value: Uint8Array })

const KEEP: Step = { kind: 'keep', refusal: null }
/** What identity rounds call. */
const NO_CALL: OperationCall = { name: '', args: null, opId: '' }

/** What an operation remembers between its rounds (rule R4). */
interface Attempt {
  call: OperationCall
  /** Where the record stood, at the most, when the operation may first have been applied; null = it cannot have been. */
  sinceVersion: number | null
  /** The first ballot under which its effect was sent to acceptors. */
  firstSent: Ballot | null
  /** What is chosen below this ballot is accepted once more above it, even when it stays as it is. */
  above: Ballot
}

type Round = { ended: true; chosen: ChosenValue | null; step: Step } | { ended: false }

export class Proposer {
  readonly #components: ProposerComponents

  constructor(components: ProposerComponents) {
    this.#components = components
  }

  /**
   * Applies an operation. `sinceVersion`: a version of the record before which it cannot have been applied, when some
   * other node may have tried it already; null when nobody has. Throws NO_QUORUM (surely not applied), OUTCOME_UNKNOWN,
   * UNKNOWN_OPERATION, VALUE_TOO_LARGE.
   */
  async execute(key: string, call: OperationCall, sinceVersion: number | null): Promise<Outcome> {
    const operation = findOperation(this.#components.operations, call.name)
    const attempt: Attempt = { call, sinceVersion, firstSent: null, above: ZERO_BALLOT }
    const { chosen, step } = await this.#untilEnded(key, attempt, (current) =>
      decide(operation, attempt, current),
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
    const attempt: Attempt = { call: NO_CALL, sinceVersion: null, firstSent: null, above }
    return (await this.#untilEnded(key, attempt, () => KEEP)).chosen
  }

  async #untilEnded(key: string, attempt: Attempt, step: (current: RegisterValue | null) => Step) {
    const { clock, random } = this.#components
    const deadline = clock.monotonicMs() + PROPOSE_DEADLINE_MS
    for (let tries = 1; ; tries++) {
      const round = await this.#round(key, attempt, step)
      if (round.ended) return round
      if (clock.monotonicMs() >= deadline) throw gaveUp(key, attempt)
      await sleep(clock, random.float() * Math.min(tries * BACK_OFF_STEP_MS, BACK_OFF_MS_MAX))
    }
  }

  /** One prepare and, unless the value read is chosen and stays, one accept. Not ended = another ballot came between. */
  async #round(key: string, attempt: Attempt, step: (current: RegisterValue | null) => Step): Promise<Round> {
    const { config, ballots } = this.#components
    const sets = voterSets(config.current())
    const ballot = ballots.next()
    const promises = await this.#prepare(sets, key, ballot, attempt)
    if (!promises) return { ended: false }
    const read = highestAccepted(promises)
    if (!read) assertFloorBelow(attempt, promises)
    const wanted = step(read ? decodeValue(read.value) : null)
    const isHighEnough = !read || compareBallots(read.ballot, attempt.above) >= 0
    if (wanted.kind === 'keep' && isHighEnough && isChosen(sets, promises, read)) {
      if (read) this.#learn(key, read)
      return { ended: true, chosen: read, step: wanted }
    }
    const value = wanted.kind === 'write' ? wanted.value : read?.value
    if (!value) throw new Error('an empty register cannot be unsettled')
    if (wanted.kind === 'write') attempt.firstSent ??= ballot
    if (!(await this.#accept(sets, key, ballot, value, attempt))) return { ended: false }
    return { ended: true, chosen: { ballot, digest: valueDigest(value), value }, step: wanted }
  }

  /** The promises of a quorum, or null when a higher ballot stands in the way. Throws when no quorum answers. */
  async #prepare(sets: VoterSets, key: string, ballot: Ballot, attempt: Attempt) {
    const { voters } = this.#components
    const answers = await askVoters(
      allVoters(sets),
      (voter) => voters.prepare(voter, key, ballot),
      (got) => isDecided(sets, got, (answer) => answer.promised),
    )
    const promises = new Map(goodAnswers(answers).filter(([, answer]) => answer.promised))
    if (isQuorum(sets, (voter) => promises.has(voter))) return promises
    this.#assertSomeRefused(answers, key, attempt)
    return null
  }

  /** True when a quorum accepted. Tells everybody; whoever misses it catches up. */
  async #accept(
    sets: VoterSets,
    key: string,
    ballot: Ballot,
    value: Uint8Array,
    attempt: Attempt,
  ): Promise<boolean> {
    const { voters } = this.#components
    const answers = await askVoters(
      allVoters(sets),
      (voter) => voters.accept(voter, key, ballot, value),
      (got) => isDecided(sets, got, (answer) => answer.accepted),
    )
    if (isQuorum(sets, (voter) => isAccept(answers.get(voter)))) {
      this.#announce(key, { ballot, digest: valueDigest(value), value }, answers)
      return true
    }
    this.#assertSomeRefused(answers, key, attempt)
    return false
  }

  /** Refusals name a higher ballot: note it and try again. Without one, too few voters are there. */
  #assertSomeRefused(answers: Answers<PrepareAnswer | AcceptAnswer>, key: string, attempt: Attempt): void {
    const refusals = goodAnswers(answers).flatMap(([, answer]) =>
      'highest' in answer ? [answer.highest] : [],
    )
    if (refusals.length > 0) return this.#components.ballots.note(refusals.reduce(maxBallot))
    if (attempt.firstSent || attempt.sinceVersion !== null) throw unknownOutcome(key)
    throw noQuorum(key, answers)
  }

  #announce(key: string, chosen: ChosenValue, answers: Answers<AcceptAnswer>): void {
    const { config, self, voters } = this.#components
    this.#learn(key, chosen)
    for (const { id } of config.current().nodes) {
      if (id === self) continue
      const hasIt = isAccept(answers.get(id))
      voters.committed(id, key, chosen.ballot, chosen.digest, hasIt ? null : chosen.value)
    }
  }

  #learn(key: string, chosen: ChosenValue): void {
    // A row that is lost with the process is learned again from the next read or change log.
    this.#components.storage.learn(key, { ...chosen, settled: true }).catch(() => {})
  }
}

/**
 * Runs the operation on the value that was read. Where it may have been tried before, by this node or another, a success
 * without a change and a refusal are written down too: else an older attempt could still take effect after the answer.
 */
function decide(operation: Operation, attempt: Attempt, current: RegisterValue | null): Step {
  const { call } = attempt
  const remembered = current?.ring.find((entry) => entry.opId === call.opId)
  if (remembered) return { kind: 'keep', refusal: remembered.refusal }
  assertNotForgotten(attempt, current)
  const decision = operation(current, call.args)
  const refusal = decision.kind === 'refuse' ? decision.refusal : null
  if (decision.kind !== 'write' && attempt.sinceVersion === null) return { kind: 'keep', refusal }
  const next = decision.kind === 'write' ? decision.next : current
  if (!next) throw unknownOutcome(call.name)
  attempt.sinceVersion ??= current?.version ?? 0
  return { kind: 'write', refusal, value: encodeValue(nextValue(current, next, call.opId, refusal)) }
}

/** Whether a quorum shows one and the same accepted ballot (or none at all): then that is chosen, without another round. */
function isChosen(
  sets: VoterSets,
  promises: ReadonlyMap<NodeId, PrepareAnswer>,
  read: AcceptedValue | null,
): boolean {
  return isQuorum(sets, (voter) => {
    const answer = promises.get(voter)
    if (!answer?.promised) return false
    return read ? answer.accepted !== null && sameBallot(answer.accepted.ballot, read.ballot) : true
  })
}

function isAccept(answer: AcceptAnswer | Error | undefined): boolean {
  return answer !== undefined && !(answer instanceof Error) && answer.accepted
}

function highestAccepted(promises: ReadonlyMap<NodeId, PrepareAnswer>): AcceptedValue | null {
  let highest: AcceptedValue | null = null
  for (const answer of promises.values()) {
    if (!answer.promised || !answer.accepted) continue
    if (!highest || compareBallots(answer.accepted.ballot, highest.ballot) > 0) highest = answer.accepted
  }
  return highest
}

/** R4: once the ring may have turned over, a missing opId proves nothing. */
function assertNotForgotten(attempt: Attempt, current: RegisterValue | null): void {
  if (attempt.sinceVersion === null) return
  if ((current?.version ?? 0) - attempt.sinceVersion >= RING_ENTRIES) throw unknownOutcome(attempt.call.name)
}

/** R4: an empty register at or above our first ballot may be one that forgot us when its tombstone was removed. */
function assertFloorBelow(attempt: Attempt, promises: ReadonlyMap<NodeId, PrepareAnswer>): void {
  const { firstSent } = attempt
  if (!firstSent) return
  const floors = [...promises.values()].map((answer) => (answer.promised ? answer.floor : ZERO_BALLOT))
  if (floors.some((floor) => compareBallots(floor, firstSent) >= 0)) throw unknownOutcome(attempt.call.name)
}

function gaveUp(key: string, attempt: Attempt): ClusterError {
  if (attempt.firstSent || attempt.sinceVersion !== null) return unknownOutcome(key)
  return new ClusterError('NO_QUORUM', `too many others were changing ${key} at the same time`, { key })
}

function unknownOutcome(what: string): ClusterError {
  return new ClusterError(
    'OUTCOME_UNKNOWN',
    `the change may or may not have been made (${what}): look before trying again`,
  )
}

function noQuorum(key: string, answers: Answers<unknown>): ClusterError {
  const away = [...answers].flatMap(([voter, answer]) =>
    answer instanceof Error ? [`${voter}: ${answer.message}`] : [],
  )
  return new ClusterError('NO_QUORUM', 'no majority of voters answers', { key, away })
}
