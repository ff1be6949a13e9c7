/**
 * What registers need of a disk, declared here and implemented by node/store/register-store.ts (LevelDB) and by the
 * simulation's disk. Three things are kept apart (rule R2): acceptor state, learner rows, and whatever index the owner
 * of the store derives from learner rows. Catch-up never writes acceptor state.
 */
import type { NodeId } from '../network/rpc-port.ts'
import type { Ballot } from './ballot.ts'

/** What one acceptor holds for one key. */
export interface AcceptorState {
  promised: Ballot
  /** null: nothing accepted yet. */
  accepted: { ballot: Ballot; value: Uint8Array; digest: string } | null
}

/** An accepted value, by name only. */
export interface AcceptedHead {
  ballot: Ballot
  digest: string
}

/** The highest ballot this node knows for a key, chosen or not. Fed by own accepts, commit notices and catch-up. */
export interface LearnerRow {
  ballot: Ballot
  value: Uint8Array
  /** `valueDigest(value)`. */
  digest: string
  /** True once a majority is known to have accepted it. An unsettled row is never served or listed as strong (R12). */
  settled: boolean
}

/** One line of a change log: `key` was accepted here at `ballot`. */
export interface ChangeEntry {
  sequence: number
  key: string
  ballot: Ballot
}

/** A place in one database's change log. */
export interface ChangeCursor {
  /** The database that the sequence belongs to; a new database is a new log. */
  dbUuid: string
  sequence: number
}

export interface ChangePage {
  dbUuid: string
  /** The newest sequence in this log. */
  head: number
  /** Oldest first. */
  entries: ChangeEntry[]
  /** The cursor was foreign or lies before the oldest kept entry: compare digests instead (R11). */
  trimmed: boolean
}

/** A learner row without its value. */
export interface LearnerHead {
  readonly ballot: Ballot
  readonly digest: string
  readonly settled: boolean
}

/** One row of an ordered digest compare. */
export interface LearnerDigest extends LearnerHead {
  readonly key: string
}

/** Identity and age of a voting database (R8): carried by every vote. */
export interface VoterIdentity {
  dbUuid: string
  /** Grows in every sync batch that carries votes. */
  voteSequence: number
}

/** What an acceptor holds for a key, without the value: for comparing voters (R10). */
export interface AcceptedDigest {
  key: string
  ballot: Ballot
  digest: string
}

/** `row` null: the register is no more. */
export type LearnedListener = (key: string, row: LearnerRow | null) => void

export interface RegisterStorage {
  identity(): VoterIdentity
  /** False: the acceptor rows are not those that were written, so this node must not vote (R1, R8). */
  readonly isIntact: boolean
  /** False from the moment that this node gave up votes until it was re-admitted (R8). A new database has none to give up. */
  readonly isAdmitted: boolean
  /** Resolves when durable. */
  setAdmitted(isAdmitted: boolean): Promise<void>
  /**
   * Gives up the voting past (R8): another database uuid, no acceptor rows. What was learned stays, but no cursor: rows
   * were compared while the votes given up still counted. The caller makes sure that nothing votes meanwhile.
   * `isAdmitted` false: the votes were incomplete.
   */
  renewIdentity(isAdmitted: boolean): Promise<void>
  /**
   * The row of the config register that was kept last; null = none was, or it is damaged, and then this store is not intact.
   * It stays when the next config is voted for: until that is known to be chosen, a node that starts again is held to this
   * one (R10).
   */
  configInForce(): LearnerRow | null
  /** Keeps a settled row of the config register. Resolves when a power cut cannot take it back. */
  keepConfig(row: LearnerRow): Promise<void>
  /** Absent keys behave as promised = floor (R9). */
  floor(): Ballot
  /** Never lowers it. Resolves when durable. */
  raiseFloor(floor: Ballot): Promise<void>

  /** The durable state of a key, or null when this acceptor never saw it. Throws CORRUPT_VALUE. */
  acceptorState(key: string): AcceptorState | null
  /**
   * What of it is durably accepted, without the value: strong reads mostly compare, and this costs them no disk. Throws
   * CORRUPT_VALUE.
   */
  accepted(key: string): AcceptedHead | null
  /**
   * Makes `state` durable; resolves after the `sync: true` batch (R2). Writes are grouped across keys and land in call
   * order. When `accepted` is true, the learner row (if the ballot is the highest known) and a change-log entry land in
   * the same batch. After a rejection nothing more is acknowledged until the store was reopened.
   */
  vote(key: string, state: AcceptorState, accepted: boolean): Promise<void>
  /**
   * Removes a register with its promises and its learner row, and raises the floor, in one durable batch (R9). A row at
   * or below `floor` that is still on its way to `learn` is dropped from then on.
   */
  remove(key: string, floor: Ballot): Promise<void>
  /** What is accepted here, in key order, strictly after `afterKey`. Damaged rows make it throw CORRUPT_VALUE. */
  acceptedAfter(afterKey: string, limit: number): Promise<AcceptedDigest[]>

  learned(key: string): LearnerRow | null
  /**
   * The settled row that the row of `key`, not settled itself, has replaced: the last that is known here to have been chosen.
   * Null: there was none. Undefined: the row is settled, or memory does not reach back that far.
   */
  chosenBefore(key: string): LearnerRow | null | undefined
  /** The same without the value: costs no disk. */
  learnedHead(key: string): LearnerHead | null
  /**
   * Takes a row from a commit notice or from catch-up: a higher ballot replaces, the same ballot may only become
   * settled, a lower one is ignored, and so is one of a register that is being removed or forgotten up to there: resolves when
   * that is done. Never touches acceptor state. Resolves when durable.
   */
  learn(key: string, row: LearnerRow): Promise<void>
  /**
   * Drops the learner row of a register that is no more, and learns nothing of it again, up to `upTo`: a late notice may
   * still be on its way. Resolves when it is durable. Not for keys with votes.
   */
  forget(key: string, upTo: Ballot): Promise<void>
  /** Called for each learner row, when it is durable and again when it is settled. In the order of durability. */
  onLearned(listener: LearnedListener): void
  /** How many registers have a learner row here. */
  registerCount(): number
  /** Keys whose learner row is not settled. */
  unsettledKeys(): string[]
  /** Learner rows in key order, strictly after `afterKey`. */
  learnedDigests(afterKey: string, limit: number): LearnerDigest[]

  /** Entries after `cursor`; null = from the beginning of the log. */
  changesSince(cursor: ChangeCursor | null, limit: number): ChangePage
  /** How far this node has followed `peer`'s log, or null. */
  cursor(peer: NodeId): ChangeCursor | null
  setCursor(peer: NodeId, cursor: ChangeCursor): Promise<void>

  /** Remembers the highest identity seen of a peer; stored with this node's own next vote (R8). */
  noteWitness(peer: NodeId, seen: VoterIdentity): void
  /** What this node has seen of a peer's databases: the answer to a voter that asks whether it has forgotten votes. */
  witnessed(peer: NodeId): VoterIdentity[]
}
