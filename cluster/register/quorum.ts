/** Quorums: which answers decide. In a joint config every quorum needs both majorities (rule R10). */
import { hasCode, toError } from '../errors.ts'
import type { ClusterConfig } from '../membership/cluster-config.ts'
import type { NodeId } from '../network/rpc-port.ts'
import type { Clock } from '../runtime.ts'

/** The voter sets of which each must give a majority. */
export type VoterSets = readonly (readonly NodeId[])[]

export function voterSets(config: ClusterConfig): VoterSets {
  return config.joint ? [config.voters, config.joint] : [config.voters]
}

/** Everybody who votes, each once. */
export function allVoters(sets: VoterSets): NodeId[] {
  return [...new Set(sets.flat())]
}

/** Whether a node votes under a config, or will while its voters change. */
export function isVoter(config: ClusterConfig, id: NodeId): boolean {
  return config.voters.includes(id) || config.joint?.includes(id) === true
}

export function majorityOf(count: number): number {
  return Math.floor(count / 2) + 1
}

/** Whether the nodes for which `has` holds are a quorum. */
export function isQuorum(sets: VoterSets, has: (voter: NodeId) => boolean): boolean {
  return sets.every((voters) => voters.filter((voter) => has(voter)).length >= majorityOf(voters.length))
}

/** Answers gathered so far; an `Error` is a voter that failed to answer. */
export type Answers<R> = ReadonlyMap<NodeId, R | Error>

/** Ends a wait early: when `isDue` holds for an answer and those before it, the others have `graceMs` more. */
export interface Impatience<R> {
  clock: Clock
  graceMs: number
  isDue: (answer: R, answers: Answers<R>) => boolean
}

/** What the others have when most have answered, ms: many times what a healthy answer takes, little to wait for one that hangs. */
const STRAGGLER_GRACE_MS = 200

/**
 * Asks all voters at once and resolves as soon as `enough` says so, or when each has answered or failed, or by
 * `impatience`. The requests carry their own deadline; answers that come later are dropped.
 */
export function askVoters<R>(
  voters: readonly NodeId[],
  ask: (voter: NodeId) => Promise<R>,
  enough: (answers: Answers<R>) => boolean,
  impatience?: Impatience<R>,
): Promise<Answers<R>> {
  if (voters.length === 0) return Promise.resolve(new Map())
  return new Promise((resolve) => {
    const answers = new Map<NodeId, R | Error>()
    let cancelGrace: (() => void) | null = null
    const finish = () => {
      cancelGrace?.()
      resolve(new Map(answers))
    }
    const note = (voter: NodeId, answer: R | Error) => {
      answers.set(voter, answer)
      if (answers.size === voters.length || enough(answers)) return finish()
      if (!impatience || cancelGrace || answer instanceof Error || !impatience.isDue(answer, answers)) return
      cancelGrace = impatience.clock.after(impatience.graceMs, finish)
    }
    for (const voter of voters) {
      ask(voter).then(
        (answer) => note(voter, answer),
        (error: unknown) => note(voter, toError(error)),
      )
    }
  })
}

/** Asks all of them and resolves when each has answered or failed. */
export function askEach<R>(
  voters: readonly NodeId[],
  ask: (voter: NodeId) => Promise<R>,
  impatience?: Impatience<R>,
): Promise<Answers<R>> {
  return askVoters(voters, ask, () => false, impatience)
}

/**
 * Asks all of them, for what a quorum can tell though more would tell it better: those that hang hold nobody up once there
 * is one, or once those that failed rule it out. `isEnough`: whether the voters for which `has` holds are a quorum.
 */
export function askMost<R>(
  clock: Clock,
  voters: readonly NodeId[],
  ask: (voter: NodeId) => Promise<R>,
  isEnough: (has: (voter: NodeId) => boolean) => boolean,
): Promise<Answers<R>> {
  const mayCome = (answers: Answers<R>) => isEnough((voter) => !(answers.get(voter) instanceof Error))
  const isThere = (answers: Answers<R>) =>
    isEnough((voter) => answers.has(voter) && !(answers.get(voter) instanceof Error))
  return askVoters(voters, ask, (answers) => !mayCome(answers), {
    clock,
    graceMs: STRAGGLER_GRACE_MS,
    isDue: (_, answers) => isThere(answers),
  })
}

/**
 * Whether waiting longer is pointless: `good` answers form a quorum, or those that failed or answered otherwise rule one
 * out.
 */
export function isDecided<R>(sets: VoterSets, answers: Answers<R>, good: (answer: R) => boolean): boolean {
  const isGood = (voter: NodeId) => {
    const answer = answers.get(voter)
    return answer !== undefined && !(answer instanceof Error) && good(answer)
  }
  return isQuorum(sets, isGood) || !isQuorum(sets, (voter) => isGood(voter) || !answers.has(voter))
}

/**
 * Whether those that are up would be enough: voters that may not vote yet have just started, or begin to take part in a
 * new config, and mostly vote a moment later. Those that have not answered yet may be up.
 */
export function isNearQuorum(sets: VoterSets, answers: Answers<unknown>): boolean {
  return isQuorum(sets, (voter) => {
    const answer = answers.get(voter)
    return !(answer instanceof Error) || hasCode(answer, 'NOT_VOTING', 'STALE_EPOCH')
  })
}

/** The answers that are no failures. */
export function goodAnswers<R>(answers: Answers<R>): [NodeId, R][] {
  return [...answers].filter((entry): entry is [NodeId, R] => !(entry[1] instanceof Error))
}
