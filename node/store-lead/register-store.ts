/**
 * Registers on LevelDB (`meta/`): acceptor rows, learner rows, change log and what is derived from learner rows, in one
 * synced batch per group of votes (rules R1 and R2; R8's identity and R9's floor have their rows already).
 */
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import { ZERO_BALLOT, type Ballot } from '../../cluster/register/ballot.ts'
import type {
  AcceptorState,
  ChangeCursor,
  ChangeEntry,
  ChangePage,
  LearnerDigest,
  LearnerRow,
  RegisterStorage,
  VoterIdentity,
} from '../../cluster/register/storage.ts'
import type { Random } from '../../cluster/runtime.ts'
import { ChangeLog } from './change-log.ts'
import type { Database, WriteOp } from './database.ts'
import { GroupCommit } from './group-commit.ts'
import { changeKey, hexKey, META, rootKey, SINGLES, textKey, textOf } from './keyspaces.ts'
import { learnEffect, LearnerTable } from './learner-table.ts'
import {
  decodeAcceptor,
  decodeChange,
  decodeCursor,
  decodeFloor,
  decodeLearner,
  decodeSingle,
  decodeWitness,
  encodeAcceptor,
  encodeChange,
  encodeCursor,
  encodeLearner,
  encodeSingle,
  encodeWitness,
} from './register-rows.ts'
import { VoteAccumulator } from './vote-accumulator.ts'

const DB_UUID_BYTES = 16

/** Rows of the owner's own that follow from a learner row; they land in the same batch. */
export type Projection = (key: string, row: LearnerRow, before: LearnerRow | null) => WriteOp[]

export interface RegisterStoreOptions {
  project?: Projection
  changeLogEntriesMax?: number
}

type Change =
  | { kind: 'vote'; key: string; state: AcceptorState; accepted: boolean }
  | { kind: 'learn'; key: string; row: LearnerRow }
  | { kind: 'cursor'; peer: NodeId; cursor: ChangeCursor }

/** What a batch will have changed in memory once it is durable. */
interface Draft {
  operations: WriteOp[]
  acceptorRows: Map<string, Buffer>
  learned: Map<string, LearnerRow>
  entries: ChangeEntry[]
  cursors: [NodeId, ChangeCursor][]
  hasVotes: boolean
}

export class RegisterStore implements RegisterStorage {
  readonly #database: Database
  readonly #project: Projection
  readonly #commits: GroupCommit<Change>
  readonly #learners = new LearnerTable()
  readonly #cursors = new Map<NodeId, ChangeCursor>()
  readonly #witnesses = new Map<NodeId, VoterIdentity>()
  readonly #freshWitnesses = new Set<NodeId>()
  readonly #settledLazily = new Set<string>()
  readonly #listeners: ((key: string, row: LearnerRow) => void)[] = []
  readonly #log: ChangeLog
  readonly #dbUuid: string
  #voteSequence = 0
  #floor: Ballot = ZERO_BALLOT
  #accumulator = new VoteAccumulator()
  #isIntact = true

  private constructor(database: Database, dbUuid: string, options: RegisterStoreOptions) {
    this.#database = database
    this.#project = options.project ?? (() => [])
    this.#dbUuid = dbUuid
    this.#log = new ChangeLog(dbUuid, options.changeLogEntriesMax)
    this.#commits = new GroupCommit((changes) => this.#flush(changes))
  }

  /** Reads the rows back; a new database gets its uuid first. Throws CORRUPT_VALUE. */
  static async open(database: Database, random: Random, options: RegisterStoreOptions = {}): Promise<RegisterStore> {
    const known = readSingle(database, SINGLES.dbUuid) as string | undefined
    const dbUuid = known ?? Buffer.from(random.bytes(DB_UUID_BYTES)).toString('hex')
    if (known === undefined) await database.write([putSingle(SINGLES.dbUuid, dbUuid)])
    const store = new RegisterStore(database, dbUuid, options)
    await store.#load()
    return store
  }

  /** False when the acceptor rows are not those that were written: this node must not vote (R1, R8). */
  get isIntact(): boolean {
    return this.#isIntact
  }

  /** Called for each learner row that became durable or settled. */
  onLearned(listener: (key: string, row: LearnerRow) => void): void {
    this.#listeners.push(listener)
  }

