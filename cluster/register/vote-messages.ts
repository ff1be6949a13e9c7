/** Requests and answers of the votes and catch-up protocols. Plain data; the control plane carries it as CBOR. */
import { ClusterError } from '../errors.ts'
import type { Ballot } from './ballot.ts'
import type { OperationCall, Refusal } from './operations.ts'
import type { ChangeCursor, ChangePage, LearnerDigest, VoterIdentity } from './storage.ts'

/** A value as an acceptor holds it. */
export interface AcceptedValue {
  ballot: Ballot
  digest: string
  value: Uint8Array
}

export type PrepareAnswer = { identity: VoterIdentity } & (
  | { promised: true; accepted: AcceptedValue | null; floor: Ballot }
  /** Refused: this much was promised to somebody else. */
  | { promised: false; highest: Ballot }
)

export type AcceptAnswer = { identity: VoterIdentity } & (
  { accepted: true } | { accepted: false; highest: Ballot }
)

/** What one voter holds for one key; `value` is left out when the asker said that it knows this ballot. */
export interface ReadAnswer {
  held: { ballot: Ballot; digest: string; value: Uint8Array | null } | null
}

/** What came of an operation. */
export type Outcome =
  /** `value`: the encoded register value that is chosen now, with the operation in it. */
  { done: true; value: Uint8Array } | { done: false; refusal: Refusal }

export type VoteRequest =
  | { kind: 'prepare'; key: string; ballot: Ballot }
  | { kind: 'accept'; key: string; ballot: Ballot; value: Uint8Array }
  | { kind: 'read'; items: { key: string; known: Ballot | null }[] }
  /** Sent once a majority accepted; `value` is null for those that accepted it themselves. */
  | { kind: 'committed'; key: string; ballot: Ballot; digest: string; value: Uint8Array | null }
  /** Asks the coordinator of a key to propose (R7). `sinceVersion`: the version known when the opId was minted. */
  | { kind: 'execute'; key: string; call: OperationCall; sinceVersion: number }

export type CatchUpRequest =
  | { kind: 'changes'; cursor: ChangeCursor | null; limit: number }
  | { kind: 'digests'; afterKey: string; limit: number }

export type ChangesAnswer = ChangePage

export interface DigestsAnswer {
  /** Where the log stood before the first row was read: follow it from here afterwards. */
  cursor: ChangeCursor
  rows: LearnerDigest[]
}

/** Checks the form of what a peer sent. Throws BAD_FRAME. */
export function parseVoteRequest(request: unknown): VoteRequest {
  const { kind, key, ballot, value, items, digest, call, sinceVersion } = (request ?? {}) as Record<
    string,
    unknown
  >
  const isFormed =
    (kind === 'prepare' && isText(key) && isBallot(ballot)) ||
    (kind === 'accept' && isText(key) && isBallot(ballot) && value instanceof Uint8Array) ||
    (kind === 'read' && Array.isArray(items) && items.every(isReadItem)) ||
    (kind === 'committed' && isText(key) && isBallot(ballot) && isText(digest) && isBytesOrNull(value)) ||
    (kind === 'execute' && isText(key) && isCall(call) && Number.isSafeInteger(sinceVersion))
  if (!isFormed) throw new ClusterError('BAD_FRAME', 'a vote request is malformed')
  return request as VoteRequest
}

/** Checks the form of what a peer sent. Throws BAD_FRAME. */
export function parseCatchUpRequest(request: unknown): CatchUpRequest {
  const { kind, cursor, limit, afterKey } = (request ?? {}) as Record<string, unknown>
  const isFormed =
    isCount(limit) &&
    ((kind === 'changes' && isCursorOrNull(cursor)) || (kind === 'digests' && isText(afterKey)))
  if (!isFormed) throw new ClusterError('BAD_FRAME', 'a catch-up request is malformed')
  return request as CatchUpRequest
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isBytesOrNull(value: unknown): boolean {
  return value === null || value instanceof Uint8Array
}

function isBallot(value: unknown): boolean {
  const { counter, nonce } = (value ?? {}) as Record<string, unknown>
  return isCount(counter) && isText(nonce) && /^[0-9a-f]{16}$/.test(nonce)
}

function isReadItem(value: unknown): boolean {
  const { key, known } = (value ?? {}) as Record<string, unknown>
  return isText(key) && (known === null || isBallot(known))
}

function isCall(value: unknown): boolean {
  const { name, opId } = (value ?? {}) as Record<string, unknown>
  return isText(name) && isText(opId)
}

function isCursorOrNull(value: unknown): boolean {
  if (value === null) return true
  const { dbUuid, sequence } = (value ?? {}) as Record<string, unknown>
  return isText(dbUuid) && isCount(sequence)
}
