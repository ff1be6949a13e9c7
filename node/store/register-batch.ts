/**
 * One group of changes to the registers, on its way into one LevelDB batch. Each change is decided against what is
 * durable and against what the group itself has changed before; memory follows only when the batch is durable.
 */
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import { compareBallots, maxBallot, sameBallot, type Ballot } from '../../cluster/register/ballot.ts'
import type {
  AcceptedHead,
  AcceptorState,
  ChangeCursor,
  LearnerHead,
  LearnerRow,
} from '../../cluster/register/storage.ts'
import type { WriteOp } from './database.ts'
import type { RegisterHeads } from './register-heads.ts'
import type { RegisterTables } from './register-tables.ts'
import { VoteAccumulator, voteHash } from './vote-accumulator.ts'
import type { VotedRow, VotedRows } from './voted-rows.ts'

/**
 * Rows of the owner's own that follow from a learner row and land in its batch. `before` is the row that it replaces;
 * `row` null: the register is no more. Must be pure: it is called once for each replacement.
 */
export type Projection = (key: string, row: LearnerRow | null, before: LearnerRow | null) => WriteOp[]

export type RegisterChange =
  | { kind: 'vote'; key: string; state: AcceptorState; accepted: boolean }
  | { kind: 'learn'; key: string; row: LearnerRow }
  /** The row of this ballot was found to be settled: memory knows it already. */
  | { kind: 'settle'; key: string; row: LearnerRow }
  /** The cluster config is in force. */
  | { kind: 'config'; row: LearnerRow }
  /** null: followed no further than the beginning. */
  | { kind: 'cursor'; peer: NodeId; cursor: ChangeCursor | null }
  | { kind: 'floor'; floor: Ballot }
  /** Takes a register away, promises included, and raises the floor (R9). */
  | { kind: 'remove'; key: string; floor: Ballot }
  /** Drops a learner row: it cannot be read (`ballot` null), or its register is no more. */
  | { kind: 'forget'; key: string; upTo: Ballot | null }
  | { kind: 'admitted'; isAdmitted: boolean }
  | { kind: 'value'; name: string; value: Uint8Array }
  /** Changes nothing: `begin` is called when all that came before is on disk and nothing else is. */
  | { kind: 'look'; begin: () => void }

/** What a change takes beside its values, roughly: for the bounds of the queue. */
const CHANGE_OVERHEAD_BYTES = 256

export interface RegisterBatchComponents {
  tables: RegisterTables
  heads: RegisterHeads
  voted: Pick<VotedRows, 'hash'>
  learned: { get: (key: string) => LearnerRow | null }
  project: Projection
}

/** What `row` does to what is known of its key. */
export function learnEffect(
  known: LearnerHead | null | undefined,
  row: LearnerRow,
): 'replaces' | 'settles' | 'nothing' {
  if (!known || compareBallots(row.ballot, known.ballot) > 0) return 'replaces'
  return row.settled && !known.settled && sameBallot(row.ballot, known.ballot) ? 'settles' : 'nothing'
}

/** What an acceptor's state says is accepted. */
export function headOf({ accepted }: AcceptorState): AcceptedHead | null {
  return accepted && { ballot: accepted.ballot, digest: accepted.digest }
}

/** Bytes that a change holds while it waits. */
export function sizeOfChange(change: RegisterChange): number {
  switch (change.kind) {
    case 'vote':
      return CHANGE_OVERHEAD_BYTES + 2 * (change.state.accepted?.value.length ?? 0)
    case 'learn':
    case 'settle':
    case 'config':
      return CHANGE_OVERHEAD_BYTES + change.row.value.length
    case 'value':
      return CHANGE_OVERHEAD_BYTES + change.value.length
    case 'cursor':
    case 'floor':
    case 'remove':
    case 'forget':
    case 'admitted':
    case 'look':
      return CHANGE_OVERHEAD_BYTES
  }
}

export class RegisterBatch {
  readonly accumulator: VoteAccumulator
  /** Rows that changed; null: the row goes. */
  readonly learned = new Map<string, LearnerRow | null>()
  readonly accepted: { key: string; ballot: Ballot }[] = []
  /** Votes that changed; null: the row goes. */
  readonly voted = new Map<string, VotedRow | null>()
  readonly cursors = new Map<NodeId, ChangeCursor | null>()
  floor: Ballot
  /** Null: as before. */
  isAdmitted: boolean | null = null
  hasVotes = false
  /** False while all of it may be lost without harm. */
  needsSync = false
  readonly #components: RegisterBatchComponents
  /** What the group leaves in acceptor rows. */
  readonly #acceptorRows = new Map<string, WriteOp>()
  readonly #others: WriteOp[] = []

