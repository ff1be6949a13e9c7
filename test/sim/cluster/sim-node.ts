/** One life of one node: the production register modules over the production store, as node/daemon.ts composes them. */
import type { ClusterConfig, ConfigView } from '../../../cluster/membership/cluster-config.ts'
import type { NodeId } from '../../../cluster/network/rpc-port.ts'
import {
  BOOTSTRAP_OPERATION,
  CONFIG_KEY,
  configOperations,
  CurrentConfig,
} from '../../../cluster/register/config-register.ts'
import { Registers } from '../../../cluster/register/registers.ts'
import { sleep, type Log, type Random } from '../../../cluster/runtime.ts'
import { Database } from '../../../node/store/database.ts'
import { RegisterStore } from '../../../node/store/register-store.ts'
import { SimLevel } from '../disk/sim-level.ts'
import { LiveKeys } from './live-keys.ts'
import { logOperations, logTextOf, type LogText } from './log-operations.ts'
import type { LifeParts, RegisterClient, Variant } from './variant.ts'

export interface SimNodeComponents extends LifeParts {
  genesis: ClusterConfig
  random: Random
  log: Log
  isAlive: (id: string) => boolean
  variant: Variant
}

export interface SimNodeOptions {
  changeLogEntriesMax: number
}

const NONCE_BYTES = 8
const BOOTSTRAP_EVERY_MS = 1000

interface Parts {
  database: Database
  store: RegisterStore
  config: ConfigView
  registers: Registers
  client: RegisterClient
  liveKeys: LiveKeys
}

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
    const level = new SimLevel(components)
    const database = new Database(variant.level?.(level, components) ?? level)
    const opened = await RegisterStore.open(
      { database, random: components.random, log },
      { changeLogEntriesMax: options.changeLogEntriesMax },
    )
    const store = variant.storage?.(opened, components) ?? opened
    const node = new SimNode(components, compose(components, database, store))
    node.#start()
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

  get config(): ConfigView {
    return this.#parts.config
  }

  get openRequests(): number {
    return this.#components.host.openRequests
  }

  /** Why this node does not vote, or null. */
  get abstains(): string | null {
    return whyNotVoting(this.#parts.store, this.#parts.database)
  }

  /** Why the operator has to restart it, or null. */
  get failure(): Error | null {
    return this.#parts.database.failure
  }

  /** As node/images lists: freshen, then the index; what is under way is asked of a majority. */
  async list(): Promise<Map<string, LogText>> {
    const { client, liveKeys, store } = this.#parts
    await client.freshen()
    const found = await Promise.all(
      liveKeys.keys().map(async (key): Promise<[string, LogText]> => {
        const row = store.learned(key)
        const value = row?.settled ? row.value : (await client.read(key))?.value
        return [key, value ? logTextOf(value) : '']
      }),
    )
    return new Map(found.filter(([, text]) => text.startsWith('+')))
  }

  #start(): void {
    this.#parts.registers.start()
    void this.#bootstrap()
  }

  /** Writes the genesis into the config register, once; as cluster/cluster.ts does. */
  async #bootstrap(): Promise<void> {
    const { registers, store, config } = this.#parts
    const { host } = this.#components
    const opId = registers.mintOpId()
    while (host.alive && !store.learned(CONFIG_KEY)?.settled) {
      const call = { name: BOOTSTRAP_OPERATION, args: config.current(), opId }
      await registers.execute(CONFIG_KEY, call).catch(() => sleep(host.clock, BOOTSTRAP_EVERY_MS))
    }
  }
}

function compose(components: SimNodeComponents, database: Database, store: RegisterStore): Parts {
  const { self, genesis, host, random, log, variant, isAlive } = components
  const stored = { ...components, store }
  const current = new CurrentConfig(genesis, store.learned(CONFIG_KEY))
  const config = variant.config?.(current, stored) ?? current
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
    operations: { ...configOperations, ...logOperations },
    abstains: () => whyNotVoting(store, database),
  })
  const isIndexed = variant.isIndexed ?? ((settled: boolean) => settled)
  const liveKeys = new LiveKeys(store, isIndexed)
  store.onLearned((key, row) => {
    if (key === CONFIG_KEY) current.note(row)
  })
  return {
    database,
    store,
    config,
    registers,
    client: variant.client?.(registers, stored) ?? registers,
    liveKeys,
  }
}

/** As node/daemon.ts decides it. */
function whyNotVoting(store: RegisterStore, database: Database): string | null {
  if (!store.isIntact) return 'its vote rows are not those that it wrote'
  if (database.failure) return `its disk refuses writes (${database.failure.message})`
  return null
}
