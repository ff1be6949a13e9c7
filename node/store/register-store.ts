/**
 * Registers on LevelDB (`meta/`): acceptor rows, learner rows, change log and what is derived from learner rows. Changes
 * are grouped across keys: one synced batch carries them with the vote sequence, the accumulator and what was witnessed
 * (rules R1, R2, R8, R9, R11).
 */
import { ClusterError } from '../../cluster/errors.ts'
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import { ownBytes } from '../../cluster/own-bytes.ts'
import { sameBallot, ZERO_BALLOT, type Ballot } from '../../cluster/register/ballot.ts'
import type {
  AcceptedDigest,
  AcceptedHead,
  AcceptorState,
  ChangeCursor,
  ChangePage,
  LearnedListener,
  LearnerDigest,
  LearnerHead,
  LearnerRow,
  RegisterStorage,
  VoterIdentity,
} from '../../cluster/register/storage.ts'
import type { Log, Random } from '../../cluster/runtime.ts'
import { CHANGE_LOG_ENTRIES_MAX, ChangeLog } from './change-log.ts'
import { corruptValue } from './codec.ts'
import type { Database, WriteOp } from './database.ts'
import { GroupCommit } from './group-commit.ts'
import { KEYSPACES, rangeOf, rootKey } from './keyspaces.ts'
import { LearnedRows } from './learned-rows.ts'
import { LogCursors } from './log-cursors.ts'
import {
  headOf,
  learnEffect,
  RegisterBatch,
  sizeOfChange,
  type Projection,
  type RegisterChange,
} from './register-batch.ts'
import { RegisterHeads } from './register-heads.ts'
import {
  learnedRows,
  scanRegisters,
  type LearnedPage,
  type RegisterScan,
  type VotedPage,
  type VotesFound,
} from './register-scan.ts'
import { RegisterTables } from './register-tables.ts'
import { RemovedKeys } from './removed-keys.ts'
import { begunNow, VoteAccumulator, type VoteRows } from './vote-accumulator.ts'
import { VotedRows } from './voted-rows.ts'
import { Witnesses } from './witnesses.ts'

export interface RegisterStoreComponents {
  database: Database
  random: Random
  log: Log
  /** Reads what is there at the start. Default: on the event loop. */
  scan?: RegisterScan
}

export interface RegisterStoreOptions {
  project?: Projection
  /** Told of every learner row that is there at the start, in key order: what is built from them needs no second pass. */
  onFound?: LearnedListener
  changeLogEntriesMax?: number
}

const DB_UUID_BYTES = 16

export class RegisterStore implements RegisterStorage {
  readonly #components: RegisterStoreComponents
  readonly #project: Projection
  readonly #tables: RegisterTables
  readonly #commits: GroupCommit<RegisterChange>
  readonly #heads = new RegisterHeads()
  readonly #learned: LearnedRows
  readonly #voted: VotedRows
  readonly #log: ChangeLog
  readonly #witnesses: Witnesses
  readonly #cursors: LogCursors
  #dbUuid: string
  #voteSequence = 0
  #floor: Ballot = ZERO_BALLOT
  #accumulator = new VoteAccumulator()
  readonly #removed = new RemovedKeys()
  #isIntact = true
  #isAdmitted = true

  private constructor(components: RegisterStoreComponents, options: RegisterStoreOptions) {
    this.#components = components
    this.#project = options.project ?? (() => [])
    this.#tables = new RegisterTables(components.database)
    this.#learned = new LearnedRows(this.#tables, this.#heads)
    this.#voted = new VotedRows(this.#tables)
    this.#log = new ChangeLog(components.database, options.changeLogEntriesMax ?? CHANGE_LOG_ENTRIES_MAX)
    this.#witnesses = new Witnesses(this.#tables.witnesses)
    this.#cursors = new LogCursors(this.#tables.cursors)
    this.#commits = new GroupCommit((changes) => this.#flush(changes), sizeOfChange)
    this.#dbUuid = this.#mintUuid()
  }

  /** Reads everything back; a new database gets its identity. Damage is told by `isIntact`, not thrown. */
  static async open(
    components: RegisterStoreComponents,
    options: RegisterStoreOptions = {},
  ): Promise<RegisterStore> {
    const store = new RegisterStore(components, options)
    await store.#load(options.onFound ?? (() => {}))
    return store
  }

  get isIntact(): boolean {
    return this.#isIntact
  }

  get isAdmitted(): boolean {
    return this.#isAdmitted
  }

  setAdmitted(isAdmitted: boolean): Promise<void> {
    return this.#commits.add({ kind: 'admitted', isAdmitted })
  }

  onLearned(listener: LearnedListener): void {
    this.#learned.onChanged(listener)
  }

