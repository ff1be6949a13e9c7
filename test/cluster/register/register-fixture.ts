/** Voters over memory disks on a memory network, and single register parts at one of them. */
import type { ClusterConfig } from '../../../cluster/membership/cluster-config.ts'
import type { NodeId } from '../../../cluster/network/rpc-port.ts'
import { Acceptor } from '../../../cluster/register/acceptor.ts'
import { BallotSource } from '../../../cluster/register/ballot-source.ts'
import { ZERO_BALLOT, type Ballot } from '../../../cluster/register/ballot.ts'
import { CatchUp } from '../../../cluster/register/catch-up.ts'
import { CommitNotices } from '../../../cluster/register/commit-notices.ts'
import { Coordinator } from '../../../cluster/register/coordinator.ts'
import { CurrentConfig } from '../../../cluster/register/current-config.ts'
import { EpochFence } from '../../../cluster/register/epoch-fence.ts'
import { HeldPromises } from '../../../cluster/register/held-promises.ts'
import type { OperationCall, OperationTable } from '../../../cluster/register/operations.ts'
import { Proposer } from '../../../cluster/register/proposer.ts'
import { Reader } from '../../../cluster/register/reader.ts'
import {
  decodeValue,
  encodeValue,
  valueDigest,
  type RegisterValue,
} from '../../../cluster/register/register-value.ts'
import { RegisterServer } from '../../../cluster/register/register-server.ts'
import type { Since } from '../../../cluster/register/vote-messages.ts'
import { VoterClient } from '../../../cluster/register/voter-client.ts'
import { silentLog, systemClock, systemRandom, type Clock } from '../../../cluster/runtime.ts'
import { MemoryNetwork } from '../../helpers/memory-network.ts'
import { MemoryRegisterDisk, MemoryRegisterStorage } from '../../helpers/memory-register-storage.ts'

export const KEY = 'thing/1'

/** A register that holds a list of words. */
export const wordOperations: OperationTable = {
  create: (current, args) =>
    current
      ? { kind: 'refuse', refusal: { code: 'CONFLICT', message: 'taken' } }
      : { kind: 'write', next: { live: true, record: [args] } },
  append: (current, args) =>
    current
      ? { kind: 'write', next: { live: true, record: [...(current.record as unknown[]), args] } }
      : { kind: 'refuse', refusal: { code: 'NOT_FOUND', message: 'no such thing' } },
  set: (_, args) => ({ kind: 'write', next: { live: true, record: [args] } }),
  delete: () => ({ kind: 'write', next: { live: false, record: null } }),
  keep: () => ({ kind: 'keep' }),
}

let opCount = 0

/** A call under an opId of its own. */
export function callOf(name: string, args: unknown = name): OperationCall {
  return { name, args, opId: (++opCount).toString(16).padStart(32, '0') }
}

/** Where an operation stood that another node may have tried. */
export function since(version: number, floor: Ballot = ZERO_BALLOT): Since {
  return { version, floor }
}

/** A ballot whose nonce is one digit, repeated. */
export function ballotOf(counter: number, digit = '1'): Ballot {
  return { counter, nonce: digit.repeat(16) }
}

export function bytesOf(record: unknown, fields: Partial<RegisterValue> = {}): Uint8Array {
  return encodeValue({ live: true, record, version: 1, ring: [], ...fields })
}

export function wordsIn(value: Uint8Array | undefined): unknown {
  return value && decodeValue(value).record
}

export function configOf(voters: NodeId[], fields: Partial<ClusterConfig> = {}): ClusterConfig {
  const nodes = voters.map((id) => ({ id, address: '', role: 'voter' as const, zone: null, weight: 1 }))
  const fresh = { joint: null, databases: {}, invites: [], removed: [], featureLevel: 1 }
  return { clusterId: 'c1'.repeat(16), epoch: 1, voters, nodes, ...fresh, ...fields }
}

export interface VoterSetOptions {
  logEntriesMax?: number
  clock?: Clock
  config?: ClusterConfig
}