  /** Whether a live image other than `exceptId` has these bytes, by the projected `root!` rows. */
  async hasProjectedRoot(root: string, exceptId: string): Promise<boolean> {
    const own = rootKey(root, exceptId)
    for await (const key of this.#database.keys(hexKey(META.root, root))) if (!key.equals(own)) return true
    return false
  }

  identity(): VoterIdentity {
    return { dbUuid: this.#dbUuid, voteSequence: this.#voteSequence }
  }

  floor(): Ballot {
    return this.#floor
  }

  acceptorState(key: string): AcceptorState | null {
    const rowKey = textKey(META.acceptor, key)
    const row = this.#database.get(rowKey)
    return row ? decodeAcceptor(rowKey, row) : null
  }

  vote(key: string, state: AcceptorState, accepted: boolean): Promise<void> {
    return this.#commits.add({ kind: 'vote', key, state, accepted })
  }

  learned(key: string): LearnerRow | null {
    const known = this.#learners.get(key)
    if (!known) return null
    const rowKey = textKey(META.learner, key)
    const row = this.#database.get(rowKey)
    // What is known to be settled may be written with some later batch.
    return row ? { ...decodeLearner(rowKey, row), settled: known.settled } : null
  }

  learn(key: string, row: LearnerRow): Promise<void> {
    const effect = learnEffect(this.#learners.get(key), row)
    if (effect === 'nothing') return Promise.resolve()
    if (effect === 'replaces') return this.#commits.add({ kind: 'learn', key, row })
    this.#learners.put(key, row)
    this.#settledLazily.add(key)
    this.#announce(key, row)
    return Promise.resolve()
  }

  unsettledKeys(): string[] {
    return this.#learners.unsettledKeys()
  }

  /** Every key with a learner row. */
  learnedKeys(): IterableIterator<string> {
    return this.#learners.keys()
  }

  learnedDigests(afterKey: string, limit: number): LearnerDigest[] {
    return this.#learners.after(afterKey, limit)
  }

  changesSince(cursor: ChangeCursor | null, limit: number): ChangePage {
    return this.#log.since(cursor, limit)
  }

  cursor(peer: NodeId): ChangeCursor | null {
    return this.#cursors.get(peer) ?? null
  }

  setCursor(peer: NodeId, cursor: ChangeCursor): Promise<void> {
    const known = this.#cursors.get(peer)
    if (known?.dbUuid === cursor.dbUuid && known.sequence === cursor.sequence) return Promise.resolve()
    return this.#commits.add({ kind: 'cursor', peer, cursor })
  }

  noteWitness(peer: NodeId, seen: VoterIdentity): void {
    const known = this.#witnesses.get(peer)
    if (known?.dbUuid === seen.dbUuid && known.voteSequence >= seen.voteSequence) return
    this.#witnesses.set(peer, seen)
    this.#freshWitnesses.add(peer)
  }

  /** Writes what is only in memory yet and waits until nothing is under way. */
  async close(): Promise<void> {
    await this.#commits.idle()
    const operations = this.#lazyOperations()
    if (operations.length > 0) await this.#database.write(operations)
  }

  async #load(): Promise<void> {
    const database = this.#database
    this.#voteSequence = (readSingle(database, SINGLES.voteSequence) as number | undefined) ?? 0
    const floor = readSingle(database, SINGLES.floor)
    if (floor !== undefined) this.#floor = decodeFloor(floor)
    for await (const [key, row] of database.rows(Buffer.of(META.change))) this.#log.append(decodeChange(key, row))
    for await (const [key, row] of database.rows(Buffer.of(META.cursor))) this.#cursors.set(textOf(key), decodeCursor(key, row))
    for await (const [key, row] of database.rows(Buffer.of(META.witness)))
      this.#witnesses.set(textOf(key), decodeWitness(key, row))
    for await (const [key, row] of database.rows(Buffer.of(META.learner)))
      this.#learners.put(textOf(key), decodeLearner(key, row))
    await this.#checkAccumulator()
  }

  async #checkAccumulator(): Promise<void> {
    const scanned = new VoteAccumulator()
    for await (const [key, row] of this.#database.rows(Buffer.of(META.acceptor))) scanned.toggle(key, row)
    const stored = readSingle(this.#database, SINGLES.accumulator) as Uint8Array | undefined
    this.#isIntact = scanned.bytes().equals(stored ?? new VoteAccumulator().bytes())
    this.#accumulator = scanned
  }

  async #flush(changes: Change[]): Promise<void> {
    const draft: Draft = {
      operations: this.#lazyOperations(),
      acceptorRows: new Map(),
      learned: new Map(),
      entries: [],
      cursors: [],
      hasVotes: false,
    }
    const accumulator = new VoteAccumulator(this.#accumulator.bytes())
    for (const change of changes) this.#draftChange(draft, accumulator, change)
    if (draft.hasVotes) {
      draft.operations.push(putSingle(SINGLES.voteSequence, this.#voteSequence + 1))
      draft.operations.push(putSingle(SINGLES.accumulator, accumulator.bytes()))
    }
    await this.#database.batch(draft.operations)
    this.#accumulator = accumulator
    this.#publish(draft)
  }

  #draftChange(draft: Draft, accumulator: VoteAccumulator, change: Change): void {
    if (change.kind === 'learn') return this.#draftLearn(draft, change.key, change.row)
    if (change.kind === 'cursor') {
      const key = textKey(META.cursor, change.peer)
      draft.operations.push({ type: 'put', key, value: encodeCursor(key, change.cursor) })
      draft.cursors.push([change.peer, change.cursor])
      return
    }
    draft.hasVotes = true
    const key = textKey(META.acceptor, change.key)
    const before = draft.acceptorRows.get(change.key) ?? this.#database.get(key)
    const value = encodeAcceptor(key, change.state)
    if (before) accumulator.toggle(key, before)
    accumulator.toggle(key, value)
    draft.acceptorRows.set(change.key, value)
    draft.operations.push({ type: 'put', key, value })
    const { accepted } = change.state
    if (!change.accepted || !accepted) return
    this.#draftLearn(draft, change.key, { ...accepted, settled: false })
    const entry = this.#log.next(change.key, accepted.ballot, draft.entries.length)
    draft.entries.push(entry)
    const logKey = changeKey(entry.sequence)
    draft.operations.push({ type: 'put', key: logKey, value: encodeChange(logKey, entry) })
  }

  #draftLearn(draft: Draft, key: string, row: LearnerRow): void {
    const drafted = draft.learned.get(key)
    const effect = learnEffect(drafted ?? this.#learners.get(key), row)
    if (effect === 'nothing') return
    const before = drafted ?? this.learned(key)
    const next = effect === 'settles' && before ? { ...before, settled: true } : row
    draft.learned.set(key, next)
    const rowKey = textKey(META.learner, key)
    draft.operations.push({ type: 'put', key: rowKey, value: encodeLearner(rowKey, next) })
    draft.operations.push(...this.#project(key, next, before))
  }

  /** Rows that were allowed to wait for a batch: settled marks, witnesses, the trimmed end of the log. */
  #lazyOperations(): WriteOp[] {
    const operations: WriteOp[] = []
    for (const key of this.#settledLazily) {
      const row = this.learned(key)
      const rowKey = textKey(META.learner, key)
      if (row) operations.push({ type: 'put', key: rowKey, value: encodeLearner(rowKey, row) })
    }
    this.#settledLazily.clear()
    for (const peer of this.#freshWitnesses) {
      const key = textKey(META.witness, peer)
      operations.push({ type: 'put', key, value: encodeWitness(key, this.#witnesses.get(peer) as VoterIdentity) })
    }
    this.#freshWitnesses.clear()
    for (const sequence of this.#log.trim()) operations.push({ type: 'del', key: changeKey(sequence) })
    return operations
  }

  #publish(draft: Draft): void {
    if (draft.hasVotes) this.#voteSequence++
    for (const entry of draft.entries) this.#log.append(entry)
    for (const [peer, cursor] of draft.cursors) this.#cursors.set(peer, cursor)
    for (const [key, row] of draft.learned) {
      this.#learners.put(key, row)
      this.#announce(key, row)
    }
  }

  #announce(key: string, row: LearnerRow): void {
    for (const listener of this.#listeners) listener(key, row)
  }
}

function readSingle(database: Database, name: string): unknown {
  const key = textKey(META.single, name)
  const row = database.get(key)
  return row === undefined ? undefined : decodeSingle(key, row)
}

function putSingle(name: string, value: unknown): WriteOp {
  const key = textKey(META.single, name)
  return { type: 'put', key, value: encodeSingle(key, value) }
}