  identity(): VoterIdentity {
    return { dbUuid: this.#dbUuid, voteSequence: this.#voteSequence }
  }

  witnessed(peer: NodeId): VoterIdentity[] {
    return this.#witnesses.of(peer)
  }

  noteWitness(peer: NodeId, seen: VoterIdentity): void {
    this.#witnesses.note(peer, seen)
  }

  floor(): Ballot {
    return this.#floor
  }

  raiseFloor(floor: Ballot): Promise<void> {
    return this.#commits.add({ kind: 'floor', floor })
  }

  /** A row that is gone although this process wrote it is damage, too: its checksum went with it (R1). */
  acceptorState(key: string): AcceptorState | null {
    const state = this.#voted.state(key)
    const head = state ? null : this.#heads.accepted(key)
    if (head && !this.#removed.covers(key, head.ballot))
      throw corruptValue(this.#tables.acceptors.storedKey(key), 'its row is gone')
    return state
  }

  accepted(key: string): AcceptedHead | null {
    const known = this.#heads.accepted(key)
    if (known) return known
    const state = this.acceptorState(key)
    // What is absent is not kept: anybody may ask for any number of ids that were never used.
    const head = state && headOf(state)
    if (head) this.#heads.setAccepted(key, head)
    return head
  }

  async vote(key: string, state: AcceptorState, accepted: boolean): Promise<void> {
    this.#assertIntact()
    if (accepted && !state.accepted) throw new TypeError(`nothing was accepted for ${key}`)
    await this.#commits.add({ kind: 'vote', key, state: withOwnBytes(state), accepted })
  }

  async remove(key: string, floor: Ballot): Promise<void> {
    this.#assertIntact()
    await this.#removed.cover(key, floor, () => this.#commits.add({ kind: 'remove', key, floor }))
  }

  async acceptedAfter(afterKey: string, limit: number): Promise<AcceptedDigest[]> {
    const found: AcceptedDigest[] = []
    for await (const row of this.#tables.acceptors.scanAfter(afterKey)) {
      if (found.length === limit) break
      if (row.damaged) throw corruptValue(row.storedKey, 'its vote cannot be read')
      const { accepted } = row.value
      if (accepted) found.push({ key: row.key, ballot: accepted.ballot, digest: accepted.digest })
    }
    return found
  }

  /** See RecoverableStorage. */
  async *voteRows(): AsyncGenerator<{ key: string; state: AcceptorState } | null> {
    for await (const row of this.#tables.acceptors.scan())
      yield row.damaged ? null : { key: row.key, state: row.value }
  }

  learned(key: string): LearnerRow | null {
    const row = this.#learned.get(key)
    if (!row && this.#heads.get(key)) this.#forgetDamaged(key)
    return row
  }

  chosenBefore(key: string): LearnerRow | null | undefined {
    return this.#learned.chosenBefore(key)
  }

  learnedHead(key: string): LearnerHead | null {
    return this.#heads.get(key) ?? null
  }

  async forget(key: string, upTo: Ballot): Promise<void> {
    await this.#removed.cover(key, upTo, () => this.#commits.add({ kind: 'forget', key, upTo }))
  }

  async learn(key: string, row: LearnerRow): Promise<void> {
    // The row may be on its way out: until then lists show what was chosen before it.
    if (this.#removed.covers(key, row.ballot) && this.#heads.get(key)) await this.#written()
    if (this.#removed.covers(key, row.ballot)) return
    const head = this.#heads.get(key)
    if (head && sameBallot(head.ballot, row.ballot) && head.digest !== row.digest)
      throw new ClusterError('CORRUPT_VALUE', `two values are known for ${key} under one ballot`, { key })
    switch (learnEffect(head, row)) {
      case 'nothing':
        return
      case 'settles':
        this.#learned.publish(key, row)
        return this.#commits.add({ kind: 'settle', key, row })
      case 'replaces':
        return this.#commits.add({ kind: 'learn', key, row })
    }
  }

  configInForce(): LearnerRow | null {
    return this.#readConfig() ?? null
  }

  keepConfig(row: LearnerRow): Promise<void> {
    return this.#commits.add({ kind: 'config', row })
  }

  registerCount(): number {
    return this.#heads.size
  }

  unsettledKeys(): string[] {
    return this.#heads.unsettledKeys()
  }

  learnedDigests(afterKey: string, limit: number): LearnerDigest[] {
    return this.#heads.after(afterKey, limit)
  }

  /** Whether the learner row of a key is settled; costs no disk. */
  isSettled(key: string): boolean {
    return this.#heads.get(key)?.settled ?? false
  }

  /** Every key with a learner row, in order, as of now. */
  learnedKeys(): readonly string[] {
    return [...this.#heads.keys()]
  }

  /** The live images that have these bytes, as the projected `root` rows name them. */
  async imagesWithRoot(root: string): Promise<string[]> {
    const prefix = rootKey(root, '')
    const images: string[] = []
    for await (const key of this.#components.database.keys(rangeOf(KEYSPACES.root, Buffer.from(root, 'hex'))))
      images.push(key.toString('utf8', prefix.length))
    return images
  }

  changesSince(cursor: ChangeCursor | null, limit: number): ChangePage {
    return this.#log.since(this.#dbUuid, cursor, limit)
  }

  cursor(peer: NodeId): ChangeCursor | null {
    return this.#cursors.of(peer)
  }

  /** Not synced: a cursor that is lost costs a second look at the same entries, and a list must not cost a sync. */
  async setCursor(peer: NodeId, cursor: ChangeCursor): Promise<void> {
    const known = this.#cursors.of(peer)
    if (known?.dbUuid === cursor.dbUuid && known.sequence === cursor.sequence) return
    await this.#commits.add({ kind: 'cursor', peer, cursor })
  }

  /** A value that the owner keeps by name. Throws CORRUPT_VALUE. */
  ownerValue(name: string): Uint8Array | null {
    return this.#tables.ownerValue(name)
  }

  /** Resolves when durable. */
  setOwnerValue(name: string, value: Uint8Array): Promise<void> {
    return this.#commits.add({ kind: 'value', name, value })
  }

  async renewIdentity(isAdmitted: boolean): Promise<void> {
    // Whatever was decided before must not land on top of the new state.
    await this.#written()
    const dels: WriteOp[] = []
    for await (const storedKey of this.#components.database.keys(rangeOf(KEYSPACES.acceptor)))
      dels.push({ type: 'del', key: storedKey })
    for (const peer of this.#cursors.peers()) dels.push(this.#tables.cursors.del(peer))
    const dbUuid = this.#mintUuid()
    const accumulator = new VoteAccumulator()
    const state = { dbUuid, voteSequence: 0, accumulator: accumulator.bytes(), logHead: this.#log.head }
    await this.#components.database.write([...dels, this.#tables.voteStateRow({ ...state, isAdmitted })])
    this.#dbUuid = dbUuid
    this.#voteSequence = 0
    this.#cursors.clear()
    this.#forgetVotes()
    this.#accumulator = accumulator
    this.#isIntact = true
    this.#isAdmitted = isAdmitted
  }

  /**
   * Compares all vote rows, as they are at one moment, with the accumulator (R1); false when they are not those that were
   * written: from then on this node must not vote. `pause` is awaited after each page. While it runs LevelDB keeps what is
   * replaced meanwhile.
   */
  async checkVotes(pause: () => Promise<void>): Promise<boolean> {
    const dbUuid = this.#dbUuid
    const { pages, expected } = await this.#votesAtOneMoment()
    const found = await VoteAccumulator.over(pages, pause)
    // Votes that were given up meanwhile prove nothing.
    if (found.equals(expected) || dbUuid !== this.#dbUuid) return true
    this.#isIntact = false
    this.#forgetVotes()
    return false
  }

  /** Waits until nothing is under way. */
  close(): Promise<void> {
    return this.#commits.close()
  }

  async #load(onFound: LearnedListener): Promise<void> {
    await this.#witnesses.load()
    const state = this.#readVoteState()
    this.#dbUuid = state?.dbUuid ?? this.#dbUuid
    this.#voteSequence = state?.voteSequence ?? 0
    this.#isAdmitted = state?.isAdmitted ?? true
    await this.#log.load(state?.logHead ?? 0)
    await this.#cursors.load()
    const votes = await this.#loadRegisters(onFound)
    this.#accumulator = new VoteAccumulator(votes.accumulator)
    this.#isIntact = state ? this.#accumulator.equals(state.accumulator) : votes.isEmpty && state === null
    // Under an older config this node could vote for what the others decided without it.
    if (this.#readConfig() === undefined) this.#isIntact = false
    if (state === null && this.#isIntact)
      await this.#components.database.write([this.#voteStateRow(this.#accumulator, 0, 0, true)])
    if (this.#isIntact) return
    this.#forgetVotes()
    this.#components.log.error({}, 'votes or config are not those that were written: this node must not vote')
  }

  #forgetVotes(): void {
    this.#heads.clearAccepted()
    this.#voted.clear()
  }

  /** Undefined when it is damaged; null when there is none. */
  #readVoteState() {
    try {
      this.#floor = this.#tables.floor() ?? ZERO_BALLOT
      return this.#tables.voteState()
    } catch {
      return undefined
    }
  }

  /** Undefined when it is damaged; null when there is none. */
  #readConfig() {
    try {
      return this.#tables.configInForce()
    } catch {
      return undefined
    }
  }

  #votesAtOneMoment() {
    return new Promise<{ pages: VoteRows; expected: Buffer }>((resolve, reject) => {
      const begin = () =>
        resolve({
          pages: begunNow(this.#tables.acceptors.storedPages()),
          expected: this.#accumulator.bytes(),
        })
      this.#commits.add({ kind: 'look', begin }).catch(reject)
    })
  }

  /** Votes are noted as they are met: all are what the accumulator says, or none counts. */
  async #loadRegisters(onFound: LearnedListener): Promise<VotesFound> {
    const { scan = (onPage) => scanRegisters(this.#tables, onPage) } = this.#components
    const damaged: string[] = []
    const votes = await scan((page) => {
      if (page.kind === 'voted') return this.#noteVotes(page)
      this.#noteLearned(page, onFound)
      damaged.push(...page.damaged)
    })
    for (const key of damaged) this.#forgetDamaged(key)
    return votes
  }

  #noteVotes({ keys, ballots, digests }: VotedPage): void {
    for (const [i, key] of keys.entries())
      this.#heads.setAccepted(key, { ballot: ballots[i] as Ballot, digest: digests[i] as string })
  }

  #noteLearned(page: LearnedPage, onFound: LearnedListener): void {
    for (const [key, row] of learnedRows(page)) {
      this.#heads.put(key, row)
      onFound(key, row)
    }
  }

  /** What was learned can be learned again: without cursors, catch-up compares everything. */
  #forgetDamaged(key: string): void {
    this.#components.log.error({ key }, 'a learner row is damaged; it will be learned again')
    this.#learned.drop(key)
    const peers = this.#cursors.peers()
    this.#cursors.clear()
    const forgets: RegisterChange[] = [
      { kind: 'forget', key, upTo: null },
      ...peers.map((peer): RegisterChange => ({ kind: 'cursor', peer, cursor: null })),
    ]
    for (const change of forgets) this.#commits.add(change).catch(() => {})
  }

  /** Resolves when all that was asked for before is on the disk, and seen here. */
  #written(): Promise<void> {
    return this.#commits.add({ kind: 'look', begin: () => {} })
  }

  async #flush(changes: RegisterChange[]): Promise<void> {
    const { database } = this.#components
    const parts = {
      tables: this.#tables,
      heads: this.#heads,
      voted: this.#voted,
      learned: this.#learned,
      project: this.#project,
    }
    const batch = new RegisterBatch(parts, this.#accumulator, this.#floor)
    for (const change of changes) batch.add(change)
    const voteSequence = this.#voteSequence + (batch.hasVotes ? 1 : 0)
    const operations = [...batch.operations(), ...this.#log.append(batch.accepted)]
    if (batch.hasVotes) {
      const logHead = this.#log.head + batch.accepted.length
      operations.push(
        this.#voteStateRow(batch.accumulator, voteSequence, logHead, batch.isAdmitted ?? this.#isAdmitted),
        ...this.#witnesses.takeFresh(),
      )
    }
    await database.write(operations, { sync: batch.needsSync })
    this.#voteSequence = voteSequence
    if (batch.hasVotes) this.#witnesses.noteWritten()
    this.#publish(batch)
  }

  #voteStateRow(
    accumulator: VoteAccumulator,
    voteSequence: number,
    logHead: number,
    isAdmitted: boolean,
  ): WriteOp {
    const [dbUuid, bytes] = [this.#dbUuid, accumulator.bytes()]
    return this.#tables.voteStateRow({ dbUuid, voteSequence, accumulator: bytes, logHead, isAdmitted })
  }

  #publish(batch: RegisterBatch): void {
    if (batch.hasVotes) this.#accumulator = batch.accumulator
    this.#floor = batch.floor
    this.#isAdmitted = batch.isAdmitted ?? this.#isAdmitted
    this.#log.publish(batch.accepted)
    this.#cursors.publish(batch.cursors)
    for (const [key, row] of batch.voted) {
      this.#voted.publish(key, row)
      this.#heads.setAccepted(key, row && headOf(row.state))
    }
    for (const [key, row] of batch.learned) {
      if (row) this.#learned.publish(key, row)
      else this.#learned.drop(key)
    }
  }

  /** A vote written now would make the accumulator fit what is damaged. */
  #assertIntact(): void {
    if (!this.#isIntact)
      throw new ClusterError('NOT_VOTING', 'the vote rows of this node are not those that it wrote')
  }

  #mintUuid(): string {
    return Buffer.from(this.#components.random.bytes(DB_UUID_BYTES)).toString('hex')
  }
}

/** Vote and learner row share the bytes, and nothing else holds them. */
function withOwnBytes(state: AcceptorState): AcceptorState {
  const { accepted } = state
  return accepted ? { ...state, accepted: { ...accepted, value: ownBytes(accepted.value) } } : state
}
