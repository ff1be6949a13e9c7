/**
 * Names that want work, each once, each not before it is due. A name that failed comes back later and later; a fresh
 * trigger makes it due at once.
 */
import type { Clock, Random } from '../../cluster/runtime.ts'

const BACK_OFF_MS_MIN = 500
const BACK_OFF_MS_MAX = 60_000

interface Entry {
  dueMs: number
  sinceMs: number
  failures: number
  /** Grows with every trigger: work that began before the last one does not finish the name. */
  triggers: number
}

/** One piece of work under way. */
export interface Ticket {
  name: string
  triggers: number
}

export class WorkQueue {
  readonly #clock: Clock
  readonly #random: Random
  readonly #entries = new Map<string, Entry>()

  constructor(clock: Clock, random: Random) {
    this.#clock = clock
    this.#random = random
  }

  get size(): number {
    return this.#entries.size
  }

  /** How long the oldest name has been waiting; 0 when there is none. */
  get oldestAgeMs(): number {
    let since = this.#clock.monotonicMs()
    for (const entry of this.#entries.values()) since = Math.min(since, entry.sinceMs)
    return this.#clock.monotonicMs() - since
  }

  add(name: string): void {
    const now = this.#clock.monotonicMs()
    const known = this.#entries.get(name)
    const triggers = (known?.triggers ?? 0) + 1
    this.#entries.set(name, {
      dueMs: now,
      sinceMs: known?.sinceMs ?? now,
      failures: known?.failures ?? 0,
      triggers,
    })
  }

  /** What is due now, in the order it came. Each stays until `done`. */
  due(): Ticket[] {
    const now = this.#clock.monotonicMs()
    return [...this.#entries]
      .filter(([, entry]) => entry.dueMs <= now)
      .map(([name, { triggers }]) => ({ name, triggers }))
  }

  /** The work is finished, unless a trigger came while it was under way. */
  done({ name, triggers }: Ticket): void {
    if (this.#entries.get(name)?.triggers === triggers) this.#entries.delete(name)
  }

  /** Exponential back-off with jitter, unless a trigger came meanwhile. */
  failed({ name, triggers }: Ticket): void {
    const entry = this.#entries.get(name)
    if (!entry || entry.triggers !== triggers) return
    const backOffMs = Math.min(BACK_OFF_MS_MIN * 2 ** entry.failures, BACK_OFF_MS_MAX)
    entry.failures++
    entry.dueMs = this.#clock.monotonicMs() + backOffMs * (0.5 + this.#random.float())
  }
}
