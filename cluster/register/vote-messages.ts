/** Requests and answers of the votes and catch-up protocols. Plain data; the control plane carries it as CBOR. */
import { ClusterError } from '../errors.ts'
import type { NodeId } from '../network/rpc-port.ts'
import type { Ballot } from './ballot.ts'
import { isBallot, isCount, isText } from './message-shapes.ts'
import type { OperationCall, Refusal } from './operations.ts'
import type {
  AcceptedDigest,
  ChangeCursor,
  ChangeEntry,
  ChangePage,
  LearnerDigest,
  VoterIdentity,
} from './storage.ts'

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

export type AcceptAnswer = { identity: VoterIdentity } &
  /** `hasPromised`: the ballot asked for along with it. Voters of older releases do not say, and have not. */
  ({ accepted: true; hasPromised?: boolean } | { accepted: false; highest: Ballot })

/** What a proposer asks an acceptor to accept, and, unless `next` is null, to promise in the same write. */
export interface AcceptRequest {
  key: string
  ballot: Ballot
  value: Uint8Array
  /** Above `ballot`, for the proposer's next change. Left out by older releases. */
  next?: Ballot | null
}

/** What one voter holds for one key; `value` is left out when the asker said that it knows this ballot. */
export interface ReadAnswer {
  held: { ballot: Ballot; digest: string; value: Uint8Array | null } | null
}

/** All that was asked for in one read request, in order. */
export interface ReadsAnswer {
  identity: VoterIdentity
  floor: Ballot
  answers: ReadAnswer[]
}

/** A point in a register's life that an operation cannot be older than (R4). */
export interface Since {
  /** Of the record, when the operation was minted; 0 = there was none. */
  version: number
  /** The highest floor known then: once every voter is above it, registers were removed since (R9). */
  floor: Ballot
}

/** What a voter knows of the asker's past, and of its own (R8). */
export interface WitnessAnswer {
  identity: VoterIdentity
  floor: Ballot
  /** Whether it knows of a config register: if it does, the cluster is not new. */
  hasConfig: boolean
  /** As its acceptor names them. */
  removals: string | null
  /** The databases of the asker that it has seen votes of. */
  seen: VoterIdentity[]
}

/** How far the votes of one database of a voter have come, as somebody has seen it. */
export interface SeenVotes extends VoterIdentity {
  voter: NodeId
}

/** What came of an operation. */
export type Outcome =
  /** `value`: the encoded register value that is chosen now, with the operation in it. */
  { done: true; value: Uint8Array } | { done: false; refusal: Refusal }

/** Says that `ballot` is chosen; `value` is null for who accepted it. */
export interface CommitNotice {
  key: string
  ballot: Ballot
  digest: string
  value: Uint8Array | null
}

export type VoteRequest =
  | { kind: 'prepare'; key: string; ballot: Ballot }
  | ({ kind: 'accept' } & AcceptRequest)
  | { kind: 'read'; items: { key: string; known: Ballot | null }[] }
  /** Sent once a majority accepted. `votes`: how far the sender has seen the voters' votes come (R8). */
  | { kind: 'committed'; items: readonly CommitNotice[]; votes: readonly SeenVotes[] }
  /** Asks the coordinator of a key to propose (R7). */
  | { kind: 'execute'; key: string; call: OperationCall; since: Since }
  /** Removes a register if this very ballot is accepted here (R9). Only in a stable epoch. */
  | { kind: 'remove'; key: string; ballot: Ballot }
  /** Accepts chosen values under the ballots they were chosen at (R10). */
  | { kind: 'copy'; items: readonly { key: string; ballot: Ballot; value: Uint8Array }[] }

export type CatchUpRequest =
  | { kind: 'changes'; cursor: ChangeCursor | null; limit: number }
  | { kind: 'digests'; afterKey: string; limit: number }
  /** What the voter has accepted, from its acceptor rows (R10). */
  | { kind: 'accepted'; afterKey: string; limit: number }
  /** Tells what is known of the asker's votes (R8). Answered also by who may not vote. */
  | { kind: 'witness' }
  /** Asks a node that is to vote whether it has done ahead of time what takes long; it begins where it has not. */
  | { kind: 'get-ready' }

/** A change, and whether it is still what the voter holds: a vote that moved on or was removed decides nothing any more. */
export type FollowedEntry = ChangeEntry & { isHeld: boolean }

export type ChangesAnswer = Omit<ChangePage, 'entries'> & { entries: FollowedEntry[] }

export interface DigestsAnswer {
  /** Where the log stood before the first row was read: follow it from here afterwards. */
  cursor: ChangeCursor
  rows: LearnerDigest[]
}

/** `floor` and `removals`: as they stood before the rows were read. */
export interface AcceptedAnswer {
  floor: Ballot
  removals: string | null
  rows: AcceptedDigest[]
}

/** Checks the form of what a peer sent. Throws BAD_FRAME. */
export function parseVoteRequest(request: unknown): VoteRequest {
  const { kind, key, ballot, value, next, items, votes, call, since } = (request ?? {}) as Record<
    string,
    unknown
  >
  const isFormed =
    (kind === 'prepare' && isText(key) && isBallot(ballot)) ||
    (kind === 'accept' && isAcceptRequest({ key, ballot, value, next })) ||
    (kind === 'read' && isListOf(items, isReadItem)) ||
    (kind === 'committed' && isListOf(items, isCommitNotice) && isListOf(votes, isSeenVotes)) ||
    (kind === 'execute' && isText(key) && isCall(call) && isSince(since)) ||
    (kind === 'remove' && isText(key) && isBallot(ballot)) ||
    (kind === 'copy' && isListOf(items, isCopyItem))
  if (!isFormed) throw new ClusterError('BAD_FRAME', 'a vote request is malformed')
  return request as VoteRequest
}

/** Checks the form of what a peer sent. Throws BAD_FRAME. */
export function parseCatchUpRequest(request: unknown): CatchUpRequest {
  const { kind, cursor, limit, afterKey } = (request ?? {}) as Record<string, unknown>
  const isFormed =
    kind === 'witness' ||
    kind === 'get-ready' ||
    (isCount(limit) &&
      ((kind === 'changes' && isCursorOrNull(cursor)) ||
        ((kind === 'digests' || kind === 'accepted') && isText(afterKey))))
  if (!isFormed) throw new ClusterError('BAD_FRAME', 'a catch-up request is malformed')
  return request as CatchUpRequest
}

function isAcceptRequest({ key, ballot, value, next }: Record<keyof AcceptRequest, unknown>): boolean {
  return isText(key) && isBallot(ballot) && value instanceof Uint8Array && (next == null || isBallot(next))
}

function isCommitNotice(value: unknown): boolean {
  const { key, ballot, digest, value: bytes } = (value ?? {}) as Record<string, unknown>
  const isBytesOrNull = bytes === null || bytes instanceof Uint8Array
  return isText(key) && isBallot(ballot) && isText(digest) && isBytesOrNull
}

function isListOf(value: unknown, isItem: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(isItem)
}

function isSeenVotes(value: unknown): boolean {
  const { voter, dbUuid, voteSequence } = (value ?? {}) as Record<string, unknown>
  return isText(voter) && isText(dbUuid) && isCount(voteSequence)
}

function isSince(value: unknown): boolean {
  const { version, floor } = (value ?? {}) as Record<string, unknown>
  return isCount(version) && isBallot(floor)
}

function isCopyItem(value: unknown): boolean {
  const item = (value ?? {}) as Record<string, unknown>
  return isText(item['key']) && isBallot(item['ballot']) && item['value'] instanceof Uint8Array
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
