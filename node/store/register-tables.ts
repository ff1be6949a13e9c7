/** The key spaces of `meta/` as typed tables, with the few values that are kept by name. */
import type { Ballot } from '../../cluster/register/ballot.ts'
import type { LearnerRow } from '../../cluster/register/storage.ts'
import type { Database, WriteOp } from './database.ts'
import {
  acceptorRows,
  cursorRows,
  learnerRows,
  packBallot,
  singletonRows,
  unpackBallot,
  witnessRows,
} from './register-rows.ts'
import { Table } from './table.ts'

/** Written with every vote, as one row: none of it may be older than the rest. */
export interface VoteState {
  /** 32 hex digits. */
  dbUuid: string
  voteSequence: number
  /** Over all acceptor rows. */
  accumulator: Uint8Array
  /** Newest sequence of the change log. */
  logHead: number
  /** Whether the database was let in to vote (R8). */
  isAdmitted: boolean
}

const VOTE_STATE = 'vote-state'
const FLOOR = 'floor'
const CONFIG_IN_FORCE = 'config-in-force'
const OWNER_PREFIX = 'owner/'

export class RegisterTables {
  readonly acceptors
  readonly learners
  readonly cursors
  readonly witnesses
  readonly #singletons: Table<string, unknown>

  constructor(database: Database) {
    this.acceptors = new Table(database, acceptorRows)
    this.learners = new Table(database, learnerRows)
    this.cursors = new Table(database, cursorRows)
    this.witnesses = new Table(database, witnessRows)
    this.#singletons = new Table(database, singletonRows)
  }

  /** The stored row, or null when there is none that can be read: what was learned can be learned again. */
  readLearner(key: string): LearnerRow | null {
    try {
      return this.learners.get(key)
    } catch {
      return null
    }
  }

  /** Throws CORRUPT_VALUE. */
  voteState(): VoteState | null {
    const stored = this.#singletons.get(VOTE_STATE) as [string, number, Uint8Array, number, boolean] | null
    if (!stored) return null
    const [dbUuid, voteSequence, accumulator, logHead, isAdmitted] = stored
    return { dbUuid, voteSequence, accumulator, logHead, isAdmitted }
  }

  voteStateRow({ dbUuid, voteSequence, accumulator, logHead, isAdmitted }: VoteState): WriteOp {
    return this.#singletons.put(VOTE_STATE, [dbUuid, voteSequence, accumulator, logHead, isAdmitted])
  }

  /** Throws CORRUPT_VALUE. */
  floor(): Ballot | null {
    const stored = this.#singletons.get(FLOOR) as Parameters<typeof unpackBallot>[0] | null
    return stored && unpackBallot(stored)
  }

  floorRow(floor: Ballot): WriteOp {
    return this.#singletons.put(FLOOR, packBallot(floor))
  }

  /** Throws CORRUPT_VALUE. */
  configInForce(): LearnerRow | null {
    const stored = this.#singletons.get(CONFIG_IN_FORCE) as
      [Parameters<typeof unpackBallot>[0], string, Uint8Array] | null
    if (!stored) return null
    const [ballot, digest, value] = stored
    return { ballot: unpackBallot(ballot), digest, value, settled: true }
  }

  configRow({ ballot, digest, value }: LearnerRow): WriteOp {
    return this.#singletons.put(CONFIG_IN_FORCE, [packBallot(ballot), digest, value])
  }

  /** A value of the owner's. Throws CORRUPT_VALUE. */
  ownerValue(name: string): Uint8Array | null {
    return this.#singletons.get(OWNER_PREFIX + name) as Uint8Array | null
  }

  ownerRow(name: string, value: Uint8Array): WriteOp {
    return this.#singletons.put(OWNER_PREFIX + name, value)
  }
}
