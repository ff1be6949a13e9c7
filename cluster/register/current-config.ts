/**
 * The config in force on this node: the newest settled one that it has learned, else the one that it was started with.
 *
 * A newer epoch fences at once: from the moment it is taken, nothing is voted for under an older one. It is answered
 * under only when it is durable, and with it every vote that was decided before (R10): whoever compares voters under the
 * new epoch misses nothing of the old one.
 */
import type { ClusterConfig, ConfigView } from '../membership/cluster-config.ts'
import { CONFIG_KEY, configIn } from './config-register.ts'
import type { LearnerRow, RegisterStorage } from './storage.ts'

export class CurrentConfig implements ConfigView {
  readonly #storage: RegisterStorage
  readonly #listeners: ((config: ClusterConfig) => void)[] = []
  #config: ClusterConfig
  #row: LearnerRow | null = null
  #durable: Promise<void> = Promise.resolve()

  /** `initial`: what counts until the config register was learned. */
  constructor(storage: RegisterStorage, initial: ClusterConfig) {
    this.#storage = storage
    this.#config = initial
    const kept = storage.configInForce()
    if (kept) this.#take(kept)
    const learned = storage.learned(CONFIG_KEY)
    if (learned?.settled) void this.adopt(learned).catch(() => {})
    storage.onLearned((key, row) => {
      if (key === CONFIG_KEY && row) void this.adopt(row).catch(() => {})
    })
  }

  current(): ClusterConfig {
    return this.#config
  }

  /** The register row of the config in force, or null while nobody is known to have written one. */
  row(): LearnerRow | null {
    return this.#row
  }

  /** Called with each newer config, as soon as it fences. */
  onChanged(listener: (config: ClusterConfig) => void): void {
    this.#listeners.push(listener)
  }

  /** Resolves when the config in force is durable. Rejects when the disk failed: then nothing may be answered. */
  durable(): Promise<void> {
    return this.#durable
  }

  /**
   * Takes a row of the config register; an older or unsettled one changes nothing. Resolves when what is now in force
   * is durable.
   */
  adopt(row: LearnerRow): Promise<void> {
    if (!row.settled || !this.#take(row)) return this.#durable
    const written = [this.#storage.keepConfig(row), this.#storage.learn(CONFIG_KEY, row)]
    this.#durable = Promise.all([this.#durable, ...written]).then(() => {})
    this.#durable.catch(() => {})
    for (const listener of this.#listeners) listener(this.#config)
    return this.#durable
  }

  /** Takes what a round that leaves nothing open finds to be the newest config. Throws NO_QUORUM. */
  async refresh(proposer: {
    settle(key: string): Promise<Omit<LearnerRow, 'settled'> | null>
  }): Promise<void> {
    const chosen = await proposer.settle(CONFIG_KEY)
    if (chosen) await this.adopt({ ...chosen, settled: true })
  }

  #take(row: LearnerRow): boolean {
    const config = configIn(row)
    const isNews = config.epoch > this.#config.epoch || (config.epoch === this.#config.epoch && !this.#row)
    if (!isNews) return false
    this.#config = config
    this.#row = row
    return true
  }
}
