/**
 * RegisterStorage in memory. The disk outlives the storage object, as a real one outlives the process: what a crash
 * interrupts before its sync is lost, what was synced stays.
 */
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import {
  compareBallots,
  maxBallot,
  sameBallot,
  ZERO_BALLOT,
  type Ballot,
} from '../../cluster/register/ballot.ts'
import type {
  AcceptedDigest,
  AcceptedHead,
  AcceptorState,
  ChangeCursor,
  ChangeEntry,
  ChangePage,
  LearnedListener,
  LearnerDigest,
  LearnerHead,
  LearnerRow,
  RegisterStorage,
  VoterIdentity,
} from '../../cluster/register/storage.ts'

export class MemoryRegisterDisk {
  dbUuid: string
  readonly acceptors = new Map<string, AcceptorState>()
  readonly learners = new Map<string, LearnerRow>()
  readonly cursors = new Map<NodeId, ChangeCursor>()
  readonly witnesses = new Map<NodeId, VoterIdentity>()
  log: ChangeEntry[] = []
  logHead = 0
  logTrimmed = 0
  voteSequence = 0
  floor: Ballot = ZERO_BALLOT
  config: LearnerRow | null = null
  isAdmitted = true
  isIntact = true

  constructor(dbUuid: string) {
    this.dbUuid = dbUuid
  }
}

export interface MemoryStorageOptions {
  /** Resolves when a batch has reached the disk; rejects or never resolves when the node died meanwhile. */
  sync?: () => Promise<void>
  logEntriesMax?: number
}

export class MemoryRegisterStorage implements RegisterStorage {
  readonly #disk: MemoryRegisterDisk
  readonly #sync: () => Promise<void>
  readonly #logEntriesMax: number
  readonly #listeners: LearnedListener[] = []
  readonly #removed = new Map<string, Ballot>()
  readonly #chosenBefore = new Map<string, LearnerRow | null>()
  #tail: Promise<unknown> = Promise.resolve()

  constructor(disk: MemoryRegisterDisk, options: MemoryStorageOptions = {}) {
    this.#disk = disk
    this.#sync = options.sync ?? (() => Promise.resolve())
    this.#logEntriesMax = options.logEntriesMax ?? 100_000
  }

