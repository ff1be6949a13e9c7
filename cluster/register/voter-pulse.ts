/** What this node notices of the voters while it asks them: when each last answered, and how long answers take. */
import type { NodeId } from '../network/rpc-port.ts'
import type { Clock } from '../runtime.ts'
import { PeakDelay } from './peak-delay.ts'

export class VoterPulse {
  readonly #clock: Clock
  readonly #answered = new Map<NodeId, { lastMs: number; delay: PeakDelay }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** A voter has answered what it was asked at `sentMs` (monotonic). */
  note(voter: NodeId, sentMs: number): void {
    const lastMs = this.#clock.monotonicMs()
    const known = this.#answered.get(voter)
    const delay = known?.delay ?? new PeakDelay(this.#clock)
    delay.note(lastMs - sentMs)
    this.#answered.set(voter, { lastMs, delay })
  }

  /** Whether it has answered anything since then (monotonic ms). */
  isHeardSince(voter: NodeId, sinceMs: number): boolean {
    const known = this.#answered.get(voter)
    return known !== undefined && known.lastMs >= sinceMs
  }

  /** How long its answers have taken lately, ms; 0: unknown. */
  delayMs(voter: NodeId): number {
    return this.#answered.get(voter)?.delay.value ?? 0
  }
}