  constructor(components: RegisterBatchComponents, accumulator: VoteAccumulator, floor: Ballot) {
    this.#components = components
    this.accumulator = new VoteAccumulator(accumulator.bytes())
    this.floor = floor
  }

  add(change: RegisterChange): void {
    const { tables } = this.#components
    switch (change.kind) {
      case 'vote':
        return this.#vote(change.key, change.state, change.accepted)
      case 'learn':
      case 'settle':
        return this.#learn(change.key, change.row, change.kind === 'settle')
      case 'config':
        this.needsSync = true
        this.#others.push(tables.configRow(change.row))
        return
      case 'cursor':
        this.cursors.set(change.peer, change.cursor)
        this.#others.push(
          change.cursor ? tables.cursors.put(change.peer, change.cursor) : tables.cursors.del(change.peer),
        )
        return
      case 'floor':
        return this.#raiseFloor(change.floor)
      case 'remove':
        this.hasVotes = true
        this.#raiseFloor(change.floor)
        this.#setVote(change.key, null)
        this.learned.set(change.key, null)
        return
      case 'forget':
        // Catch-up would find out again. But a node that begins to vote must not have the row back after a power cut (R9).
        this.needsSync = true
        return this.#forget(change.key, change.upTo)
      case 'admitted':
        this.needsSync = true
        this.hasVotes = true
        this.isAdmitted = change.isAdmitted
        return
      case 'value':
        this.needsSync = true
        this.#others.push(tables.ownerRow(change.name, change.value))
        return
      case 'look':
        change.begin()
    }
  }

  operations(): WriteOp[] {
    const learners = [...this.learned].flatMap(([key, row]) =>
      row ? this.#learnerRows(key, row) : this.#forgottenRows(key),
    )
    return [...this.#acceptorRows.values(), ...learners, ...this.#others]
  }

  #vote(key: string, state: AcceptorState, accepted: boolean): void {
    this.needsSync = true
    this.hasVotes = true
    this.#setVote(key, state)
    if (!accepted || !state.accepted) return
    this.#learn(key, { ...state.accepted, settled: false }, false)
    this.accepted.push({ key, ballot: state.accepted.ballot })
  }

  #raiseFloor(floor: Ballot): void {
    this.needsSync = true
    this.floor = maxBallot(this.floor, floor)
    this.#others.push(this.#components.tables.floorRow(this.floor))
  }

  #forget(key: string, upTo: Ballot | null): void {
    const known = this.#knownHead(key)
    if (upTo === null || (known && compareBallots(known.ballot, upTo) <= 0)) this.learned.set(key, null)
  }

  #knownHead(key: string): LearnerHead | null | undefined {
    const drafted = this.learned.get(key)
    return drafted === undefined ? this.#components.heads.get(key) : drafted
  }

  #setVote(key: string, state: AcceptorState | null): void {
    const { tables, voted } = this.#components
    const drafted = this.voted.get(key)
    const before = drafted === undefined ? voted.hash(key) : drafted?.hash
    if (before) this.accumulator.toggle(before)
    if (!state) {
      this.#acceptorRows.set(key, tables.acceptors.del(key))
      this.voted.set(key, null)
      return
    }
    const row = tables.acceptors.put(key, state)
    const hash = voteHash(row.key, row.value)
    this.accumulator.toggle(hash)
    this.#acceptorRows.set(key, row)
    this.voted.set(key, { state, hash })
  }

  #learn(key: string, row: LearnerRow, isKnown: boolean): void {
    const known = this.#knownHead(key)
    const effect = learnEffect(known, row)
    const rewrites = isKnown && known && sameBallot(known.ballot, row.ballot)
    if (effect === 'nothing' && !rewrites) return
    this.learned.set(key, row)
    if (effect === 'replaces') this.needsSync = true
  }

  /** What memory knows is what the disk holds: it follows each batch, and a row that is only settled keeps its ballot. */
  #learnerRows(key: string, row: LearnerRow): WriteOp[] {
    const { tables, project, heads, learned } = this.#components
    const known = heads.get(key)
    const replaces = !known || !sameBallot(known.ballot, row.ballot)
    const projected = replaces ? project(key, row, known ? learned.get(key) : null) : []
    return [tables.learners.put(key, row), ...projected]
  }

  #forgottenRows(key: string): WriteOp[] {
    const { tables, project } = this.#components
    return [tables.learners.del(key), ...project(key, null, tables.readLearner(key))]
  }
}
