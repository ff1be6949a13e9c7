/**
 * RegisterStorage in memory. The disk outlives the storage object, as a real one outlives the process: what a crash
 * interrupts before its sync is lost, what was synced stays.
 */
import type { NodeId } from '../../cluster/network/rpc-port.ts'
import { compareBallots, sameBallot, ZERO_BALLOT, type Ballot } from '../../cluster/register/ballot.ts'
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

export class MemoryRegisterDisk {
  readonly dbUuid: string
  readonly acceptors = new Map<string, AcceptorState>()
  readonly learners = new Map<string, LearnerRow>()
  readonly cursors = new Map<NodeId, ChangeCursor>()
  readonly witnesses = new Map<NodeId, VoterIdentity>()
  log: ChangeEntry[] = []
  logHead = 0
  logTrimmed = 0
  voteSequence = 0

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
  #tail: Promise<unknown> = Promise.resolve()

  constructor(disk: MemoryRegisterDisk, options: MemoryStorageOptions = {}) {
    this.#disk = disk
    this.#sync = options.sync ?? (() => Promise.resolve())
    this.#logEntriesMax = options.logEntriesMax ?? 100_000
  }

  identity(): VoterIdentity {
    return { dbUuid: this.#disk.dbUuid, voteSequence: this.#disk.voteSequence }
  }

  floor(): Ballot {
    return ZERO_BALLOT
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

  learned(key: string): LearnerRow | null {
    return this.#disk.learners.get(key) ?? null
  }

  learn(key: string, row: LearnerRow): Promise<void> {
    return this.#write(() => this.#learnNow(key, row))
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
    this.#disk.witnesses.set(peer, seen)
  }

  #write(apply: () => void): Promise<void> {
    const done = this.#tail.then(this.#sync).then(apply)
    this.#tail = done.catch(() => {})
    return done
  }

  #learnNow(key: string, row: LearnerRow): void {
    const known = this.#disk.learners.get(key)
    const order = known ? compareBallots(row.ballot, known.ballot) : 1
    if (order > 0) this.#disk.learners.set(key, row)
    if (order === 0 && known && row.settled && sameBallot(row.ballot, known.ballot))
      this.#disk.learners.set(key, { ...known, settled: true })
  }

  #append(key: string, ballot: Ballot): void {
    const disk = this.#disk
    disk.log.push({ sequence: ++disk.logHead, key, ballot })
    if (disk.log.length <= this.#logEntriesMax) return
    disk.logTrimmed = disk.log.shift()?.sequence ?? 0
  }
}
