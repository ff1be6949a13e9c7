/** Whole registers on a memory network, with time that passes as the test lets it: starts, restarts, joins, losses. */
import type { ClusterConfig } from '../../../cluster/membership/cluster-config.ts'
import type { NodeId } from '../../../cluster/network/rpc-port.ts'
import { CurrentConfig } from '../../../cluster/register/current-config.ts'
import { Registers } from '../../../cluster/register/registers.ts'
import type { Outcome } from '../../../cluster/register/vote-messages.ts'
import { silentLog, systemRandom } from '../../../cluster/runtime.ts'
import { ManualClock } from '../../helpers/manual-clock.ts'
import { MemoryNetwork } from '../../helpers/memory-network.ts'
import { MemoryRegisterDisk, MemoryRegisterStorage } from '../../helpers/memory-register-storage.ts'
import { callOf, configOf, wordOperations, wordsIn } from './register-fixture.ts'

export interface LiveNode {
  registers: Registers
  storage: MemoryRegisterStorage
  config: CurrentConfig
}

const STEP_MS = 20
/** Virtual time; whatever these tests wait for takes a few seconds at most. */
const PATIENCE_MS = 60_000

export class LiveCluster {
  readonly network = new MemoryNetwork()
  readonly clock = new ManualClock()
  readonly disks = new Map<NodeId, MemoryRegisterDisk>()
  readonly #nodes = new Map<NodeId, LiveNode>()
  readonly #genesis: ClusterConfig
  #starts = 0

  /** The first `voters` of `ids` are the voters of the genesis, the others store. */
  constructor(ids: readonly NodeId[], voters = ids.length) {
    const nodes = ids.map((id, i) => ({
      ...{ id, address: '', zone: null, weight: 1 },
      role: i < voters ? ('voter' as const) : ('storage' as const),
    }))
    this.#genesis = configOf(ids.slice(0, voters), { nodes })
    for (const id of ids) this.disks.set(id, new MemoryRegisterDisk(`disk of ${id}`))
  }

  at(id: NodeId): LiveNode {
    const node = this.#nodes.get(id)
    if (!node) throw new Error(`${id} is not running`)
    return node
  }

  start(...ids: NodeId[]): void {
    for (const id of ids) {
      const storage = new MemoryRegisterStorage(this.disks.get(id) as MemoryRegisterDisk)
      const config = new CurrentConfig(storage, this.#genesis)
      this.network.down.delete(id)
      const registers = new Registers({
        self: id,
        startNonce: (++this.#starts).toString(16).padStart(16, '0'),
        clock: this.clock,
        random: systemRandom,
        log: silentLog,
        config,
        liveness: { isAlive: (peer) => this.#nodes.has(peer) },
        rpc: this.network.join(id),
        storage,
        operations: wordOperations,
        abstains: () => null,
      })
      this.#nodes.set(id, { registers, storage, config })
      registers.start()
    }
  }

  stop(id: NodeId): void {
    this.at(id).registers.stop()
    this.#nodes.delete(id)
    this.network.down.add(id)
  }

  stopAll(): void {
    for (const id of [...this.#nodes.keys()]) this.stop(id)
  }

  /** The node finds an empty disk at its next start. */
  loseDisk(id: NodeId): void {
    this.disks.set(id, new MemoryRegisterDisk(`new disk of ${id}, ${++this.#starts}`))
  }

  /** Lets time pass until `isTrue`. Throws when it never comes. */
  async until(isTrue: () => boolean): Promise<void> {
    for (let waitedMs = 0; !isTrue(); waitedMs += STEP_MS) {
      if (waitedMs > PATIENCE_MS) throw new Error('what was waited for did not come')
      await this.clock.advance(STEP_MS)
    }
  }

  votes(id: NodeId): boolean {
    return this.at(id).registers.abstains() === null
  }

  async allVote(...ids: NodeId[]): Promise<void> {
    await this.until(() => ids.every((id) => this.votes(id)))
  }

  /** Lets time pass until the work is done, and answers with what came of it. */
  async during<T>(work: Promise<T>): Promise<T> {
    let isDone = false
    const end = () => {
      isDone = true
    }
    work.then(end, end)
    await this.until(() => isDone)
    return work
  }

  execute(id: NodeId, key: string, name: string, args?: unknown): Promise<Outcome> {
    return this.during(this.at(id).registers.execute(key, callOf(name, args)))
  }

  async words(id: NodeId, key: string): Promise<unknown> {
    const chosen = await this.during(this.at(id).registers.read(key))
    return wordsIn(chosen?.value)
  }
}