/** Voters that answer but start nothing by themselves. */
export class VoterSet {
  readonly network = new MemoryNetwork()
  readonly configs = new Map<NodeId, CurrentConfig>()
  readonly disks = new Map<NodeId, MemoryRegisterDisk>()
  readonly dead = new Set<NodeId>()
  /** Why a node does not vote. */
  readonly abstaining = new Map<NodeId, string>()
  readonly #storages = new Map<NodeId, MemoryRegisterStorage>()
  readonly #clock: Clock
  /** Every proposer has its own, and each knows what its node has promised. */
  readonly #ballots = new Map<NodeId, { promised: Ballot; sources: BallotSource[] }>()
  #nonces = 0

  constructor(ids: NodeId[], { logEntriesMax, clock = systemClock, config }: VoterSetOptions = {}) {
    this.#clock = clock
    for (const id of ids) {
      const disk = new MemoryRegisterDisk(`disk of ${id}`)
      this.disks.set(id, disk)
      this.#storages.set(
        id,
        new MemoryRegisterStorage(disk, logEntriesMax === undefined ? {} : { logEntriesMax }),
      )
      this.configs.set(id, new CurrentConfig(this.storage(id), config ?? configOf(ids)))
      this.#serve(id)
    }
  }

  disk(id: NodeId): MemoryRegisterDisk {
    return this.disks.get(id) as MemoryRegisterDisk
  }

  storage(id: NodeId): MemoryRegisterStorage {
    return this.#storages.get(id) as MemoryRegisterStorage
  }

  proposer(id: NodeId): Proposer {
    return this.parts(id).proposer
  }

  reader(id: NodeId): Reader {
    return new Reader(this.parts(id))
  }

  coordinator(id: NodeId): Coordinator {
    return new Coordinator({ ...this.parts(id), reader: this.reader(id) })
  }

  catchUp(id: NodeId): CatchUp {
    return new CatchUp({ ...this.parts(id), reader: this.reader(id) })
  }

  /** A proposer of its own and what goes with it, as one process start would have them. */
  parts(id: NodeId) {
    const common = this.#common(id)
    const voters = new VoterClient(common.fence, common.storage, common.clock)
    const ballots = this.#ballotsAt(id)
    const held = new HeldPromises()
    const notices = new CommitNotices({ ...common, voters })
    const proposer = new Proposer({ ...common, voters, notices, ballots, held })
    return { ...common, voters, notices, ballots, held, proposer }
  }

  #serve(id: NodeId): void {
    const parts = { ...this.parts(id), startNonce: this.#nonce() }
    void new RegisterServer({
      ...parts,
      acceptor: new Acceptor({
        ...parts,
        ballots: { note: (seen) => this.#noteAt(id, seen) },
        onDamage: () => {},
      }),
      coordinator: this.coordinator(id),
      catchUp: { follow: () => {} },
      getReady: () => true,
    })
  }

  /** Puts an accepted value straight onto a disk, with its learner row and log entry. */
  accept(id: NodeId, ballot: Ballot, value: Uint8Array, key = KEY): Promise<void> {
    const accepted = { ballot, value, digest: valueDigest(value) }
    return this.storage(id).vote(key, { promised: ballot, accepted }, true)
  }

  #common(self: NodeId) {
    const rpc = this.network.join(self)
    const storage = this.storage(self)
    const config = this.configs.get(self) as CurrentConfig
    return {
      self,
      clock: this.#clock,
      random: systemRandom,
      log: silentLog,
      config,
      fence: new EpochFence({ self, rpc, config, storage }),
      liveness: { isAlive: (id: NodeId) => !this.dead.has(id) },
      rpc,
      storage,
      operations: wordOperations,
      abstains: () => this.abstaining.get(self) ?? null,
    }
  }

  #ballotsAt(id: NodeId): BallotSource {
    const source = new BallotSource(this.#nonce())
    const { promised, sources } = this.#ballots.get(id) ?? { promised: ZERO_BALLOT, sources: [] }
    source.note(promised)
    this.#ballots.set(id, { promised, sources: [...sources, source] })
    return source
  }

  #noteAt(id: NodeId, promised: Ballot): void {
    const sources = this.#ballots.get(id)?.sources ?? []
    for (const source of sources) source.note(promised)
    this.#ballots.set(id, { promised, sources })
  }

  #nonce(): string {
    return (++this.#nonces).toString(16).padStart(16, '0')
  }
}
