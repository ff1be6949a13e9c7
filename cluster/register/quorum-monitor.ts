/**
 * Whether a majority of voters can be reached (rule R6). A lost majority is noticed once, by the first operation that
 * fails for it; from then on everything that needs one is refused at once, and one small probe looks for its return.
 */
import { ClusterError, hasCode } from '../errors.ts'
import type { Clock, Log } from '../runtime.ts'

const PROBE_EVERY_MS = 250

export interface QuorumMonitorComponents {
  clock: Clock
  log: Log
  /** Succeeds when a majority answers; throws NO_QUORUM otherwise. */
  probe: () => Promise<unknown>
}

export class QuorumMonitor {
  readonly #components: QuorumMonitorComponents
  #available = true
  /** Operations, since the start. */
  #succeeded = 0
  #stopped = false
  #cancelProbe: (() => void) | null = null

  constructor(components: QuorumMonitorComponents) {
    this.#components = components
  }

  get available(): boolean {
    return this.#available
  }

  /** Runs `operation` while a majority is thought to be there. Throws NO_QUORUM at once when it is known to be away. */
  async guard<T>(operation: () => Promise<T>): Promise<T> {
    if (!this.#available) throw new ClusterError('NO_QUORUM', 'no majority of voters is reachable')
    try {
      const result = await operation()
      this.#succeeded++
      return result
    } catch (error) {
      if (hasCode(error, 'NO_QUORUM', 'OUTCOME_UNKNOWN')) this.#suspect()
      throw error
    }
  }

  stop(): void {
    this.#stopped = true
    this.#cancelProbe?.()
  }

  /** A collision also ends in NO_QUORUM: one probe right away tells the two apart. */
  #suspect(): void {
    if (this.#cancelProbe === null && !this.#stopped) void this.#probe()
  }

  async #probe(): Promise<void> {
    this.#cancelProbe = () => {}
    const before = this.#succeeded
    // It takes a second to fail, and the majority may have come back meanwhile: whatever succeeded has found it.
    const isThere = await this.#components.probe().then(
      () => true,
      () => this.#succeeded > before,
    )
    this.#cancelProbe = null
    if (this.#stopped) return
    this.#set(isThere)
    if (isThere) return
    this.#cancelProbe = this.#components.clock.after(PROBE_EVERY_MS, () => void this.#probe())
  }

  #set(available: boolean): void {
    if (this.#available === available) return
    this.#available = available
    const { log } = this.#components
    if (available) log.info({}, 'a majority of voters is reachable again: writes go on')
    else
      log.warn(
        {},
        'no majority of voters is reachable: writes are refused, whole local images are served as stale',
      )
  }
}
