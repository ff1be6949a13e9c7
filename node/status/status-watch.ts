/**
 * Looks at the status of the cluster every now and then, so that checks are noted when they begin and end although nobody
 * asks, and keeps what was gathered last for the metrics.
 */
import type { Clock, Log } from '../../cluster/runtime.ts'
import type { ClusterStatus } from './status-types.ts'

export interface StatusWatchComponents {
  clock: Clock
  log: Log
  gather: () => Promise<ClusterStatus>
}

/** A node that has just started finds the others first. */
const FIRST_MS = 5000
const EVERY_MS = 30_000
/** A hundred thousand images take a while: looking takes a fiftieth of the time at most. */
const REST_FACTOR = 50

export class StatusWatch {
  readonly #components: StatusWatchComponents
  #latest: { status: ClusterStatus; atMs: number } | null = null
  #cancel = () => {}
  #isStopped = false

  constructor(components: StatusWatchComponents) {
    this.#components = components
  }

  start(): void {
    this.#lookAfter(FIRST_MS)
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel()
  }

  /** Null before the first. */
  get latest(): { status: ClusterStatus; ageMs: number } | null {
    if (!this.#latest) return null
    const { status, atMs } = this.#latest
    return { status, ageMs: this.#components.clock.monotonicMs() - atMs }
  }

  async gather(): Promise<ClusterStatus> {
    const { clock, gather } = this.#components
    const status = await gather()
    this.#latest = { status, atMs: clock.monotonicMs() }
    return status
  }

  async #look(): Promise<void> {
    const { clock, log } = this.#components
    const beganMs = clock.monotonicMs()
    await this.gather().catch((error: unknown) =>
      log.warn({ error: String(error) }, 'the status of the cluster could not be gathered'),
    )
    this.#lookAfter(Math.max(EVERY_MS, (clock.monotonicMs() - beganMs) * REST_FACTOR))
  }

  #lookAfter(delayMs: number): void {
    if (this.#isStopped) return
    this.#cancel = this.#components.clock.after(delayMs, () => void this.#look())
  }
}
