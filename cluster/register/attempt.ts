/** One operation on its way through its rounds: what it remembers between them, and what it makes of the value read (R3, R4). */
import { ClusterError } from '../errors.ts'
import { compareBallots, ZERO_BALLOT, type Ballot } from './ballot.ts'
import type { Operation, OperationCall, Refusal } from './operations.ts'
import { encodeValue, nextValue, RING_ENTRIES, type RegisterValue } from './register-value.ts'
import type { Since } from './vote-messages.ts'

/** What an operation wants to become of the value that was read; `refusal` null = it succeeded. */
export type Step = { refusal: Refusal | null } & (
  { kind: 'keep' } | { kind: 'write'; live: boolean; value: Uint8Array }
)

export const KEEP: Step = { kind: 'keep', refusal: null }
/** What identity rounds call. */
const NO_CALL: OperationCall = { name: '', args: null, opId: '' }

/** What an operation remembers between its rounds (rule R4). */
export interface Attempt {
  call: OperationCall
  /** Nothing was sent yet, for a key that nobody else knows. */
  isUnheardOf: boolean
  /** Where the register stood, at the most, when the operation may first have been applied; null = it cannot have been. */
  since: Since | null
  /** The first ballot under which its effect was sent to acceptors. */
  firstSent: Ballot | null
  /** What is chosen below this ballot is accepted once more above it, even when it stays as it is. */
  above: Ballot
  /** The last round failed for voters that are up and may not vote yet, not for another ballot. */
  isVoterStarting: boolean
}

export const NEW_ATTEMPT: Attempt = {
  call: NO_CALL,
  isUnheardOf: false,
  since: null,
  firstSent: null,
  above: ZERO_BALLOT,
  isVoterStarting: false,
}

/** Over the promises that a round stands on (R9). */
export interface Floors {
  lowest: Ballot
  highest: Ballot
}

/**
 * Runs the operation on the value that was read. Where it may have been tried before, by this node or another, a success
 * without a change and a refusal are written down too: else an older attempt could still take effect after the answer.
 */
export function decide(
  operation: Operation,
  attempt: Attempt,
  current: RegisterValue | null,
  floors: Floors,
): Step {
  const { call } = attempt
  const remembered = current?.ring.find((entry) => entry.opId === call.opId)
  if (remembered) return { kind: 'keep', refusal: remembered.refusal }
  assertNotForgotten(attempt, current, floors)
  const decision = operation(current, call.args)
  const refusal = decision.kind === 'refuse' ? decision.refusal : null
  if (decision.kind !== 'write' && attempt.since === null) return { kind: 'keep', refusal }
  const next = decision.kind === 'write' ? decision.next : current
  if (!next) throw unknownOutcome(call.name)
  const value = encodeValue(nextValue(current, next, call.opId, refusal))
  attempt.since ??= { version: current?.version ?? 0, floor: floors.highest }
  return { kind: 'write', live: next.live, refusal, value }
}

/**
 * R4: once the ring may have turned over, or the register may have been removed with it (R9), a missing opId proves
 * nothing. A removal after the operation was minted leaves every voter with a floor above all that were known then.
 */
function assertNotForgotten(
  { call, since, firstSent }: Attempt,
  current: RegisterValue | null,
  floors: Floors,
) {
  if (!since) return
  const version = current?.version ?? 0
  if (version - since.version >= RING_ENTRIES) throw unknownOutcome(call.name)
  if (version >= since.version && compareBallots(floors.lowest, since.floor) <= 0) return
  if (firstSent) throw unknownOutcome(call.name)
  const message = 'registers were removed since the change was asked for'
  throw new ClusterError('FLOOR_MOVED', message, { floor: floors.highest })
}

export function unknownOutcome(what: string): ClusterError {
  return new ClusterError(
    'OUTCOME_UNKNOWN',
    `the change may or may not have been made (${what}): look before trying again`,
  )
}
