/** One life of one node: the production register modules over the production store, as node/daemon.ts composes them. */
import type { ClusterConfig } from '../../../cluster/membership/cluster-config.ts'
import type { NodeId } from '../../../cluster/network/rpc-port.ts'
import { CurrentConfig } from '../../../cluster/register/current-config.ts'
import { HeldPromises, type HeldPromise } from '../../../cluster/register/held-promises.ts'
import { coordinatorsOf } from '../../../cluster/register/key-order.ts'
import { Registers } from '../../../cluster/register/registers.ts'
import type { LearnedListener } from '../../../cluster/register/storage.ts'
import type { Log, Random } from '../../../cluster/runtime.ts'
import { Database } from '../../../node/store/database.ts'
import { RegisterStore } from '../../../node/store/register-store.ts'
import { SimLevel } from '../disk/sim-level.ts'
import { logOperations, type LogText } from './log-operations.ts'
import { RecordIndex } from './record-index.ts'
import type { LifeParts, RegisterClient, Variant } from './variant.ts'

export interface SimNodeComponents extends LifeParts {
  genesis: ClusterConfig
  random: Random
  log: Log
  isAlive: (id: string) => boolean
  variant: Variant
  note: (name: string) => void
}

export interface SimNodeOptions {
  changeLogEntriesMax: number
}

const NONCE_BYTES = 8

interface Parts {
  database: Database
  store: RegisterStore
  config: CurrentConfig
  registers: Registers
  client: RegisterClient
  index: RecordIndex
}

const REAP_TURN_MS = 1000

export class SimNode {
  readonly #components: SimNodeComponents
  readonly #parts: Parts

  private constructor(components: SimNodeComponents, parts: Parts) {
    this.#components = components
    this.#parts = parts
  }

  /** Starts the node over what its disk holds. Rejects when the disk refuses. */
  static async boot(components: SimNodeComponents, options: SimNodeOptions): Promise<SimNode> {
    const { variant, log } = components
    variant.beforeOpen?.(components)
    const level = new SimLevel(components)
    const database = new Database(variant.level?.(level, components) ?? level)
    const index = new RecordIndex(variant.isIndexed ?? ((row) => row.settled))
    const onFound: LearnedListener = (key, row) => index.note(key, row)
    const opened = await RegisterStore.open(
      { database, random: components.random, log },
      { changeLogEntriesMax: options.changeLogEntriesMax, onFound },
    )
    opened.onLearned(onFound)
    const store = variant.storage?.(opened, components) ?? opened
    const node = new SimNode(components, compose(components, { database, store, index }))
    node.registers.start()
    return node
  }

  get id(): NodeId {
    return this.#components.self
  }

  get store(): RegisterStore {
    return this.#parts.store
  }

  get registers(): Registers {
    return this.#parts.registers
  }

  get client(): RegisterClient {
    return this.#parts.client
  }

  get config(): CurrentConfig {
    return this.#parts.config
  }

  get openRequests(): number {
    return this.#components.host.openRequests
  }

  /** Why this node does not vote, or null. */
  get abstains(): string | null {
    return this.#parts.registers.abstains()
  }

  /** Why the operator has to restart it, or null. */
  get failure(): Error | null {
    return this.#parts.database.failure
  }

  /** As node/loops/tombstone-reaper.ts: goes on with removals that were interrupted, and drops what the voters removed (R9). */
  async reap(): Promise<void> {
    await Promise.allSettled(this.#parts.index.deletedKeys().map((key) => this.#reapOne(key)))
  }

  /** Each voter has its turn: the coordinator of an interrupted removal may have nothing left that would remind it. */
  async #reapOne(key: string): Promise<void> {
    const { registers, config } = this.#parts
    const order = coordinatorsOf(key, config.current().voters)
    const turn = Math.floor(this.#components.world.nowMs / REAP_TURN_MS) % order.length
    const collected = order[turn] === this.id ? await registers.collect(key, () => true) : 'absent'
    if (collected === 'absent') await registers.forgetRemoved(key)
  }

  /** As node/images lists: what the index holds once it was freshened. */
  async list(): Promise<Map<string, LogText>> {
    await this.#parts.client.freshen()
    return this.#parts.index.list()
  }
}

/** Tells how often some were there: a simulation in which there never are says nothing about them. */
class NotedPromises extends HeldPromises {
  readonly #note: (name: string) => void

  constructor(note: (name: string) => void) {
    super()
    this.#note = note
  }

  override take(key: string): HeldPromise | null {
    const promise = super.take(key)
    if (promise) this.#note('promises-held')
    return promise
  }
}

function compose(components: SimNodeComponents, opened: Pick<Parts, 'database' | 'store' | 'index'>): Parts {
  const { database, store } = opened
  const { self, genesis, host, random, log, variant, isAlive } = components
  const stored = { ...components, store }
  const current = new CurrentConfig(store, genesis)
  const config = variant.config?.(current, stored) ?? current
  const held = new NotedPromises(components.note)
  const nonce = Buffer.from(random.bytes(NONCE_BYTES)).toString('hex')
  const registers = new Registers({
    self,
    startNonce: variant.startNonce?.(nonce, components) ?? nonce,
    clock: host.clock,
    random,
    log,
    config,
    liveness: { isAlive: (id) => id === self || isAlive(id) },
    rpc: variant.rpc?.(host, stored) ?? host,
    storage: store,
    held: variant.held?.(held, stored) ?? held,
    operations: { ...logOperations, ...variant.operations },
    abstains: () => database.failure?.message ?? null,
  })
  return { ...opened, config, registers, client: variant.client?.(registers, stored) ?? registers }
}
