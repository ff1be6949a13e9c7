/** How register rows look on disk. Ballots travel as [counter, nonce]. */
import type { Ballot } from '../../cluster/register/ballot.ts'
import type { AcceptorState, ChangeCursor, ChangeEntry, LearnerRow, VoterIdentity } from '../../cluster/register/storage.ts'
import { sealRecord, unsealRecord } from './codec.ts'

/** A change of a row's form gets a new number here and an upgrade step. */
const ROW_VERSION = 1

type StoredBallot = [number, string]

const toStored = (ballot: Ballot): StoredBallot => [ballot.counter, ballot.nonce]
const toBallot = ([counter, nonce]: StoredBallot): Ballot => ({ counter, nonce })

export function encodeAcceptor(key: Buffer, state: AcceptorState): Buffer {
  const { promised, accepted } = state
  const stored = accepted ? [toStored(accepted.ballot), accepted.value, accepted.digest] : null
  return sealRecord(key, ROW_VERSION, [toStored(promised), stored])
}

export function decodeAcceptor(key: Buffer, row: Buffer): AcceptorState {
  const [promised, accepted] = unsealRecord(key, ROW_VERSION, row) as [
    StoredBallot,
    [StoredBallot, Uint8Array, string] | null,
  ]
  if (!accepted) return { promised: toBallot(promised), accepted: null }
  const [ballot, value, digest] = accepted
  return { promised: toBallot(promised), accepted: { ballot: toBallot(ballot), value, digest } }
}

export function encodeLearner(key: Buffer, row: LearnerRow): Buffer {
  return sealRecord(key, ROW_VERSION, [toStored(row.ballot), row.settled, row.digest, row.value])
}

export function decodeLearner(key: Buffer, row: Buffer): LearnerRow {
  const [ballot, settled, digest, value] = unsealRecord(key, ROW_VERSION, row) as [
    StoredBallot,
    boolean,
    string,
    Uint8Array,
  ]
  return { ballot: toBallot(ballot), settled, digest, value }
}

export function encodeChange(key: Buffer, entry: ChangeEntry): Buffer {
  return sealRecord(key, ROW_VERSION, [entry.sequence, entry.key, toStored(entry.ballot)])
}

export function decodeChange(key: Buffer, row: Buffer): ChangeEntry {
  const [sequence, changed, ballot] = unsealRecord(key, ROW_VERSION, row) as [number, string, StoredBallot]
  return { sequence, key: changed, ballot: toBallot(ballot) }
}

export function encodeCursor(key: Buffer, cursor: ChangeCursor): Buffer {
  return sealRecord(key, ROW_VERSION, [cursor.dbUuid, cursor.sequence])
}

export function decodeCursor(key: Buffer, row: Buffer): ChangeCursor {
  const [dbUuid, sequence] = unsealRecord(key, ROW_VERSION, row) as [string, number]
  return { dbUuid, sequence }
}

export function encodeWitness(key: Buffer, seen: VoterIdentity): Buffer {
  return sealRecord(key, ROW_VERSION, [seen.dbUuid, seen.voteSequence])
}

export function decodeWitness(key: Buffer, row: Buffer): VoterIdentity {
  const [dbUuid, voteSequence] = unsealRecord(key, ROW_VERSION, row) as [string, number]
  return { dbUuid, voteSequence }
}

export function encodeSingle(key: Buffer, value: unknown): Buffer {
  return sealRecord(key, ROW_VERSION, value)
}

export function decodeSingle(key: Buffer, row: Buffer): unknown {
  return unsealRecord(key, ROW_VERSION, row)
}

export function encodeFloor(ballot: Ballot): StoredBallot {
  return toStored(ballot)
}

export function decodeFloor(stored: unknown): Ballot {
  return toBallot(stored as StoredBallot)
}