  identity(): VoterIdentity {
    return { dbUuid: this.#disk.dbUuid, voteSequence: this.#disk.voteSequence }
  }

  get isIntact(): boolean {
    return this.#disk.isIntact
  }

  get isAdmitted(): boolean {
    return this.#disk.isAdmitted
  }

  setAdmitted(isAdmitted: boolean): Promise<void> {
    return this.#write(() => {
      this.#disk.voteSequence++
      this.#disk.isAdmitted = isAdmitted
    })
  }

  renewIdentity(isAdmitted: boolean): Promise<void> {
    return this.#write(() => {
      const disk = this.#disk
      disk.dbUuid = `${disk.dbUuid}'`
      disk.voteSequence = 0
      disk.acceptors.clear()
      disk.cursors.clear()
      disk.isIntact = true
      disk.isAdmitted = isAdmitted
    })
  }

  floor(): Ballot {
    return this.#disk.floor
  }

  raiseFloor(floor: Ballot): Promise<void> {
    return this.#write(() => {
      this.#disk.floor = maxBallot(this.#disk.floor, floor)
    })
  }

  accepted(key: string): AcceptedHead | null {
    return this.acceptorState(key)?.accepted ?? null
  }

  acceptorState(key: string): AcceptorState | null {
    return this.#disk.acceptors.get(key) ?? null
  }

  vote(key: string, state: AcceptorState, accepted: boolean): Promise<void> {
    return this.#write(() => {
      this.#disk.voteSequence++
      this.#disk.acceptors.set(key, state)
      if (!accepted || !state.accepted) return
      this.#learnNow(key, { ...state.accepted, settled: false })
      this.#append(key, state.accepted.ballot)
    })
  }

  remove(key: string, floor: Ballot): Promise<void> {
    this.#removed.set(key, floor)
    return this.#write(() => {
      this.#disk.voteSequence++
      this.#disk.floor = maxBallot(this.#disk.floor, floor)
      this.#disk.acceptors.delete(key)
      this.#drop(key)
    })
  }

  acceptedAfter(afterKey: string, limit: number): Promise<AcceptedDigest[]> {
    const found = [...this.#disk.acceptors]
      .filter(([key]) => key > afterKey)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([key, { accepted }]) =>
        accepted ? [{ key, ballot: accepted.ballot, digest: accepted.digest }] : [],
      )
    return Promise.resolve(found.slice(0, limit))
  }

  learned(key: string): LearnerRow | null {
    return this.#disk.learners.get(key) ?? null
  }

  learnedHead(key: string): LearnerHead | null {
    return this.learned(key)
  }

  chosenBefore(key: string): LearnerRow | null | undefined {
    return this.#chosenBefore.get(key)
  }

  learn(key: string, row: LearnerRow): Promise<void> {
    return this.#write(() => this.#learnNow(key, row))
  }

  configInForce(): LearnerRow | null {
    return this.#disk.config
  }

  keepConfig(row: LearnerRow): Promise<void> {
    return this.#write(() => {
      this.#disk.config = row
    })
  }

  forget(key: string, upTo: Ballot): Promise<void> {
    this.#removed.set(key, upTo)
    return this.#write(() => {
      const known = this.#disk.learners.get(key)
      if (known && compareBallots(known.ballot, upTo) <= 0) this.#drop(key)
    })
  }

  onLearned(listener: LearnedListener): void {
    this.#listeners.push(listener)
  }

  registerCount(): number {
    return this.#disk.learners.size
  }

  unsettledKeys(): string[] {
    return [...this.#disk.learners].filter(([, row]) => !row.settled).map(([key]) => key)
  }

  learnedDigests(afterKey: string, limit: number): LearnerDigest[] {
    return [...this.#disk.learners]
      .filter(([key]) => key > afterKey)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .slice(0, limit)
      .map(([key, { ballot, digest, settled }]) => ({ key, ballot, digest, settled }))
  }

  changesSince(cursor: ChangeCursor | null, limit: number): ChangePage {
    const { dbUuid, logHead: head, logTrimmed, log } = this.#disk
    const from = cursor?.sequence ?? 0
    const trimmed = (cursor !== null && cursor.dbUuid !== dbUuid) || from < logTrimmed
    const entries = trimmed ? [] : log.filter((entry) => entry.sequence > from).slice(0, limit)
    return { dbUuid, head, entries, trimmed }
  }

  cursor(peer: NodeId): ChangeCursor | null {
    return this.#disk.cursors.get(peer) ?? null
  }

  setCursor(peer: NodeId, cursor: ChangeCursor): Promise<void> {
    return this.#write(() => void this.#disk.cursors.set(peer, cursor))
  }

  noteWitness(peer: NodeId, seen: VoterIdentity): void {
    const known = this.#disk.witnesses.get(peer)
    if (known?.dbUuid === seen.dbUuid && known.voteSequence >= seen.voteSequence) return
    this.#disk.witnesses.set(peer, seen)
  }

  witnessed(peer: NodeId): VoterIdentity[] {
    const seen = this.#disk.witnesses.get(peer)
    return seen ? [seen] : []
  }

  #write(apply: () => void): Promise<void> {
    const done = this.#tail.then(this.#sync).then(apply)
    this.#tail = done.catch(() => {})
    return done
  }

  #learnNow(key: string, row: LearnerRow): void {
    const removed = this.#removed.get(key)
    if (removed && compareBallots(row.ballot, removed) <= 0) return
    const known = this.#disk.learners.get(key)
    const order = known ? compareBallots(row.ballot, known.ballot) : 1
    if (order > 0) this.#publish(key, row)
    if (order === 0 && known && row.settled && sameBallot(row.ballot, known.ballot))
      this.#publish(key, { ...known, settled: true })
  }

  #publish(key: string, row: LearnerRow): void {
    const known = this.#disk.learners.get(key) ?? null
    if (row.settled) this.#chosenBefore.delete(key)
    else if (known?.settled !== false) this.#chosenBefore.set(key, known)
    this.#disk.learners.set(key, row)
    for (const listener of this.#listeners) listener(key, row)
  }

  #drop(key: string): void {
    this.#chosenBefore.delete(key)
    this.#disk.learners.delete(key)
    for (const listener of this.#listeners) listener(key, null)
  }

  #append(key: string, ballot: Ballot): void {
    const disk = this.#disk
    disk.log.push({ sequence: ++disk.logHead, key, ballot })
    if (disk.log.length <= this.#logEntriesMax) return
    disk.logTrimmed = disk.log.shift()?.sequence ?? 0
  }
}
