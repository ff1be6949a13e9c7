/** When a transfer last showed that it is alive. */
import type { Clock } from '../runtime.ts'

export class LifeSign {
  readonly #clock: Clock
  #lastMs: number
  /** Of everything that moves between this node and the same peer. */
  #peer: LifeSign | null = null
  #isQueued = false

  constructor(clock: Clock) {
    this.#clock = clock
    this.#lastMs = clock.monotonicMs()
  }

  /** Something moved. Cheap: only the time is noted. */
  note(): void {
    this.#lastMs = this.#clock.monotonicMs()
    this.#peer?.note()
  }

  /**
   * Waits for its turn at a peer. Until `begin` whatever moves there counts: a request is not dead while the peer is busy
   * with those before it.
   */
  queueAt(peer: LifeSign): void {
    this.#peer = peer
    this.#isQueued = true
  }

  /** From here on only its own signs count. */
  begin(): void {
    this.#isQueued = false
    this.#lastMs = this.#clock.monotonicMs()
  }

  /** Since the last sign, ms. */
  get silentMs(): number {
    const queued = this.#isQueued ? (this.#peer?.silentMs ?? Infinity) : Infinity
    return Math.min(queued, this.#clock.monotonicMs() - this.#lastMs)
  }
}
